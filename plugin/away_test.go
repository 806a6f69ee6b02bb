package plugin_test

import (
	"cmp"
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// slowTests is a module of 40 tests that takes four seconds. It says when it is in the middle.
const slowTests = `
import pathlib, time, pytest

@pytest.mark.parametrize("n", range(40))
def test_it(n):
    time.sleep(0.1)
    if n == 10:
        pathlib.Path("middle").touch()
`

// TestNothingIsLostWhileTheBridgeIsAway takes the bridge away for three seconds in the middle of a run.
func TestNothingIsLostWhileTheBridgeIsAway(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		leave, back func(*harness.Bridge)
	}{
		{"killed", (*harness.Bridge).Kill, (*harness.Bridge).Start},
		{"hanging", signal(syscall.SIGSTOP), signal(syscall.SIGCONT)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bridge := harness.StartBridge(t, harness.BridgeConfig{})
			dir := suite(t, map[string]string{"test_it.py": slowTests})
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", bridge.URL},
				Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_WAIT=120"}}.Start(t)
			require.Eventually(t, func() bool {
				_, err := os.Stat(filepath.Join(run.Dir, "middle"))
				return err == nil
			}, time.Minute, 10*time.Millisecond)
			tt.leave(bridge)
			time.Sleep(3 * time.Second)
			tt.back(bridge)
			run.Wait()
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
			stored, variants := harness.Stored(t, bridge.Data), map[string]int{}
			for _, m := range stored.Metrics {
				variants[m.ItemVariant]++
			}
			assert.Len(t, stored.Metrics, 40)
			assert.Len(t, variants, 40)
			assert.Len(t, stored.Sessions, 1)
			assert.Len(t, stored.Contexts, 1)
		})
	}
}

func signal(s syscall.Signal) func(*harness.Bridge) {
	return func(b *harness.Bridge) { _ = syscall.Kill(b.PID(), s) }
}

// TestABridgeThatDoesNotAnswerIsNamed has no bridge, or one that refuses. The run is as it would be without, and ends with
// a line that says so.
func TestABridgeThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": "def test_it():\n    pass\ndef test_fails():\n    assert 0\n"})
	status := func(status int) func(string, int) int { return func(string, int) int { return status } }
	for _, tt := range []struct {
		name   string
		answer func(path string, rows int) int
		url    string
		say    string
		least  int // requests
		most   int
	}{
		{"refuses the token", status(http.StatusUnauthorized), "", "2 of the results did not arrive at URL: 401 refused by the test", 1, 1},
		{"is something else", status(http.StatusNotFound), "", "2 of the results did not arrive at URL: 404 refused by the test", 1, 1},
		{"is elsewhere", status(http.StatusFound), "", "2 of the results did not arrive at URL: 302 refused by the test", 1, 1},
		{"says 200 to everything", status(http.StatusOK), "", "2 of the results did not arrive at URL: 200 refused by the test", 1, 1},
		{"takes no end", func() func(string, int) int {
			sessions := 0
			return func(path string, _ int) int {
				if path == "sessions" {
					sessions++
				}
				return map[bool]int{true: 400}[path == "sessions" && sessions == 2]
			}
		}(), "", "what describes the run did not arrive at URL: 400 refused by the test", 5, 5},
		{"is full", status(http.StatusServiceUnavailable), "", "2 of the results did not arrive at URL: 503 refused by the test", 2, 100},
		{"takes no row", func(path string, _ int) int {
			return map[string]int{"metrics": 400, "outcomes": 400}[path]
		}, "", "2 of the results did not arrive at URL: 400 refused by the test", 5, 5},
		{"has a project with a wrong name", status(http.StatusNotFound), "URL/p/für uns", "2 of the results did not arrive at URL/p/für uns: 404 refused by the test", 1, 1},
		{"is not there", nil, "http://x:secret@127.0.0.1:1/p/y", "2 of the results did not arrive at http://127.0.0.1:1/p/y: [Errno", 0, 0},
		{"has no name", nil, "http://", "nothing is sent: expected an address such as http://127.0.0.1:8080", 0, 0},
		{"has a wrong port", nil, "http://127.0.0.1:port", "nothing is sent: expected an address such as http://127.0.0.1:8080", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := record(t, tt.answer)
			tt.url = strings.Replace(cmp.Or(tt.url, "URL"), "URL", server.URL, 1)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", tt.url},
				Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_WAIT=0.3"}}.Run(t)
			assert.Equal(t, 1, run.ExitCode)
			assert.Contains(t, run.Output(), "1 failed, 1 passed")
			assert.Contains(t, run.Output(), "pymon-bridge: "+strings.Replace(tt.say, "URL", server.URL, 1))
			assert.Equal(t, 1, strings.Count(run.Output(), "pymon-bridge:"), run.Output())
			assert.NotContains(t, run.Output(), "secret")
			assert.GreaterOrEqual(t, len(server.asked()), tt.least)
			assert.LessOrEqual(t, len(server.asked()), tt.most)
		})
	}
}

// TestOtherServersGetWhatTheyTake has servers that do not take all that a bridge takes.
func TestOtherServersGetWhatTheyTake(t *testing.T) {
	t.Parallel()
	busy := 0 // requests to the server that is busy
	text := "import pytest\n@pytest.mark.parametrize('n', range(120))\ndef test_it(n):\n    assert n < 100\n"
	dir := suite(t, map[string]string{"test_it.py": text})
	for _, tt := range []struct {
		name              string
		answer            func(path string, rows int) int
		metrics, outcomes int
		lists             bool
	}{
		{"everything", nil, 100, 20, true},
		{"nothing at first", func(string, int) int {
			if busy++; busy <= 4 {
				return http.StatusServiceUnavailable
			}
			return 0
		}, 100, 20, true},
		{"no outcomes", func(path string, _ int) int { return map[string]int{"outcomes": 404}[path] }, 100, 0, true},
		{"no lists", func(_ string, rows int) int {
			if rows > 1 {
				return http.StatusBadRequest
			}
			return 0
		}, 100, 20, false},
		{"fails at lists", func(_ string, rows int) int {
			if rows > 1 {
				return http.StatusInternalServerError
			}
			return 0
		}, 100, 20, false},
		{"short lists", func(_ string, rows int) int {
			if rows > 7 {
				return http.StatusRequestEntityTooLarge
			}
			return 0
		}, 100, 20, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := record(t, tt.answer)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir,
				Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL + "/p/shop/api/v1/", "--tb=no"},
				Env:  []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
			assert.Equal(t, 1, run.ExitCode)
			assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
			assert.Len(t, server.of("metrics"), tt.metrics)
			assert.Len(t, server.of("outcomes"), tt.outcomes)
			assert.Equal(t, tt.lists, server.lists > 0)
			assert.NotNil(t, server.session(t)["exit_status"])
			for _, request := range server.asked() {
				assert.Regexp(t, "^/p/shop/api/v1/[a-z]+/$", request.URL.Path)
			}
		})
	}
}

// TestRequestsAuthenticate has a token in the environment, or a password in the address.
func TestRequestsAuthenticate(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest})
	for name, want := range map[string]string{"": "Bearer s3cret", "x:p%40ss@": "Basic eDpwQHNz"} {
		t.Run("with "+name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir,
				Args: []string{"-p", "pymon_bridge", "--remote-server", strings.Replace(server.URL, "//", "//"+name, 1)},
				Env:  []string{"PYTHONPATH=" + loaded(t), "PYMON_TOKEN=s3cret"}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Len(t, server.tests(t), 1)
			for _, request := range server.asked() {
				assert.Equal(t, want, request.Header.Get("Authorization"))
			}
		})
	}
}

// TestSecretsAreNotShown has tokens and passwords that cannot be sent, and tokens with blanks around them, which can.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest})
	for _, tt := range []struct{ name, url, token, say string }{
		{"a token with a line break at its end", "URL", " s3cret\n", ""},
		{"blanks for a token", "URL", " ", ""},
		{"a line break in the token", "URL", "s3cret\ns3cret", "expected printable ASCII characters in PYMON_TOKEN"},
		{"an umlaut in the token", "URL", "s3cretä", "expected printable ASCII characters in PYMON_TOKEN"},
		{"a slash after digits", "http://x:12/s3cret@127.0.0.1:1", "", "expected an address in whose password /, ? and # are written as"},
		{"a number sign after digits", "http://x:12#s3cret@127.0.0.1:1", "", "expected an address in whose password"},
		{"a slash", "http://x:s3cret/@127.0.0.1:1", "", "expected an address such as http://127.0.0.1:8080"},
		{"a character that is several", "http://x:s3cret℀@127.0.0.1:1", "", "expected an address such as http://127.0.0.1:8080"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge"},
				Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_TOKEN=" + tt.token, "PYMON_WAIT=0",
					"PYMON_URL=" + strings.Replace(tt.url, "URL", server.URL, 1)}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.NotContains(t, run.Output(), "s3cret")
			if tt.say != "" {
				assert.Contains(t, run.Output(), "pymon-bridge: nothing is sent: "+tt.say)
				assert.Empty(t, server.asked())
				return
			}
			assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
			assert.Len(t, server.tests(t), 1)
			for _, request := range server.asked() {
				assert.Equal(t, strings.TrimSpace(tt.token), strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer "))
			}
		})
	}
}

// TestConnectionsMayEnd has a server that ends kept connections. A test lets such a connection kill the process: it takes
// away Python's protection from SIGPIPE.
func TestConnectionsMayEnd(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": `
import signal, time

def test_lets_pipes_kill():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

def test_waits():
    time.sleep(1.1)

def test_waits_again():
    time.sleep(1.1)
`})
	for name, end := range map[string]func(requests int, hijack func()) bool{
		"after an answer": func(_ int, hijack func()) bool { time.AfterFunc(100*time.Millisecond, hijack); return false },
		"without an answer": func(requests int, hijack func()) bool {
			if requests%2 == 1 {
				return false
			}
			hijack()
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			var requests atomic.Int64
			ending := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn := r.Context().Value(connection{}).(net.Conn)
				if !end(int(requests.Add(1)), func() { _ = conn.Close() }) {
					server.ServeHTTP(w, r)
				}
			}))
			ending.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, connection{}, c)
			}
			ending.Start()
			t.Cleanup(ending.Close)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", ending.URL},
				Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_WAIT=0"}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
			assert.Len(t, server.tests(t), 3)
			assert.EqualValues(t, 0, server.session(t)["exit_status"])
		})
	}
}

// connection is the key of a request's connection in its context.
type connection struct{}

// TestTheCertificateIsVerified serves TLS with a certificate that only REQUESTS_CA_BUNDLE makes valid.
func TestTheCertificateIsVerified(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest})
	for _, trusted := range []bool{false, true} {
		t.Run(strconv.FormatBool(trusted), func(t *testing.T) {
			t.Parallel()
			server := record(t)
			tls := httptest.NewUnstartedServer(server)
			tls.Config.ErrorLog = log.New(io.Discard, "", 0)
			tls.StartTLS()
			t.Cleanup(tls.Close)
			env := []string{"PYTHONPATH=" + loaded(t), "PYMON_WAIT=0.1"}
			if trusted {
				bundle := filepath.Join(t.TempDir(), "ca.pem")
				write(t, bundle, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw})))
				env = append(env, "REQUESTS_CA_BUNDLE="+bundle)
			}
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", tls.URL}, Env: env}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Equal(t, trusted, len(server.tests(t)) == 1)
			assert.Equal(t, !trusted, strings.Contains(run.Output(), "CERTIFICATE_VERIFY_FAILED"))
		})
	}
}
