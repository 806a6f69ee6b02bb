package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// check runs the command, and returns its exit status and its standard error.
func check(ctx context.Context, args ...string) (status int, stderr string) {
	var out, log bytes.Buffer
	m := &Main{Stdout: &out, Stderr: &log}
	status = m.Run(ctx, append([]string{"check"}, args...))
	return status, log.String()
}

// JSON of another service must not look like a run without regressions.
func TestCheckDoesNotPassWithoutAReport(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{}`, `null`, `{"status": "ok", "project": "shop"}`,
		`{"project": "shop", "run": "ci-17", "suite": {"status": "odd"}}`} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write([]byte(answer))
			assert.NoError(t, err)
		}))
		status, stderr := check(t.Context(), "--url", other.URL)
		other.Close()
		assert.Equal(t, statusNotJudged, status, answer)
		assert.Contains(t, stderr, "is not a report: it judges no run", answer)
	}
}

func TestStoppedCheckDoesNotPass(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}))
	defer slow.Close()
	status, stderr := check(ctx, "--url", slow.URL)
	assert.Equal(t, statusNotJudged, status)
	assert.Equal(t, "pymon-bridge: could not judge: stopped before there was an answer\n", stderr)
}

// The token must go to the given address only.
func TestCommandsFollowNoRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("was asked for %s, with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer SECRET", r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL+"/login?secret=1", http.StatusTemporaryRedirect)
	}))
	defer front.Close()
	refused := "redirects to " + elsewhere.URL + "/login (307 Temporary Redirect): expected the address of the bridge itself"
	for _, c := range []struct {
		command, said string
		status        int
	}{
		{"check", refused, statusNotJudged},
		{"open", refused, 1},
		{"healthcheck", "the bridge is not ready: it answered 307 Temporary Redirect", 1},
	} {
		var out, log bytes.Buffer
		status := (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), []string{c.command, "--url", front.URL, "--token", "SECRET"})
		assert.Equal(t, c.status, status, c.command)
		assert.Contains(t, log.String(), c.said)
	}
	code, err := (&source{client: client{URL: front.URL, Token: "SECRET"}}).loginCode(t.Context())
	assert.Error(t, err)
	assert.Empty(t, code)
}

// With an empty variable in a pipeline, the command must not judge the run of somebody else.
func TestCheckRefusesAnEmptyCommitOrRun(t *testing.T) {
	t.Parallel()
	bridge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("was asked for %s", r.URL.RawQuery)
	}))
	defer bridge.Close()
	for _, flag := range []string{"--scm-ref", "--run"} {
		status, stderr := check(t.Context(), "--url", bridge.URL, flag, "")
		assert.Equal(t, statusNotJudged, status)
		assert.Contains(t, stderr, flag+": expected a value, got an empty text")
	}
}

// A run with too few earlier runs passes.
func TestCheckDoesNotPassARunWithoutJudgedResults(t *testing.T) {
	t.Parallel()
	for summary, tc := range map[string]struct {
		status int
		stderr string
	}{
		`{"tests": 2, "not_judged": 6}`: {statusNotJudged,
			"pymon-bridge: could not judge: run \"ci-17\" has no measurement that could be judged: not measured\n"},
		`{"tests": 0}`: {statusNotJudged, "pymon-bridge: could not judge: run \"ci-17\" measured no test\n"},
		`{"tests": 2, "ok": 6}, "left_out": [{"runs": ["a", "b"], "tests": 9, "missing": true}, {"runs": ["c"]}]`: {statusNotJudged,
			"pymon-bridge: could not judge: run \"ci-17\" is not all of its commit: 2 runs were not looked at, with 9 tests\n"},
		`{"tests": 2, "ok": 6}, "left_out": [{"runs": ["c"], "tests": 9}]`: {0, ""},
		`{"tests": 2, "not_judged": 2, "learning": 4}`:                     {0, ""},
		`{"tests": 2, "not_judged": 2, "ok": 4}`:                           {0, ""},
	} {
		bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write([]byte(`{"project": "shop", "run": "ci-17", "suite": {"status": "ok"}, "summary": ` + summary + `,
				"results": [{"status": "not_judged", "reason": "not measured"}]}`))
			assert.NoError(t, err)
		}))
		status, stderr := check(t.Context(), "--url", bridge.URL)
		bridge.Close()
		assert.Equal(t, tc.status, status, summary)
		assert.Equal(t, tc.stderr, stderr, summary)
	}
}

// A fault of the program must not end with status 0.
func TestAPanicIsNoSuccess(t *testing.T) {
	t.Parallel()
	m := &Main{Stdout: panicking{}, Stderr: panicking{}}
	assert.Panics(t, func() { m.Run(t.Context(), []string{"version"}) })
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("a fault") }

// checked runs the command, and returns its standard output.
func checked(t *testing.T, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	m := &Main{Stdout: &out, Stderr: &log}
	m.Run(t.Context(), append([]string{"check"}, args...))
	return out.String()
}

// The desktop opens other things than pages by their addresses.
func TestABridgeNamesOnlyWebAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://ci.example.org/pymon/": "https://ci.example.org/pymon/", "http://[::1]:80": "http://[::1]:80", "": "", "file:///etc/passwd": "",
		"--manual": "", "javascript:alert(1)": "", "ssh://-oProxyCommand=x/": "", "/etc/passwd": "", "http:": "", "HTTPS://x": "https://x",
		"http://x/\x1b[2J": "", "http://x/\u202ea": "http://x/%E2%80%AEa", "http://\u202ea/": "http://%E2%80%AEa/",
	} {
		assert.Equal(t, want, publicAddress(http.Header{"Pymon-Bridge-Address": {address}}), address)
	}
}
