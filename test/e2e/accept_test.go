package e2e_test

import (
	"encoding/json"
	"fmt"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// postCommit posts a run of a branch with one test, which takes some CPU time.
func postCommit(t *testing.T, p *poster, branch, commit string, seconds float64) {
	t.Helper()
	m := newMachine()
	m.context = "c0ffee"
	p.mustPost(t, "/contexts/", m.contextJSON())
	p.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": %q, "description": {"branch": %q}}`,
		m.session, m.started.Format(harness.Isoformat), commit, branch))
	row := m.metric("test_pay", m.started.Add(time.Millisecond))
	row.Item, row.TotalTime, row.UserTime, row.KernelTime, row.CPUUsage, row.MemUsage = "test_pay", seconds, seconds, 0, 1, 10
	p.mustPost(t, "/metrics/", metricJSON(row))
}

// What a pull request makes slower is accepted for its branch, and not for the branch that it merges into.
func TestAPullRequestIsAccepted(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	p := newBulkPoster(bridge.URL + "/p/shop")
	for i := range 12 {
		postCommit(t, p, "main", fmt.Sprintf("%040d", i), 0.1)
	}
	checked := func(branch, commit string) int {
		t.Helper()
		r, _ := check(t, bridge, "--scm-ref", commit, "--head", branch, "--branch", "main")
		return r.ExitCode
	}
	commits := []string{strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40), strings.Repeat("d", 40)}
	postCommit(t, p, "feature", commits[0], 0.2)
	require.Equal(t, 1, checked("feature", commits[0]))
	r := harness.RunProgram(t, nil, "accept", "--url", bridge.URL+"/p/shop", "--all", "--branch", "feature", "--against", "main", "--note", "slower and better")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Equal(t, 0, checked("feature", commits[0]))
	postCommit(t, p, "feature", commits[1], 0.2)
	assert.Equal(t, 0, checked("feature", commits[1]))
	postCommit(t, p, "feature", commits[2], 0.5)
	assert.Equal(t, 1, checked("feature", commits[2]), "a further change")
	postCommit(t, p, "other", commits[3], 0.2)
	assert.Equal(t, 1, checked("other", commits[3]), "another branch accepted it")

	// When main has the change too, it is not accepted twice over.
	for i := range 3 {
		postCommit(t, p, "main", fmt.Sprintf("%040d", 12+i), 0.2)
	}
	for _, accepts := range []bool{false, true} {
		if accepts {
			r = harness.RunProgram(t, nil, "accept", "--url", bridge.URL+"/p/shop", "--all", "--branch", "main", "--note", "merged")
			require.Equal(t, 0, r.ExitCode, r.Stderr)
			assert.Contains(t, r.Stdout, "2 regressions of all tests are accepted")
		}
		for want, seconds := range []float64{0.2, 0.39} {
			commit := fmt.Sprintf("%040d", int(1000*seconds))
			if !accepts {
				postCommit(t, p, "feature", commit, seconds)
			}
			assert.Equal(t, want, checked("feature", commit), "%v s, accepted on main: %v", seconds, accepts)
		}
	}
}

// A regression is accepted after the report on the run is kept, as most are. What is fine is no test that the run does not have.
func TestAKeptRegressionIsAccepted(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "1s"}})
	p := newBulkPoster(bridge.URL + "/p/shop")
	commit := ""
	for i := range 13 {
		commit = fmt.Sprintf("%040d", i)
		postJob(t, p, commit, "tests", []string{"test_cart", "test_pay"}, map[string]float64{"test_pay": map[bool]float64{false: 0.1, true: 0.2}[i >= 10]})
	}
	require.Eventually(t, func() bool {
		judged, _ := bridge.Metrics().Sum("pymon_bridge_judged_runs_total")
		return judged >= 13
	}, time.Minute, 50*time.Millisecond)
	for _, c := range []struct {
		says string
		exit int // of the check that follows
		args []string
	}{
		{`Nothing of \S+test_cart is worse in run \S+; its slow growth is measured from here: number 1\.`, 1, []string{"--test", "test_cart", "--note", "fine"}},
		{`2 regressions of \S+test_pay are accepted, with all that run \S+ has: number 2\.`, 0, []string{"--test", "test_pay", "--note", "does more"}},
		{`Nothing is worse in run \S+; slow growth is measured from here: number 3\.`, 0, []string{"--all", "--note", "release"}},
		{`Number 3 is taken back: slow growth is measured as before\.`, 0, []string{"--undo", "3"}},
		{`Number 2 is taken back: its 2 regressions are no longer accepted\.`, 1, []string{"--undo", "2"}},
	} {
		r := harness.RunProgram(t, nil, append([]string{"accept", "--url", bridge.URL + "/p/shop"}, c.args...)...)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
		assert.Regexp(t, "^"+c.says+"\n$", r.Stdout)
		r, _ = check(t, bridge, "--scm-ref", commit)
		assert.Equal(t, c.exit, r.ExitCode, "%v: %s %s", c.args, r.Stdout, r.Stderr)
	}
}

// A regression is accepted with a reason. It fails no check then, and a further one does, as soon as any other.
func TestARegressionIsAccepted(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	p := newBulkPoster(bridge.URL + "/p/shop")
	commit := ""
	post := func(i int, pay float64) {
		commit = fmt.Sprintf("%040d", i)
		postJob(t, p, commit, "tests", []string{"test_cart", "test_pay"}, map[string]float64{"test_pay": pay})
	}
	accept := func(args ...string) harness.Result {
		return harness.RunProgram(t, nil, append([]string{"accept", "--url", bridge.URL + "/p/shop"}, args...)...)
	}
	for i := range 13 {
		post(i, map[bool]float64{false: 0.1, true: 0.15}[i >= 10])
	}
	r, report := check(t, bridge, "--scm-ref", commit)
	require.Equal(t, 1, r.ExitCode, "%s %s", r.Stdout, r.Stderr)
	require.Equal(t, 1, report.Summary.Regressions)

	for _, wrong := range [][]string{{}, {"--all"}, {"--all", "--note", " "}, {"--all", "--part", "x", "--note", "y"},
		{"--all", "--note", "y", "--run", ""}, {"--all", "--note", "y", "--branch="}} {
		assert.Equal(t, 2, accept(wrong...).ExitCode, wrong)
	}
	r = accept("--part", "no/such", "--note", "why")
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, "has no such test: expected a test, a component or a folder of the run (404 Not Found)")
	r = accept("--all", "--note", strings.Repeat("why ", 1000))
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, "this cannot be accepted; note: expected why, in 1 to 2000 characters (400 Bad Request)")
	r = accept("--test", "test_pay", "--note", "payments are\x1b[31m checked twice")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, "1 regression of ")
	assert.Contains(t, r.Stdout, "test_pay is accepted, with all that run ")

	who, err := user.Current()
	require.NoError(t, err)
	r, report = check(t, bridge, "--scm-ref", commit)
	assert.Equal(t, 0, r.ExitCode, "%s %s", r.Stdout, r.Stderr)
	x := cpuOf(report, "test_pay")
	assert.Equal(t, monitor.StatusAccepted, x.Status)
	assert.Equal(t, fmt.Sprintf("%040d", 10), x.FirstBad)
	assert.InDelta(t, 1.5, float64(x.Ratio), 0.01)
	assert.Equal(t, int64(1), x.Acceptance.ID)
	assert.Equal(t, monitor.Summary{Tests: 2, OK: 5, Accepted: 1}, report.Summary)
	for format, line := range map[string]string{"text": "ACCEPTED: 1 test\n", "markdown": "<summary>1 accepted</summary>", "github": "title=Accepted%3A CPU time",
		"junit": "checked twice"} {
		r := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/shop", "--scm-ref", commit, "--format", format)
		assert.Equal(t, 0, r.ExitCode, r.Stderr)
		assert.Contains(t, r.Stdout, line, format)
		assert.Contains(t, r.Stdout, "accepted by ", format)
		assert.NotContains(t, r.Stdout, "\x1b", format)
	}
	post(13, 0.15)
	r, report = check(t, bridge, "--scm-ref", commit)
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Equal(t, 1, report.Summary.Accepted)

	// A further rise is a regression in the run in which any other is one.
	for i, want := range []int{0, 0, 1} {
		post(14+i, 0.225)
		r, report = check(t, bridge, "--scm-ref", commit)
		assert.Equal(t, want, r.ExitCode, "%d: %s", i, r.Stderr)
	}
	x = cpuOf(report, "test_pay")
	assert.Equal(t, monitor.StatusRegression, x.Status)
	assert.InDelta(t, 0.15, float64(x.Baseline), 0.001)
	assert.Equal(t, fmt.Sprintf("%040d", 14), x.FirstBad)

	require.Equal(t, 0, accept("--all", "--note", "once more").ExitCode)
	r, _ = check(t, bridge, "--scm-ref", commit)
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	r = accept("--list")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Regexp(t, `^NUMBER +WHEN +BY +BRANCH +RUN +WHAT +REGRESSIONS +WHY\n2 .* all tests +[12] +once more\n1 .*test_pay +1 +payments are`, r.Stdout)
	r = accept("--list", "--json")
	var listed []monitor.Acceptance
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &listed), r.Stdout)
	require.Len(t, listed, 2)
	assert.Equal(t, who.Username, listed[1].By)

	r = accept("--undo", "2")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Regexp(t, `^Number 2 is taken back: its (2 regressions are|1 regression is) no longer accepted\.\n$`, r.Stdout)
	r, _ = check(t, bridge, "--scm-ref", commit)
	assert.Equal(t, 1, r.ExitCode)
	r = accept("--undo", "2")
	assert.Equal(t, 1, r.ExitCode)
	assert.Contains(t, r.Stderr, `project "shop" has no acceptance 2`)

	// With tokens, only those with the scope admin accept, and they say who it was.
	token := func(scope string) string {
		r := harness.RunProgram(t, nil, "token", "add", "shop", "--data", bridge.Data, "--scope", scope, "--label", "the "+scope)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
		return strings.TrimSpace(r.Stdout)
	}
	write, read, admin := token("write"), token("read"), token("admin")
	for _, secret := range []string{write, read} {
		r = harness.RunProgram(t, []string{"PYMON_TOKEN=" + secret}, "accept", "--url", bridge.URL, "--all", "--note", "no")
		assert.Equal(t, 1, r.ExitCode)
		assert.Contains(t, r.Stderr, "this token lacks the scope ")
	}
	r = harness.RunProgram(t, []string{"PYMON_TOKEN=" + admin}, "accept", "--url", bridge.URL, "--all", "--note", "yes", "--json")
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, `"by": "the admin"`)
	r = harness.RunProgram(t, []string{"PYMON_TOKEN=" + read}, "check", "--url", bridge.URL, "--scm-ref", commit)
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stdout, "accepted by the admin on ")
}
