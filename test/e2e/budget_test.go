package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/test/harness"
)

// writeBudget writes a file of limits.
func writeBudget(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "budget.toml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// A limit holds from the first run on, in every format.
func TestABudgetFailsTheFirstRun(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	commit := fmt.Sprintf("%040d", 1)
	postJob(t, newBulkPoster(bridge.URL+"/p/shop"), commit, "tests", []string{"test_cart", "test_pay"}, map[string]float64{"test_pay": 0.5})
	limits := writeBudget(t, `
[total]
wall_time = "620ms"
cpu_time = "1m"

[[tests]]
pattern = "*"
wall_time = "200ms"
memory = "11MiB"

[[tests]]
pattern = "*::test_old"
wall_time = "1s"
`)
	checked := func(args ...string) harness.Result {
		return harness.RunProgram(t, nil, append([]string{"check", "--url", bridge.URL, "--project", "shop", "--scm-ref", commit, "--budget", limits}, args...)...)
	}
	for format, says := range map[string][]string{
		"text": {"FAILED ", " 1 limit of the budget is exceeded.\n", "\nBUDGET: 1 of 6 limits exceeded\n", "▲ wall time    500 ms of 200 ms     250 %  ",
			"◆ wall time    600 ms of 620 ms      97 %  all tests together\n", "◆ memory       10 MiB of 11 MiB      91 %  ", "– no test matches *::test_old\n"},
		"markdown": {"### ❌ ", "| 500 ms | 200 ms | **250 %** |", "\nNo test matches `*::test_old`.\n"},
		"json":     {`"exceeded": 1`, `"pattern": "*"`, `"unmatched": [`},
		"junit":    {`<failure type="budget" message="wall time 500 ms of 200 ms, 250 %">`},
		"github":   {"title=Over budget%3A wall time 500 ms of 200 ms%2C 250 %25::", "title=Near its budget%3A wall time 600 ms of 620 ms%2C 97 %25::all tests together\n"},
	} {
		r := checked("--format", format)
		assert.Equal(t, 1, r.ExitCode, "%s: %s", format, r.Stderr)
		for _, text := range says {
			assert.Contains(t, r.Stdout, text, format)
		}
	}
	r := checked("--fail-on", "never")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, "1 limit of the budget is exceeded.")

	// What is wrong in the file is said before anything else.
	limits = writeBudget(t, "[total]\n\nwal_time = \"1s\"\n")
	r = checked()
	assert.Equal(t, 2, r.ExitCode)
	assert.Equal(t, "pymon-bridge: --budget: "+limits+":3: total.wal_time: unknown key: expected wall_time, cpu_time or memory\n", r.Stderr)
	limits += "x"
	r = checked()
	assert.Equal(t, 2, r.ExitCode)
	assert.Contains(t, r.Stderr, "--budget: open "+limits)
}

// `run` measures real tests, whose node ids have classes, and says at the end what exceeds its limit.
func TestRunKeepsABudget(t *testing.T) {
	t.Parallel()
	dir := newProject(t, map[string]string{"test_shop.py": `
import time

class TestPay:
    def test_card(self):
        time.sleep(0.3)

def test_cart():
    pass
`})
	limits := writeBudget(t, "[[tests]]\npattern = \"test_shop.py::TestPay\"\nwall_time = \"100ms\"\n[[tests]]\npattern = \"test_shop.py::test_cart\"\nwall_time = \"1h\"\n")
	r := pymonRun(t, dir, "runners", nil, "--check", "--budget", limits, "--", "pytest", "-q")
	assert.Equal(t, 1, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, "  changed    learning: ")
	assert.Contains(t, r.Stderr, "; 1 limit of the budget is exceeded\n")
	assert.Contains(t, r.Stderr, "\nBUDGET: 1 of 2 limits exceeded\n▲ wall time    3")
	assert.Contains(t, r.Stderr, "  test_shop.py::TestPay::test_card\n")

	summary := filepath.Join(dir, "summary.md")
	r = pymonRun(t, dir, "runners", nil, "--budget", limits, "--summary", summary, "--", "pytest", "-q", "-k", "test_card")
	assert.Equal(t, 0, r.ExitCode, "without --check the status is that of pytest: %s", r.Stderr)
	assert.Contains(t, r.Stderr, "– no test matches test_shop.py::test_cart\n")
	content, err := os.ReadFile(summary)
	require.NoError(t, err)
	assert.Contains(t, string(content), "\n### ❌ 1 test, ")
	assert.Contains(t, string(content), "| Budget: 1 of 1 limit exceeded | Measured | Now | Limit | Used |\n")

	ran := filepath.Join(dir, "ran")
	r = pymonRun(t, dir, "runners", nil, "--budget", filepath.Join(dir, "none.toml"), "--", "touch", ran)
	assert.Equal(t, 125, r.ExitCode, "nothing runs with limits that cannot be read")
	assert.NoFileExists(t, ran)
}

// A matrix may share one run. A fast class of machine does not clear a test that is slow on another one.
func TestABudgetHoldsOnEachMachineOfARun(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	p, commit := newBulkPoster(bridge.URL+"/p/shop"), fmt.Sprintf("%040d", 1)
	for python, seconds := range map[string]float64{"3.11.7": 0.1, "3.12.1": 9} {
		m := newMachine()
		p.mustPost(t, "/contexts/", strings.Replace(m.contextJSON(), "3.11.7", python, 1))
		p.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": %q, "description": {"branch": "main", "run": "matrix"}}`,
			m.session, m.started.Format(harness.Isoformat), commit))
		row := m.metric("test_cart", m.started)
		row.TotalTime = seconds
		p.mustPost(t, "/metrics/", metricJSON(row))
	}
	limits := writeBudget(t, "[total]\nwall_time = \"18s\"\n[[tests]]\npattern = \"*\"\nwall_time = \"1s\"\n")
	r := harness.RunProgram(t, nil, "check", "--url", bridge.URL, "--project", "shop", "--scm-ref", commit, "--branch", "main", "--budget", limits)
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Contains(t, r.Stdout, "\nBUDGET: 1 of 2 limits exceeded\n▲ wall time       9 s of 1 s        900 %  ")
	assert.Contains(t, r.Stdout, "wall time       9 s of 18 s        50 %  all tests together\n")
}

// A run may have sessions of this project's plugin, whose tests have outcomes, and sessions of pytest-monitor, whose tests have none.
func TestARunHasTheTestsOfBothPlugins(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	url := bridge.URL + "/p/shop"
	p := newBulkPoster(url)
	postSession(t, p, `"run": "both", "branch": "main"`, ofNode("test_a.py::TestA::test_quick", "test_quick", 0.1),
		func(row map[string]any) {
			ofNode("test_a.py::test_broken", "test_broken", 0.1)(row)
			row["outcome"] = "failed"
		})
	postSession(t, p, `"run": "both", "branch": "main"`, named("test_slow", 9), named("test_small", 0.2))

	limits := writeBudget(t, "[total]\nwall_time = \"18600ms\"\n[[tests]]\npattern = \"*\"\nwall_time = \"1s\"\n")
	r := harness.RunProgram(t, nil, "check", "--url", url, "--scm-ref", "abc", "--budget", limits)
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Contains(t, r.Stdout, "\nBUDGET: 1 of 4 limits exceeded\n▲ wall time       9 s of 1 s        900 %  ")
	assert.Contains(t, r.Stdout, "wall time    9.30 s of 18.6 s      50 %  all tests together\n")

	var top report.Top
	require.NoError(t, json.Unmarshal([]byte(asked(t, "top", "--json", "--url", url)), &top))
	assert.Equal(t, 4, top.Tests, "a failed test was measured too")
	require.Len(t, top.First, 4)
	assert.Equal(t, []string{"test_slow", ""}, []string{top.First[0].Item, top.First[0].NodeID}, "pytest-monitor tells no node id")
	assert.Equal(t, "test_a.py::TestA::test_quick", top.First[2].NodeID)
	assert.Regexp(t, `  1 failed, 1 passed, 2 without outcome +both\n`, asked(t, "runs", "--url", url))
}

// Shards of pytest-monitor are runs of their own without --tag run=…, and may have tests of one name, since it leaves classes out. One
// shard does not clear another in a budget. The same shard again does.
func TestAShardKeepsItsOwnBudget(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	suite := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(suite, "test_shop.py"), []byte(`
import os
import time

class TestCard:
    def test_pay(self):
        time.sleep(float(os.environ["SECONDS"]))
    def test_card(self): pass
    def test_limit(self): pass

class TestCash:
    def test_pay(self): pass
    def test_cash(self): pass
    def test_change(self): pass
`), 0o600))
	out, err := exec.Command("sh", "-c", `cd "$1" && git init -q && git add . && git -c user.name=a -c user.email=a@b.c commit -qm shop && git rev-parse HEAD`,
		"sh", suite).CombinedOutput()
	require.NoError(t, err, string(out))
	commit := strings.TrimSpace(string(out))
	limits := writeBudget(t, "[[tests]]\npattern = \"*\"\nwall_time = \"500ms\"\n")
	shard := func(name, seconds string) int {
		run := harness.Pytest{Suite: suite, Env: []string{"SECONDS=" + seconds}, Args: []string{"--remote-server", bridge.URL + "/p/shop",
			"--tag", "branch=main", "-k", name}}.Run(t)
		require.Equal(t, 0, run.ExitCode, run.Output())
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/shop", "--scm-ref", commit, "--budget", limits)
		require.Contains(t, r.Stdout, "BUDGET: ", r.Stderr)
		return r.ExitCode
	}
	assert.Equal(t, 1, shard("TestCard", "0.6"))
	assert.Equal(t, 1, shard("TestCash", "0.6"), "another shard")
	assert.Equal(t, 0, shard("TestCard", "0"), "again")
}

// TestABudgetHoldsInRunsThatAreNotJudged has more runs of a commit than are judged, the slow one among the rest. Those at once do not clear
// it, and the gate does not pass without it. Those that began when it had ended clear it.
func TestABudgetHoldsInRunsThatAreNotJudged(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	limits := writeBudget(t, "[[tests]]\npattern = \"*\"\nwall_time = \"1s\"\n")
	for project, others := range map[string]time.Duration{"once": time.Second, "later": time.Minute} {
		p, began := newBulkPoster(bridge.URL+"/p/"+project), time.Now().UTC().Add(-time.Hour)
		for i := range 34 {
			m := newMachine()
			m.context = "c0ffee"
			p.mustPost(t, "/contexts/", m.contextJSON())
			m.started = began
			row := m.metric("test_it", began)
			if i == 0 {
				row.TotalTime, began = 9, began.Add(others)
			} else {
				row.TotalTime = 0.0001
				began = began.Add(time.Millisecond)
			}
			p.mustPost(t, "/sessions/", m.sessionJSON())
			p.mustPost(t, "/metrics/", metricJSON(row))
		}
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/"+project, "--scm-ref", "c0ffee", "--budget", limits, "--format", "json")
		var of monitor.Report
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &of), r.Stderr)
		missing := 0
		for _, l := range of.LeftOut {
			if l.Missing {
				missing += len(l.Runs)
			}
		}
		require.NotNil(t, of.Budget)
		if project == "once" {
			assert.Equal(t, 1, missing)
			assert.Equal(t, 1, of.Budget.Exceeded)
		} else {
			assert.Zero(t, missing)
			assert.Zero(t, of.Budget.Exceeded)
		}
	}
}
