package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// postJob posts a run as pytest-monitor sends it in a job of GitLab. Each test takes a tenth of a second, but slow.
func postJob(t *testing.T, p *poster, commit, job string, tests []string, slow map[string]float64) {
	t.Helper()
	m := newMachine()
	m.context = "c0ffee"
	p.mustPost(t, "/contexts/", m.contextJSON())
	p.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": %q,
		"description": {"pipeline_branch": %q, "pipeline_build_no": "9", "__ci__": "gitlabci"}}`,
		m.session, m.started.Format(harness.Isoformat), commit, job))
	for i, test := range tests {
		row := m.metric(test, m.started.Add(time.Duration(i)*time.Millisecond))
		seconds := 0.1
		if s, ok := slow[test]; ok {
			seconds = s
		}
		row.Item, row.TotalTime, row.UserTime, row.KernelTime, row.CPUUsage, row.MemUsage = test, seconds, seconds, 0, 1, 10
		p.mustPost(t, "/metrics/", metricJSON(row))
	}
}

// With `parallel: 2`, GitLab runs two jobs for each commit. A regression in the first is not cleared by the second.
func TestCheckCountsEveryJobOfACommit(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	p := newBulkPoster(bridge.URL + "/p/shop")
	commit := ""
	for i := range 13 {
		commit = fmt.Sprintf("%040d", i)
		slow := map[string]float64{}
		if i >= 10 {
			slow["test_pay"] = 0.5
		}
		postJob(t, p, commit, "tests 1/2", []string{"test_cart", "test_pay"}, slow)
		postJob(t, p, commit, "tests 2/2", []string{"test_list", "test_ship"}, nil)
	}
	r, report := check(t, bridge, "--scm-ref", commit, "--all")
	assert.Equal(t, 1, r.ExitCode, "%s %s", r.Stdout, r.Stderr)
	assert.Equal(t, monitor.StatusRegression, cpuOf(report, "test_pay").Status)
	assert.Equal(t, fmt.Sprintf("%040d", 10), cpuOf(report, "test_pay").FirstBad)
	assert.Equal(t, monitor.StatusOK, cpuOf(report, "test_ship").Status)
	assert.Equal(t, []string{"job tests 2/2", "job tests 1/2"}, report.Branches)
	assert.Len(t, report.Runs, 2)
	assert.Empty(t, report.LeftOut)

	// One job alone says what it leaves out, in every format.
	for format, says := range map[string]string{
		"text":     "left out  1 run with 2 tests of job tests 1/2: of another branch than the one asked for\n",
		"markdown": "\nLeft out: 1 run with 2 tests of `job tests 1/2`: `of another branch than the one asked for`\n",
		"github":   "::notice title=Left out::1 run with 2 tests of job tests 1/2: of another branch than the one asked for\n",
		"junit":    `<skipped type="left_out" message="1 run with 2 tests of job tests 1/2: of another branch than the one asked for">`,
		"json":     `"reason": "of another branch than the one asked for"`,
	} {
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/shop", "--scm-ref", commit, "--head", "job tests 2/2", "--format", format)
		assert.Equal(t, 0, r.ExitCode, r.Stderr)
		assert.Contains(t, r.Stdout, says)
	}
	r, report = check(t, bridge)
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	require.Len(t, report.LeftOut, 1)
	assert.Equal(t, "the report is on one run, and not on all runs of its commit", report.LeftOut[0].Reason)

	// More jobs than are judged do not pass.
	many := newBulkPoster(bridge.URL + "/p/many")
	for i := range 33 {
		postJob(t, many, commit, fmt.Sprint("tests ", i), []string{"test_it"}, nil)
	}
	r = harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/many", "--scm-ref", commit)
	assert.Equal(t, 2, r.ExitCode, r.Stdout)
	assert.Contains(t, r.Stdout, "1 run of the commit was not looked at, with 1 test.\n")
	assert.Contains(t, r.Stderr, "is not all of its commit: 1 run was not looked at, with 1 test\n")

	r, _ = check(t, bridge, "--scm-ref", commit, "--head", "main")
	assert.Equal(t, 2, r.ExitCode)
	assert.Contains(t, r.Stderr, `the newest run of this commit is of branch "job tests 2/2": pytest says the branch with --tag branch=NAME`)
}

// smallSuite returns a folder with a suite of two modules.
func smallSuite(t *testing.T) string {
	t.Helper()
	suite := t.TempDir()
	for _, name := range []string{"test_cart.py", "test_pay.py"} {
		require.NoError(t, os.WriteFile(filepath.Join(suite, name), []byte("def test_it(): pass\n"), 0o600))
	}
	return suite
}

func TestCheckAfterRealRunsThatAreUnusual(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	suite := smallSuite(t)
	pytest := func(project string, env []string, args ...string) string {
		r := harness.Pytest{Suite: suite, Git: true, Env: env, Args: append([]string{"--remote-server", bridge.URL + "/p/" + project}, args...)}.Run(t)
		require.Equal(t, 0, r.ExitCode, r.Output())
		return r.ScmRef
	}
	check := func(project string, args ...string) harness.Result {
		return harness.RunProgram(t, nil, append([]string{"check", "--url", bridge.URL + "/p/" + project}, args...)...)
	}

	// An editor collects the tests after a run.
	gitlab := []string{"CI_JOB_NAME=tests 1/2", "CI_PIPELINE_ID=9"}
	pytest("editor", gitlab)
	pytest("editor", nil, "--collect-only")
	r := check("editor", "--run", "latest")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, "of job tests 1/2\n")
	assert.Contains(t, r.Stdout, "\n2 tests, ")

	// The checkout belongs to another user, so git says no commit.
	pytest("dubious", []string{"GIT_TEST_ASSUME_DIFFERENT_OWNER=1"}, "--tag", "branch=main")
	commit := fmt.Sprintf("%040d", 1)
	for _, args := range [][]string{{"--scm-ref", commit}, {"--scm-ref", commit, "--head", "main"}, {"--scm-ref", commit, "--head", "feature"}} {
		r = check("dubious", args...)
		assert.Equal(t, 2, r.ExitCode, r.Stdout)
		assert.Contains(t, r.Stderr, "has no commit, since git did not tell pytest one")
		assert.Contains(t, r.Stderr, "git config --global --add safe.directory DIRECTORY")
	}

	// Only modules are measured.
	pytest("modules", nil, "--restrict-scope-to", "module")
	r = check("modules", "--all")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, "test_pay.py::test_pay\n")
	assert.Contains(t, r.Stdout, "\n2 tests, ")
	pytest("modules", nil, "--restrict-scope-to", "function,module")
	r = check("modules")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, "left out  2 modules: modules are judged only in runs without tests\n")
	resp, err := http.Get(bridge.URL + "/p/modules/api/v1/regressions?format=text")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, "pass", resp.Header.Get("Pymon-Bridge-Gate"))
}

// atOnce is a suite whose test waits until both pytests have begun.
const atOnce = `
import os, pathlib, time

def test_it():
    here = pathlib.Path(os.environ["TOGETHER"])
    (here / str(os.getpid())).touch()
    while len(list(here.iterdir())) < 2:
        time.sleep(0.01)
`

// As `tox -p` does, with two environments of one Python. Before the first measurement, nothing tells two such pytests from a
// controller of pytest-xdist with a worker.
func TestTwoPytestsAtOnceAreToldApartByATag(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	suite := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(suite, "test_it.py"), []byte(atOnce), 0o600))
	together := func(project string, tags ...string) (harness.Result, *monitor.Report) {
		env := []string{"TOGETHER=" + t.TempDir()}
		var runs []*harness.PytestRun
		for _, tag := range tags {
			args := []string{"--remote-server", bridge.URL + "/p/" + project, "--tag", tag}
			runs = append(runs, harness.Pytest{Suite: suite, Env: env, Args: args}.Start(t))
		}
		for _, r := range runs {
			r.Wait()
			require.Equal(t, 0, r.ExitCode, r.Output())
		}
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/"+project, "--format", "json", "--all")
		report := new(monitor.Report)
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), report))
		return r, report
	}
	r, report := together("tagged", "run=1-django42", "run=1-django52")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Len(t, report.Sessions, 1)
	assert.Empty(t, report.LeftOut)

	r, report = together("untagged", "branch=main", "branch=main")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Len(t, report.Sessions, 2)
	require.Len(t, report.LeftOut, 1)
	assert.EqualValues(t, 1, report.LeftOut[0].Tests)
	assert.Contains(t, report.LeftOut[0].Reason, "--tag run=NAME")
}

// The page "What pytest says" has the client's own words.
func TestWhatPytestSaysIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "operations.md"))
	require.NoError(t, err)
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	frozen := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(frozen, "conftest.py"), []byte("import _pytest.timing\nnow = _pytest.timing.time()\n_pytest.timing.time = lambda: now\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(frozen, "test_it.py"), []byte("def test_it(): pass\n"), 0o600))
	for _, tc := range []struct {
		remote, says string
		exit         int
	}{
		{"localhost:5000", "InvalidSchema: No connection adapters were found for 'localhost:5000/contexts/", 3},
		{"localhost", "MissingSchema: Invalid URL 'localhost/contexts/", 3},
		{bridge.URL, "ZeroDivisionError: float division by zero", 1},
	} {
		r := harness.Pytest{Suite: frozen, Args: []string{"--remote-server", tc.remote}}.Run(t)
		assert.Equal(t, tc.exit, r.ExitCode, r.Output())
		assert.Contains(t, r.Output(), tc.says)
		assert.Contains(t, string(page), "`"+tc.says)
	}
}
