package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared has the values that all tests of one binary share. It is the only state of the package. A failed start or build
// is not tried again.
var shared struct {
	sync.Mutex
	dir       string // set while Main runs
	server    *influxd
	serverErr error
	programs  map[bool]program // with the race detector, and without it
}

// program is a build of the program under test.
type program struct {
	path string
	err  error
}

// Main runs the tests of a package, and ends the values that they shared. It returns the exit code. TestMain calls it.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pymon-bridge-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.Lock()
	shared.dir, shared.programs = dir, map[bool]program{}
	shared.Unlock()
	// For the programs of tests. By default a program with the race detector waits a second before it ends.
	if err := os.Setenv("GORACE", "halt_on_error=0 atexit_sleep_ms=50"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.server != nil {
			shared.server.proc.kill()
		}
		_ = os.RemoveAll(dir) // a file that stays in the temporary folder does no harm
	}()
	return m.Run()
}

// SharedInflux returns the server that all tests of a binary share. Each test gets a new organisation, so that parallel
// tests do not see each other. The package's TestMain must call [Main].
//
// INFLUX_TEST_URL names a running server to use instead, and INFLUX_TEST_TOKEN an operator's token for it. When the token
// must not make organisations, INFLUX_TEST_ORG names an organisation to use.
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
