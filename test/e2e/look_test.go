package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/test/harness"
)

// startShop starts a bridge with 13 runs of a project. In the last three, test_pay is slow.
func startShop(t *testing.T) (bridge *harness.Bridge, last string) {
	t.Helper()
	bridge = harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--page-size", "5"}})
	p := newBulkPoster(bridge.URL + "/p/shop")
	for i := range 13 {
		last = fmt.Sprintf("%040d", i)
		slow := map[string]float64{"test_list": 0.3}
		if i >= 10 {
			slow["test_pay"] = 0.5
		}
		postJob(t, p, last, "main", []string{"test_cart", "test_cart_item", "test_pay", "test_list"}, slow)
	}
	return bridge, last
}

// asked runs a command, which has to succeed.
func asked(t *testing.T, args ...string) string {
	t.Helper()
	r := harness.RunProgram(t, nil, args...)
	assert.Equal(t, 0, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Empty(t, r.Stderr)
	return r.Stdout
}

func TestRunsAreListed(t *testing.T) {
	t.Parallel()
	bridge, last := startShop(t)
	at := []string{"--url", bridge.URL + "/p/shop"}
	lines := strings.Split(strings.TrimSpace(asked(t, append([]string{"runs"}, at...)...)), "\n")
	require.Len(t, lines, 14, "%q", lines)
	assert.Regexp(t, `^STARTED +COMMIT +BRANCH +TIME +OUTCOME +RUN$`, lines[0])
	assert.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d  0{10}  job main +1 s  4 tests  +\S+$`, lines[1])
	few := asked(t, append([]string{"runs", "-n", "7"}, at...)...)
	assert.Equal(t, lines[:8], strings.Split(strings.TrimSpace(few), "\n"), "over several pages, the newest first")
	var all struct{ Runs []report.RunLine }
	require.NoError(t, json.Unmarshal([]byte(asked(t, append([]string{"runs", "-n", "2", "--json"}, at...)...)), &all))
	require.Len(t, all.Runs, 2)
	assert.Equal(t, last, all.Runs[0].ScmRef)

	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"runs", "--url", bridge.URL}, `project "default" has no runs; there is the project shop (404 Not Found)`},
		{[]string{"runs", "--url", bridge.URL + "/p/other"}, `project "other" has no runs; there is the project shop (404 Not Found)`},
		{[]string{"runs", "--data", t.TempDir()}, `--data: expected a directory in which pymon-bridge run has kept measurements`},
		{[]string{"runs", "--data", harness.Program(t)}, "--data: stat " + harness.Program(t) + "/pymon.db: not a directory"},
		{[]string{"runs", "--data", "d", "--url", bridge.URL}, `--data and --url: expected only one of them`},
		{[]string{"runs", "--url", "http://127.0.0.1:1"}, "no bridge answers at http://127.0.0.1:1: start one"},
		{[]string{"top", "--run", "nix", "--url", bridge.URL + "/p/shop"}, `--run: none of the last 13 runs has the id "nix": pymon-bridge runs lists them`},
		{[]string{"show", "nix", "--url", bridge.URL + "/p/shop"}, `no test that was measured has "nix" in its name (without file and class): pymon-bridge top -n 100 lists tests`},
		{[]string{"show", "art", "--url", bridge.URL + "/p/shop"}, "2 tests have \"art\" in their names: expected more of its name, to choose one of\n  "},
	} {
		r := harness.RunProgram(t, nil, tc.args...)
		assert.Equal(t, 1, r.ExitCode, tc.args)
		assert.Empty(t, r.Stdout)
		assert.Contains(t, r.Stderr, "pymon-bridge: "+tc.says)
	}
	assert.Equal(t, 2, harness.RunProgram(t, nil, "runs", "-n", "0").ExitCode)
	assert.Equal(t, 2, harness.RunProgram(t, nil, "show", "  ").ExitCode)
}

func TestTopListsTheGreatest(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	url := bridge.URL + "/p/shop"
	for by, first := range map[string]string{"cpu": "500 ms  +50% █████ +", "wall": "500 ms  +50% █████ +", "memory": "10 MiB  +25% ███? +"} {
		lines := strings.Split(asked(t, "top", "--by", by, "-n", "2", "--url", url), "\n")
		assert.Regexp(t, `^Run \S+ of job main, .*: 4 tests`, lines[0])
		require.Len(t, lines, 6, "%q", lines)
		assert.Regexp(t, `^ *`+first, lines[3])
	}
	lines := strings.Split(asked(t, "top", "--url", url), "\n")
	assert.Regexp(t, `::test_pay$`, lines[3])
	assert.Regexp(t, `::test_list$`, lines[4])
	var top report.Top
	require.NoError(t, json.Unmarshal([]byte(asked(t, "top", "--json", "-n", "1", "--url", url)), &top))
	assert.Equal(t, monitor.MetricTotalTime, top.Metric)
	require.Len(t, top.First, 1)
	assert.InDelta(t, 0.5, top.First[0].Amount, 1e-9)
	assert.InDelta(t, 1, top.Total, 1e-9)
	// The beginning of an id will do.
	id := top.Run[:len(top.Run)-4]
	assert.Contains(t, asked(t, "top", "--run", id, "--url", url), "Run "+top.Run+" of job main")
}

func TestShowDrawsTheHistory(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	text := asked(t, "show", "pay", "--url", bridge.URL+"/p/shop")
	assert.Contains(t, text, "\nthe last run is not judged, or not yet\n", "nothing is judged for a look")
	assert.NotContains(t, text, "usually")
	url := judgedShop(t, bridge, "shop")[0]
	text = asked(t, "show", "pay", "--url", url)
	assert.Regexp(t, `^\S+::test_pay\n13 runs on `, text)
	assert.Regexp(t, `CPU time   500 ms, usually 100 ms, limit 1\d\d ms  ▲ regression\n {11}since 0{10}\.\.0{10}\n +500 ms ┤ {10}▲▲▲\n`, text)
	assert.Regexp(t, `┤[●░]{10}░*\n`, text, "the band")
	assert.Regexp(t, `memory     10 MiB, usually 5 MiB to 15 MiB  ● ok\n`, text)
	assert.Equal(t, 10, strings.Count(text, "  job main  "), text)
	assert.True(t, strings.HasSuffix(text, "\n"+url+"/test?component=shop&name=test_pay&path="+modulePath(text)+"\n"), text)
	// A name that is complete is that test, though others begin so.
	assert.Regexp(t, `^\S+::test_cart\n`, asked(t, "show", "test_cart", "--url", url))
	var h report.History
	require.NoError(t, json.Unmarshal([]byte(asked(t, "show", "test_pay", "--json", "--url", url)), &h))
	assert.Len(t, h.Points, 13)
	assert.Len(t, h.Results, 3)
	assert.InDelta(t, 0.1, float64(h.Points[0].CPU), 1e-9)
}

// modulePath returns the module in the address of a page.
func modulePath(text string) string {
	return regexp.MustCompile(`path=(\S*)`).FindStringSubmatch(text)[1]
}

func TestOpenPrintsAndOpensAPage(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	url := bridge.URL + "/p/shop"
	bin := t.TempDir()
	opened := filepath.Join(bin, "opened")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" >> "+opened+"\n"), 0o700))
	desktop := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "DISPLAY=:0"}
	var want string
	for page, address := range map[string]string{"": url + "/\n", "latest": url + "/runs/", "pay": url + "/test?component=shop&name=test_pay&path="} {
		args := []string{"open", "--url", url}
		if page != "" {
			args = append(args, page)
		}
		r := harness.RunProgram(t, desktop, args...)
		assert.Equal(t, 0, r.ExitCode, r.Stderr)
		assert.True(t, strings.HasPrefix(r.Stdout, address), r.Stdout)
		want += r.Stdout
	}
	text, err := os.ReadFile(opened)
	require.NoError(t, err)
	assert.Equal(t, want, string(text))
	for _, env := range [][]string{{desktop[0], "DISPLAY=", "WAYLAND_DISPLAY="}, nil} {
		assert.Equal(t, url+"/\n", harness.RunProgram(t, append(env, "DISPLAY=", "WAYLAND_DISPLAY="), "open", "--url", url).Stdout)
	}
	assert.JSONEq(t, `{"url": "`+url+`/"}`, harness.RunProgram(t, desktop, "open", "--json", "--url", url).Stdout)
	again, err := os.ReadFile(opened)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again), "nothing opened without a desktop, nor for a script")
	r := harness.RunProgram(t, nil, "open", "nix", "--url", url)
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, "none of the last 13 runs")
}

// Where the bridge needs a token, the browser is logged in by a code that works once. Nothing but the browser sees the code.
func TestOpenLogsTheBrowserIn(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	token := strings.TrimSpace(harness.RunProgram(t, nil, "token", "add", "shop", "--scope", "read", "--data", bridge.Data).Stdout)
	opened := filepath.Join(t.TempDir(), "opened")
	bin := filepath.Dir(opened)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\necho \"$1\" > "+opened+"\n"), 0o700))
	desktop := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "DISPLAY=:0", "PYMON_TOKEN=" + token}
	url := bridge.URL + "/p/shop"
	open := func(args ...string) (page, address string) {
		r := harness.RunProgram(t, desktop, append([]string{"open", "--url", url}, args...)...)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
		text, err := os.ReadFile(opened)
		require.NoError(t, err)
		assert.NotContains(t, r.Stdout+string(text), token, "never a token in an address")
		return r.Stdout, strings.TrimSpace(string(text))
	}
	page, address := open()
	assert.Equal(t, url+"/\n", page, "what is printed has no code")
	before, code, found := strings.Cut(address, "#code=")
	require.True(t, found, address)
	assert.Equal(t, bridge.URL+"/-/login?next=%2Fp%2Fshop%2F", before)

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := http.Client{Jar: jar}
	get := func(address string) (status int, at string) {
		answer, err := browser.Get(address)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, answer.Request.URL.Path
	}
	enter := func() int {
		answer, err := browser.PostForm(bridge.URL+"/-/login", neturl.Values{"code": {code}, "next": {"/p/shop/"}})
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	for range 3 { // as what loads pages in advance does
		status, at := get(address)
		assert.Equal(t, "200 /-/login", fmt.Sprint(status, " ", at), "a code is used by a click only")
	}
	status, _ := get(url + "/")
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Equal(t, http.StatusOK, enter())
	status, _ = get(url + "/")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, http.StatusUnauthorized, enter(), "used")
	_, address = open("pay")
	status, at := get(address)
	assert.Equal(t, "200 /p/shop/test", fmt.Sprint(status, " ", at), "who is logged in goes on at once")
	bridge.Stop()
	assert.NotContains(t, bridge.Log(), code)
	assert.NotContains(t, bridge.Log(), token)
}

// Behind a proxy, people need the address that their browser can reach.
func TestPagesHaveThePublicAddress(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--public-url", "https://ci.example.org/pymon/"}})
	p := newPoster(bridge.URL)
	postJob(t, p, fmt.Sprintf("%040d", 1), "main", []string{"test_pay"}, nil)
	at := []string{"--url", bridge.URL}
	const page = "https://ci.example.org/pymon/p/default/"
	r := pymonRun(t, newProject(t, smallProject), "runners", []string{"PYMON_URL=" + bridge.URL}, "pytest", "-q")
	assert.Contains(t, r.Stderr, "\n  page       "+page+"runs/")
	assert.Contains(t, asked(t, append([]string{"check"}, at...)...), "\npage      "+page+"runs/")
	assert.Contains(t, asked(t, append([]string{"show", "pay"}, at...)...), "\n"+page+"test?component=shop&name=test_pay&path=")
	for what, address := range map[string]string{"latest": page + "runs/", "pay": page + "test?"} {
		assert.Contains(t, asked(t, append([]string{"open", what, "--json"}, at...)...), address)
	}
}

// What can be done about a suite is said with its report, also where pytest-monitor has measured, which tells no outcomes.
func TestHintsAreAboutTheTestsOfTheRun(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	m, posts := newMachine(), newPoster(bridge.URL)
	m.enrol(t, posts)
	for i := range 40 {
		row := m.metric(fmt.Sprintf("test_%d", i), m.started.Add(time.Duration(i)*time.Second))
		row.TotalTime, row.UserTime, row.KernelTime = 0.9, 0.9, 0
		if i == 7 {
			row.TotalTime, row.UserTime = 0.95, 0.01
		}
		posts.mustPost(t, "/metrics/", metricJSON(row))
	}
	text := asked(t, "check", "--url", bridge.URL)
	assert.NotContains(t, text, "\nhint", "a wait of a second is no matter in this suite, and whether it is a whole one is not known")

	dir := newProject(t, map[string]string{"test_mail.py": "import time\ndef test_mail(): time.sleep(1.5)\ndef test_fast(): pass\n"})
	first := pymonRun(t, dir, "runners", nil, "--", "pytest", "-q")
	assert.NotContains(t, first.Stderr, "  hint ", "the machine may have been busy")
	r := pymonRun(t, dir, "runners", nil, "--", "pytest", "-q")
	assert.Regexp(t, `\n  hint       1 test uses no CPU of its own for 1\.\d+ s of 1\.\d+ s, as before \(.*:\n +1\.\d+ s +test_mail.py::test_mail\n`, r.Stderr)
}

// No table is wider than the terminal.
func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	bridge, _ := startShop(t)
	for _, columns := range []int{80, 200} {
		for _, args := range [][]string{{"runs"}, {"top"}, {"show", "test_pay"}} {
			r := harness.RunInTerminal(t, columns, nil, append(args, "--url", bridge.URL+"/p/shop")...)
			assert.Equal(t, 0, r.ExitCode, r.Stdout)
			assert.Contains(t, r.Stdout, "\x1b[")
			for line := range strings.Lines(regexp.MustCompile("\x1b\\[[0-9;]*[mK]|^.*\r").ReplaceAllString(r.Stdout, "")) {
				if !strings.HasPrefix(line, "http") { // cut, it would lead nowhere
					assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), columns, line)
				}
			}
		}
	}
}

// Who uses `run` needs no server to look at what it has kept.
func TestTheMeasurementsOfRunAreShown(t *testing.T) {
	t.Parallel()
	dir := newProject(t, smallProject)
	r := pymonRun(t, dir, "runners", nil, "--", "pytest", "-q")
	require.Equal(t, 1, r.ExitCode, r.Stderr)
	look := func(args ...string) string {
		cmd := exec.Command(harness.Program(t), args...)
		cmd.Dir = dir
		cmd.Env = append(harness.PlainEnvironment(), "PYMON_LOG_LEVEL=info")
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s", out)
		return string(out)
	}
	assert.Regexp(t, ` ○ learning .* 1 failed, 2 passed, 1 skipped +[0-9a-f]{32}\n`, look("runs"), "the report is there when the command has ended")
	refused := harness.RunProgram(t, nil, "check", "--url", "")
	assert.Equal(t, 2, refused.ExitCode, "the variable of a pipeline was empty")
	assert.Contains(t, refused.Stderr, "--url: expected an address, got an empty text")
	for _, checked := range []string{look("check"), look("check", "--data", ".pymon-bridge")} {
		assert.Contains(t, checked, "PASSED Nothing to judge by yet")
		assert.NotContains(t, checked, "127.0.0.1", "the bridge has ended")
	}
	assert.Regexp(t, `\n *\d+(\.\d+)? MiB +\S+ █+ +test_shop.py::test_list\n`, look("top", "--by", "memory"))
	assert.Regexp(t, `^test_shop.py::test_cart\n1 run on `, look("show", "cart", "--data", ".pymon-bridge"))
	assert.Contains(t, look("show", "cart"), "○ learning")
	cmd := exec.Command(harness.Program(t), "open")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "start one with `pymon-bridge serve --data ")
	_, err = os.Stat(filepath.Join(dir, ".pymon-bridge", "run.bridge"))
	require.NoError(t, err)
	assert.Contains(t, pymonRun(t, dir, "runners", nil, "--", "pytest", "-q").Stderr, "4 tests", "the directory is free again")
}
