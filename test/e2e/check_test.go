package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// fakeBridge gives the same answer to each request, and keeps the last request.
type fakeBridge struct {
	*httptest.Server
	asked *http.Request
}

func startFakeBridge(t *testing.T, status int, answer any) *fakeBridge {
	t.Helper()
	b := &fakeBridge{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/regressions") {
			b.asked = r
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		assert.NoError(t, json.NewEncoder(w).Encode(answer))
	}))
	t.Cleanup(b.Close)
	return b
}

// reportOf returns a report with one result.
func reportOf(status monitor.Status, suite monitor.Status) *monitor.Report {
	r := &monitor.Report{Project: "shop", Run: "ci-17", ScmRef: "0123456789abcdef", Branch: "main", Against: "main", BaselineRuns: 30,
		Sessions: []string{"s"}, Suite: monitor.Suite{Status: suite, Offset: map[string]monitor.Number{monitor.MetricCPUTime: 1.5}},
		Results: []monitor.Result{{TestID: monitor.TestID{ItemPath: "tests.test_cart", Item: "test_add", ItemVariant: "test_add[1, 2]",
			Kind: "function", Env: "ci py3.11"}, ItemFSLoc: "tests/test_cart.py", Metric: monitor.MetricCPUTime, Status: status,
			Baseline: 0.1, Limit: 0.12, Value: 0.2, Ratio: 2, Delta: 0.1, N: 30, LastGood: "good", FirstBad: "bad"}},
		Summary: monitor.Summary{Tests: 1, OK: 2}}
	switch status {
	case monitor.StatusRegression:
		r.Summary.Regressions = 1
	case monitor.StatusSuspect:
		r.Summary.Suspects = 1
	default:
		r.Summary.OK, r.Results = 3, nil
	}
	return r
}

func TestCheckExitStatusFollowsFailOn(t *testing.T) {
	t.Parallel()
	fine, regressed := reportOf(monitor.StatusOK, monitor.StatusOK), reportOf(monitor.StatusRegression, monitor.StatusOK)
	unjudged, learning := reportOf(monitor.StatusOK, monitor.StatusOK), reportOf(monitor.StatusOK, monitor.StatusLearning)
	unjudged.Summary, learning.Summary = monitor.Summary{Tests: 1, NotJudged: 3}, monitor.Summary{Tests: 1, NotJudged: 1, Learning: 2}
	suspect, slow := reportOf(monitor.StatusSuspect, monitor.StatusOK), reportOf(monitor.StatusOK, monitor.StatusSlowMachine)
	for _, tc := range []struct {
		name   string
		report *monitor.Report
		failOn string
		want   int
	}{
		{"fine", fine, "regression", 0}, {"fine", fine, "suspect", 0}, {"fine", fine, "suite", 0},
		{"regressed", regressed, "regression", 1}, {"regressed", regressed, "suspect", 1}, {"regressed", regressed, "suite", 1},
		{"regressed", regressed, "never", 0},
		{"suspect", suspect, "regression", 0}, {"suspect", suspect, "suspect", 1}, {"suspect", suspect, "suite", 0},
		{"nothing judged", unjudged, "regression", 2}, {"nothing judged", unjudged, "never", 2}, {"learning", learning, "regression", 0},
		{"slow machine", slow, "regression", 0}, {"slow machine", slow, "suite", 1}, {"slow machine", slow, "never", 0},
	} {
		r := harness.RunProgram(t, nil, "check", "--url", startFakeBridge(t, 200, tc.report).URL, "--fail-on", tc.failOn)
		assert.Equal(t, tc.want, r.ExitCode, "%s, fail on %s: %s", tc.name, tc.failOn, r.Stderr)
		assert.Equal(t, tc.want == 2, r.Stderr != "", "the report says why it fails")
		assert.NotEmpty(t, r.Stdout)
	}
}

// A report for people begins with the sentence. Those who write another format into a file get it on standard error.
func TestAFailingCheckSaysWhyOnce(t *testing.T) {
	t.Parallel()
	bridge := startFakeBridge(t, 200, reportOf(monitor.StatusRegression, monitor.StatusOK))
	const sentence = "1 regression in 1 test."
	for _, format := range []string{"text", "markdown", "json", "junit", "github"} {
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL, "--format", format)
		assert.Equal(t, 1, r.ExitCode)
		if format == "text" {
			assert.Equal(t, 1, strings.Count(r.Stdout+r.Stderr, sentence), r.Stdout+r.Stderr)
		} else {
			assert.Equal(t, "pymon-bridge: "+sentence+"\n", r.Stderr, format)
		}
	}
}

func TestNoBridgeAndNoProjectAreExplained(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	for _, project := range []string{"web", "shop"} {
		process := newMachine()
		process.enrol(t, newPoster(bridge.URL+"/p/"+project))
	}
	check := func(url string) string {
		r := harness.RunProgram(t, nil, "check", "--url", url, "--timeout", "2s")
		assert.Equal(t, 2, r.ExitCode)
		assert.Empty(t, r.Stdout)
		return r.Stderr
	}
	assert.Equal(t, "pymon-bridge: could not judge: project \"other\" has no runs; there are the projects shop, web (404 Not Found)\n", check(bridge.URL+"/p/other"))
	list := func(project string) harness.Result {
		return harness.RunProgram(t, nil, "accept", "--list", "--url", bridge.URL, "--project", project)
	}
	assert.Equal(t, harness.Result{ExitCode: 1, Stderr: "pymon-bridge: project \"other\" has no runs; there are the projects shop, web (404 Not Found)\n"}, list("other"))
	assert.Equal(t, harness.Result{Stdout: "Nothing was accepted.\n"}, list("web"))
	token := strings.TrimSpace(harness.RunProgram(t, nil, "token", "add", "other", "--data", bridge.Data).Stdout)
	require.Eventually(t, func() bool {
		resp, err := http.Get(bridge.URL + "/api/v1/runs/count")
		return assert.NoError(t, err) && resp.Body.Close() == nil && resp.StatusCode == http.StatusUnauthorized
	}, 10*time.Second, 50*time.Millisecond)
	says := check(strings.Replace(bridge.URL, "://", "://x:"+token+"@", 1))
	assert.Contains(t, says, "project \"other\" has no runs (404 Not Found)\n", "a token for one project tells no others")
	bridge.Stop()
	assert.Contains(t, check(bridge.URL+"/p/shop"), "no bridge answers at "+bridge.URL+": start one with `pymon-bridge serve`, or set --url")
}

func TestCheckSendsItsFlagsToTheBridge(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		at       string // path after the bridge's address
		user     string // user and password in the address
		env      []string
		args     []string
		path     string
		query    string
		password string
	}{
		{path: "/api/v1/regressions", query: "format=json"},
		{at: "/p/shop", args: []string{"--scm-ref", "abc", "--head", "fix", "--branch", "main", "--all"},
			path: "/p/shop/api/v1/regressions", query: "all=true&branch=main&format=json&head=fix&scm_ref=abc"},
		{at: "/p/shop/api/v1/", args: []string{"--run", "latest", "--project", "shop"}, path: "/p/shop/api/v1/regressions",
			query: "format=json&run=latest"},
		{at: "/behind/proxy", args: []string{"--project", "shop"}, path: "/behind/proxy/p/shop/api/v1/regressions", query: "format=json"},
		{user: "x:TOKEN@", env: []string{"PYMON_PROJECT=shop"}, path: "/p/shop/api/v1/regressions", query: "format=json",
			password: "Basic eDpUT0tFTg=="},
		{user: "x:OLD@", env: []string{"PYMON_TOKEN=NEW"}, path: "/api/v1/regressions", query: "format=json", password: "Bearer NEW"},
	} {
		bridge := startFakeBridge(t, 200, reportOf(monitor.StatusOK, monitor.StatusOK))
		address := strings.Replace(bridge.URL, "://", "://"+tc.user, 1) + tc.at
		r := harness.RunProgram(t, append(tc.env, "PYMON_URL="+address), append([]string{"check"}, tc.args...)...)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
		assert.Equal(t, tc.path, bridge.asked.URL.Path)
		assert.Equal(t, tc.query, bridge.asked.URL.RawQuery)
		assert.Equal(t, tc.password, bridge.asked.Header.Get("Authorization"))
		assert.NotContains(t, r.Stdout+r.Stderr, "TOKEN")
	}
}

// The message shows no secret.
func TestCheckSaysWhyItCannotJudge(t *testing.T) {
	t.Parallel()
	unknown := startFakeBridge(t, 404, map[string]any{"message": `project "shop" has no run of commit "abc"`})
	proxy := startFakeBridge(t, 502, "<html>Bad Gateway</html>")
	other := startFakeBridge(t, 200, []int{1, 2})
	colourful := startFakeBridge(t, 404, map[string]any{"message": "no \x1b[31mrun\n::error:: ##vso[x]"})
	nothing := reportOf(monitor.StatusOK, monitor.StatusOK)
	nothing.Summary = monitor.Summary{}
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	for _, tc := range []struct{ url, timeout, says string }{
		{unknown.URL, "1m", `could not judge: project "shop" has no run of commit "abc" (404 Not Found)`},
		{proxy.URL, "1s", `answered 502 Bad Gateway`},
		{other.URL, "1m", `is not what was asked for`},
		{colourful.URL, "1m", `could not judge: no \x1b[31mrun\n::error:: #\x23vso[x] (404 Not Found)`},
		{slow.URL, "200ms", `no answer within 200ms`},
		{"http://x:SECRET@127.0.0.1:1", "1s", `no bridge answers at http://127.0.0.1:1: start one with`},
		{"127.0.0.1:8080", "1m", `--url: expected an address such as http://127.0.0.1:8080/p/my-project`},
	} {
		r := harness.RunProgram(t, nil, "check", "--url", tc.url, "--scm-ref", "abc", "--timeout", tc.timeout)
		assert.Equal(t, 2, r.ExitCode, tc.url)
		assert.Empty(t, r.Stdout)
		assert.Contains(t, r.Stderr, tc.says)
		assert.NotContains(t, r.Stderr, "SECRET")
		assert.Equal(t, 1, strings.Count(r.Stderr, "\n"), "one sentence")
	}
	r := harness.RunProgram(t, nil, "check", "--url", startFakeBridge(t, 200, nothing).URL)
	assert.Equal(t, 2, r.ExitCode, "a run without tests must not pass")
	assert.Contains(t, r.Stderr, `could not judge: run "ci-17" measured no test`)
	r = harness.RunProgram(t, nil, "check", "--url", unknown.URL+"/p/shop", "--project", "web")
	assert.Equal(t, harness.Result{ExitCode: 2, Stderr: "pymon-bridge: could not judge: --project: expected \"shop\" as in --url, or no --project\n"}, r)
}

func TestCheckWritesArgumentsToRunConspicuousTestsAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "again.txt")
	again := startFakeBridge(t, 200, reportOf(monitor.StatusSuspect, monitor.StatusOK))
	r := harness.RunProgram(t, nil, "check", "--url", again.URL, "--rerun-file", file)
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	lines, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(lines), "tests/test_cart.py\n")

	for _, status := range []int{200, 500} {
		require.NoError(t, os.WriteFile(file, lines, 0o600))
		fine := startFakeBridge(t, status, reportOf(monitor.StatusOK, monitor.StatusOK))
		r = harness.RunProgram(t, nil, "check", "--url", fine.URL, "--rerun-file", file)
		require.Equal(t, status == 200, r.ExitCode == 0, r.Stderr)
		assert.NoFileExists(t, file, "with an empty or an old file pytest would run other tests")
	}

	dir := t.TempDir()
	r = harness.RunProgram(t, nil, "check", "--url", again.URL, "--rerun-file", dir)
	assert.Equal(t, 2, r.ExitCode)
	assert.Contains(t, r.Stderr, "is a directory")
	assert.DirExists(t, dir)
	for _, bridge := range []*fakeBridge{again, startFakeBridge(t, 200, reportOf(monitor.StatusOK, monitor.StatusOK))} {
		r = harness.RunProgram(t, nil, "check", "--url", bridge.URL, "--rerun-file", filepath.Join(dir, "no", "such"))
		assert.Equal(t, 2, r.ExitCode, "also while there is nothing to write")
		assert.Contains(t, r.Stderr, "--rerun-file: ")
	}
}

// What is printed can be typed.
func TestCheckSaysWhatToTypeNext(t *testing.T) {
	t.Parallel()
	bridge := startFakeBridge(t, 200, reportOf(monitor.StatusSuspect, monitor.StatusOK))
	r := harness.RunProgram(t, nil, "check", "--url", strings.Replace(bridge.URL, "://", "://x:SECRET@", 1)+"/p/shop/")
	assert.Contains(t, r.Stdout, "\n            pytest --remote-server "+bridge.URL+"/p/shop --tag branch=main tests/test_cart.py -k '(test_add[1 and 2])'\n")
	assert.True(t, strings.HasSuffix(r.Stdout, "\npage      "+bridge.URL+"/p/shop/runs/ci-17\n"), r.Stdout)
	assert.NotContains(t, r.Stdout, "SECRET")
}

func TestCheckPrintsEveryFormat(t *testing.T) {
	t.Parallel()
	bridge := startFakeBridge(t, 200, reportOf(monitor.StatusRegression, monitor.StatusOK))
	for format, has := range map[string]string{
		"text": "test_add[1, 2]", "markdown": "| ", "json": `"first_bad": "bad"`, "junit": "<testsuite", "github": "::error ",
	} {
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL, "--format", format)
		assert.Equal(t, 1, r.ExitCode, r.Stderr)
		assert.Contains(t, r.Stdout, has, format)
	}
	r := harness.RunProgram(t, nil, "check", "--format", "yaml")
	assert.Equal(t, 2, r.ExitCode)
	assert.Contains(t, r.Stderr, fmt.Sprintf("%q", "yaml"))
}
