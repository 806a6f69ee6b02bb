package harness

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// Influx is an InfluxDB server for one test, which has its own organisation there.
type Influx struct {
	URL   string
	Org   string
	OrgID string
	Token string // has the permissions of an organisation's owner

	tb       testing.TB
	operator influxClient
	own      *influxd          // nil for a server that the test must not stop
	tokens   map[string]string // ids of the tokens, by secret
}

// StartInflux starts a server for this test alone. The test may stop it, kill it and start it again. Other tests use
// [SharedInflux], which saves the start.
func StartInflux(tb testing.TB) *Influx {
	tb.Helper()
	server, err := startInfluxd(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("influxd's last lines:\n%s", server.proc.tail())
		}
		server.proc.kill()
	})
	i := newInflux(tb, influxClient{url: server.url(), token: server.token})
	i.own = server
	return i
}

// newInflux makes an organisation for one test.
func newInflux(tb testing.TB, operator influxClient) *Influx {
	tb.Helper()
	i := &Influx{URL: operator.url, tb: tb, operator: operator, tokens: map[string]string{}}
	if org := os.Getenv("INFLUX_TEST_ORG"); org != "" && operator.url == os.Getenv("INFLUX_TEST_URL") {
		i.Org, i.Token, i.OrgID = org, operator.token, i.findOrg(org)
		return i
	}
	i.Org = Unique("org")
	var org struct {
		ID string `json:"id"`
	}
	i.json(http.MethodPost, "/api/v2/orgs", map[string]any{"name": i.Org}, &org)
	i.OrgID = org.ID
	i.Token = i.NewToken(OwnerOf(i.OrgID)...)
	return i
}

// Stop ends the server gracefully.
func (i *Influx) Stop() {
	i.tb.Helper()
	if _, err := i.server().proc.stop(stopWithin); err != nil {
		i.tb.Fatal(err)
	}
}

// Kill ends the server like kill -9.
func (i *Influx) Kill() {
	i.tb.Helper()
	i.server().proc.kill()
}

// Start starts a stopped server again on the same port and data, and waits until it answers.
func (i *Influx) Start() {
	i.tb.Helper()
	if err := i.server().start(); err != nil {
		i.tb.Fatal(err)
	}
}

// PID returns the process id of the server.
func (i *Influx) PID() int {
	i.tb.Helper()
	return i.server().proc.cmd.Process.Pid
}

// Dir returns the folder of the server's data.
func (i *Influx) Dir() string {
	i.tb.Helper()
	return i.server().dir
}

// Log returns the output of the server so far.
func (i *Influx) Log() string {
	i.tb.Helper()
	return i.server().proc.output()
}

func (i *Influx) server() *influxd {
	i.tb.Helper()
	if i.own == nil {
		i.tb.Fatal("a shared server must not be stopped: use StartInflux")
	}
	return i.own
}

// json calls the API as the operator and decodes the answer into out, which may be nil.
func (i *Influx) json(method, path string, body, out any) {
	i.tb.Helper()
	answer, err := i.operator.call(method, path, body)
	if err != nil {
		i.tb.Fatal(err)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(answer, out); err != nil {
		i.tb.Fatalf("%s %s: %v", method, path, err)
	}
}

// Unique returns a name that begins with prefix. No other test has this name.
func Unique(prefix string) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + "-" + hex.EncodeToString(b[:])
}
