package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared is what the tests of one binary have in common. It is the package's only state, and a process has one.
// Nothing that failed is tried twice.
var shared struct {
	sync.Mutex
	dir       string // set while Main runs
	server    *influxd
	serverErr error
	bridge    string // path of the built program
	buildErr  error
}

// Main runs the tests of a package that calls it in TestMain, and ends what they shared. It returns the exit code.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pymon-bridge-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.Lock()
	shared.dir = dir
	shared.Unlock()
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.server != nil {
			shared.server.proc.kill()
		}
		_ = os.RemoveAll(dir) // a left-over in the temporary folder is no failure
	}()
	return m.Run()
}

// SharedInflux returns the server that all tests of a binary share, with a new organisation, so that they can run in
// parallel and see nothing of each other. The package's TestMain must call [Main].
//
// INFLUX_TEST_URL and INFLUX_TEST_TOKEN, an operator's token, point it at a running server instead. INFLUX_TEST_ORG
// then names an organisation to use where the token may not make one.
func SharedInflux(tb testing.TB) *Influx {
	tb.Helper()
	if url := os.Getenv("INFLUX_TEST_URL"); url != "" {
		return newInflux(tb, influxClient{url: url, token: os.Getenv("INFLUX_TEST_TOKEN")})
	}
	server, err := sharedInfluxd()
	if err != nil {
		tb.Fatal(err)
	}
	return newInflux(tb, influxClient{url: server.url(), token: server.token})
}

func sharedInfluxd() (*influxd, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		return nil, errors.New("SharedInflux needs a TestMain that calls os.Exit(harness.Main(m))")
	}
	if shared.server == nil && shared.serverErr == nil {
		dir := filepath.Join(shared.dir, "influxd")
		if shared.serverErr = os.Mkdir(dir, 0o700); shared.serverErr == nil {
			shared.server, shared.serverErr = startInfluxd(dir)
		}
	}
	return shared.server, shared.serverErr
}
