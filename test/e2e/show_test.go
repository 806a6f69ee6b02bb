package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/test/harness"
)

// postSession posts a session with these tags and rows. Each row takes a tenth of a second of time, but what change says.
func postSession(t *testing.T, p *poster, tags string, rows ...func(row map[string]any)) {
	t.Helper()
	m := newMachine()
	m.context = "c0ffee"
	p.mustPost(t, "/contexts/", m.contextJSON())
	p.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": "abc", "description": {%s}}`,
		m.session, m.started.Format(harness.Isoformat), tags))
	for i, change := range rows {
		metric := m.metric("", m.started.Add(time.Duration(i)*time.Millisecond))
		metric.TotalTime, metric.UserTime, metric.KernelTime, metric.CPUUsage, metric.MemUsage = 0.1, 0.1, 0, 1, 10
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(metricJSON(metric)), &row))
		change(row)
		body, err := json.Marshal(row)
		require.NoError(t, err)
		path := "/metrics/"
		if row["outcome"] == "failed" {
			path = "/outcomes/"
		}
		p.mustPost(t, path, string(body))
	}
}

// named returns a change that makes a row one of a test, which takes some seconds.
func named(variant string, seconds float64) func(map[string]any) {
	return func(row map[string]any) {
		row["item"], _, _ = strings.Cut(variant, "[")
		row["item_variant"], row["total_time"], row["user_time"] = variant, seconds, seconds
	}
}

// ofNode returns a change that makes a row one of this project's plugin.
func ofNode(nodeID, variant string, seconds float64) func(map[string]any) {
	return func(row map[string]any) {
		named(variant, seconds)(row)
		row["nodeid"], row["outcome"], row["attempts"] = nodeID, "passed", 1
	}
}

func shown(t *testing.T, args ...string) (h report.History) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(asked(t, append([]string{"show", "--json"}, args...)...)), &h))
	return h
}

// judgedShop starts a bridge again, which judges the runs that ended before, and returns the address of a project when it has kept a
// report on each of its runs.
func judgedShop(t *testing.T, bridge *harness.Bridge, projects ...string) (urls []string) {
	t.Helper()
	bridge.Stop()
	again := harness.StartBridge(t, harness.BridgeConfig{Data: bridge.Data, Args: []string{"--quiet-after", "1ms"}})
	for _, project := range projects {
		url := again.URL + "/p/" + project
		urls = append(urls, url)
		require.Eventually(t, func() bool {
			var all struct{ Runs []report.RunLine }
			return json.Unmarshal([]byte(asked(t, "runs", "-n", "100", "--json", "--url", url)), &all) == nil &&
				!slices.ContainsFunc(all.Runs, func(r report.RunLine) bool { return r.Report == nil })
		}, time.Minute, 100*time.Millisecond)
	}
	return urls
}

// Measurements are compared within one class of machine only, also where one run has several.
func TestShowKeepsClassesOfMachineApart(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	url := bridge.URL + "/p/shop"
	p := newBulkPoster(url)
	for i := range 13 {
		for machine, seconds := range map[string]float64{"a": 0.1, "b": 0.4} {
			postSession(t, p, fmt.Sprintf(`"run": "r%d", "machine": %q`, i, machine), named("test_one", seconds))
		}
	}
	url = judgedShop(t, bridge, "shop")[0]
	h := shown(t, "test_one", "--url", url)
	require.Len(t, h.Points, 13)
	want := map[string]float64{"a py3.11": 0.1, "b py3.11": 0.4}[h.Env]
	require.NotZero(t, want, h.Env)
	for _, p := range h.Points {
		assert.InDelta(t, want, float64(p.CPU), 1e-9)
	}
	require.Len(t, h.Results, 3)
	for _, r := range h.Results {
		assert.Equal(t, h.Env, r.Env)
	}
	require.Len(t, h.OtherEnvs, 1)
	assert.Contains(t, asked(t, "show", "test_one", "--url", url), "also measured on "+h.OtherEnvs[0])
}

// Tests of one name in several classes of Python are several tests.
func TestShowKeepsClassesOfPythonApart(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	own, foreign := bridge.URL+"/p/own", bridge.URL+"/p/foreign"
	for i := range 13 {
		tags := fmt.Sprintf(`"run": "r%d"`, i)
		postSession(t, newBulkPoster(own), tags, ofNode("tests/test_shop.py::TestA::test_same", "test_same", 0.1),
			ofNode("tests/test_shop.py::TestB::test_same", "test_same", 0.4))
		postSession(t, newBulkPoster(foreign), tags, named("test_same", 0.1), named("test_same", 0.4))
	}
	urls := judgedShop(t, bridge, "own", "foreign")
	own, foreign = urls[0], urls[1]
	for _, tc := range []struct {
		url, test, says string
		seconds         float64
	}{
		{own, "tests/test_shop.py::TestA::test_same", "", 0.1},
		{own, "tests/test_shop.py::TestB::test_same", "", 0.4},
		{own, "TestB::test_same", "", 0.4},
		{foreign, "test_same", "2 tests of a run have this name", 0.1},
		{foreign, "test_same (2)", "2 tests of a run have this name", 0.4},
		{foreign, "tests/test_shop.py::TestA::test_same", "is not known", 0.1},
	} {
		h := shown(t, tc.test, "--url", tc.url)
		require.Len(t, h.Points, 13, "%+v", tc)
		for _, p := range h.Points {
			assert.InDelta(t, tc.seconds, float64(p.CPU), 1e-9, "%+v", tc)
		}
		require.Len(t, h.Results, 3, "%+v", tc)
		for _, r := range h.Results {
			if r.Metric != monitor.MetricMemUsage {
				assert.InDelta(t, tc.seconds, float64(r.Value), 0.02, "%+v", tc)
			}
		}
		text := asked(t, "show", tc.test, "--url", tc.url)
		assert.Contains(t, text, "\n13 runs on ")
		assert.Contains(t, text, tc.says)
	}
	r := harness.RunProgram(t, nil, "show", "test_same", "--url", own)
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, "expected more of its name, to choose one of\n  tests/test_shop.py::TestA::test_same\n  tests/test_shop.py::TestB::test_same")
	r = harness.RunProgram(t, nil, "show", "TestC::test_same", "--url", own)
	assert.Contains(t, r.Stderr, `no test that was measured has "TestC::test_same" in its name`)
}

// A test is found by its whole name whatever the name has in it, and however many others have it in theirs.
// Failed tests are no measurements, so a history alone would show a test that fails as a fine one.
func TestShowSaysHowOftenATestFailed(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	url := bridge.URL + "/p/shop"
	p := newBulkPoster(url)
	became := func(outcome, nodeID, variant string) func(map[string]any) {
		return func(row map[string]any) {
			ofNode(nodeID, variant, 0.1)(row)
			row["outcome"] = outcome
		}
	}
	const pay, list = "tests/test_shop.py::test_pay[a]", "tests/test_shop.py::test_list"
	other := became("failed", "tests/test_shop.py::test_pay[b]", "test_pay[b]")
	notes := func(test string) []string { return shown(t, test, "--url", url).Notes }
	postSession(t, p, `"run": "1"`, became("passed", pay, "test_pay[a]"), became("passed", list, "test_list"), other)
	assert.NotContains(t, strings.Join(notes("test_pay[a]"), "\n"), "failed")
	postSession(t, p, `"run": "2"`, became("failed", pay, "test_pay[a]"), became("passed", list, "test_list"))
	assert.Contains(t, notes("test_pay[a]"), "failed in 1 of the last 2 runs that ran it, the newest one too; measurements are of tests that passed")
	postSession(t, p, `"run": "3"`, became("passed", pay, "test_pay[a]"), became("passed", list, "test_list"))
	assert.Contains(t, notes("test_pay[a]"), "failed in 1 of the last 3 runs that ran it; measurements are of tests that passed")
	assert.NotContains(t, strings.Join(notes("test_list"), "\n"), "failed")
}

func TestShowFindsEveryName(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	url := bridge.URL + "/p/shop"
	rows := []func(map[string]any){named("test_fl[a::b]", 1), named("test_fl[b]", 2), named("test_fl[x, z]", 3), named("test_x", 4)}
	for i := range 110 {
		rows = append(rows, named(fmt.Sprintf("test_x[%d]", i), 0.1))
	}
	postSession(t, newBulkPoster(url), `"run": "r"`, rows...)
	for text, seconds := range map[string]float64{"test_fl[a::b]": 1, "tests/test_shop.py::test_fl[a::b]": 1, "test_fl[x-z]": 3, "[x-z]": 3,
		"z]": 3, "test_x": 4, "test_x[7]": 0.1} {
		h := shown(t, text, "--url", url)
		require.Len(t, h.Points, 1, text)
		assert.InDelta(t, seconds, float64(h.Points[0].CPU), 1e-9, text)
	}
	r := harness.RunProgram(t, nil, "show", "st_x[", "--url", url)
	assert.Contains(t, r.Stderr, "more than 100 tests have \"st_x[\" in their names")
}

// What a command waits for goes away before its answer, also where a script reads the answer from a terminal.
func TestAnswersStandAlone(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	to, err := url.Parse(bridge.URL)
	require.NoError(t, err)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/runs/count") {
			time.Sleep(time.Second) // until it says what it waits for
		}
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
	}))
	defer slow.Close()
	for _, args := range [][]string{{"top"}, {"show", "test_pay"}, {"open"}, {"runs"}} {
		r := harness.RunInTerminal(t, 80, []string{"DISPLAY=", "WAYLAND_DISPLAY="}, append(args, "--json", "--url", slow.URL+"/p/shop")...)
		assert.Equal(t, 0, r.ExitCode, r.Stdout)
		assert.Contains(t, r.Stdout, "asking the bridge")
		assert.Contains(t, r.Stdout, "\r\x1b[K{", args)
	}
}

// A directory that a bridge serves is not taken from it, and its page has an address.
func TestADirectoryThatIsServedIsAskedByItsAddress(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "a b")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Data: data})
	for _, args := range [][]string{{"runs"}, {"open"}, {"show", "x"}} {
		r := harness.RunProgram(t, nil, append(args, "--data", data)...)
		assert.Equal(t, 1, r.ExitCode)
		assert.Contains(t, r.Stderr, "is in use by another pymon-bridge (process ", args)
		assert.Contains(t, r.Stderr, "to ask that bridge, give its address with --url instead of the directory", args)
	}
	bridge.Stop()
	r := harness.RunProgram(t, nil, "open", "--data", data)
	assert.Contains(t, r.Stderr, "start one with `pymon-bridge serve --data '"+data+"'`, and type `pymon-bridge open --url http://127.0.0.1:8080`")
}

// Errors name flags of the command itself.
func TestErrorsNameOwnFlags(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	r := harness.RunProgram(t, nil, "open", "nix", "--url", bridge.URL+"/p/shop")
	assert.Contains(t, r.Stderr, "none of the last 13 runs")
	assert.NotContains(t, r.Stderr, "--run")
	addToken(t, bridge.Data, "shop") // from the first token on, every request needs one
	require.Eventually(t, func() bool {
		r = harness.RunProgram(t, nil, "runs", "--url", bridge.URL+"/p/shop")
		return r.ExitCode == 1
	}, time.Minute, 100*time.Millisecond)
	assert.Contains(t, r.Stderr, "--token")
	assert.Contains(t, r.Stderr, "PYMON_TOKEN")
	assert.NotContains(t, r.Stderr, "--remote-server")
	r = harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/shop")
	assert.Contains(t, r.Stderr, "set --token, PYMON_TOKEN or PYMON_TOKEN_FILE")
}

// Scripts get names as they are, whatever they have in them.
func TestJSONHasRawNames(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	url := bridge.URL + "/p/shop"
	odd := "test_odd[\x1b" + strings.Repeat("x", 300) + "]"
	postSession(t, newBulkPoster(url), `"run": "r"`, named(odd, 1))
	var top report.Top
	require.NoError(t, json.Unmarshal([]byte(asked(t, "top", "--json", "--url", url)), &top))
	require.Len(t, top.First, 1)
	assert.Equal(t, report.TopTest{ItemPath: "tests.test_shop", Item: "test_odd", ItemVariant: odd, Amount: 1}, top.First[0])
	h := shown(t, "test_odd", "--url", url)
	assert.Equal(t, []string{"tests.test_shop", "test_odd", odd}, []string{h.ItemPath, h.Item, h.ItemVariant})
}
