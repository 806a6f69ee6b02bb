package sqlite_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestListsReadFewRows checks that questions about a project, a commit or a test begin in an index that has it, and scan
// neither metrics nor outcomes.
func TestListsReadFewRows(t *testing.T) {
	db, _ := openNew(t)
	plans, err := db.PlansOfLists(t.Context())
	require.NoError(t, err)
	for question, begin := range map[string]string{
		"branches": "SEARCH s USING COVERING INDEX sessions_branch (project=? AND branch=?)",
		"commit":   "SEARCH sessions USING INDEX sessions_scm (scm_ref>? AND scm_ref<?)",
		"find":     "SEARCH sessions USING COVERING INDEX sessions_run (project=? AND run=?)",
		"found":    "SEARCH sessions USING INDEX sessions_scm (scm_ref>? AND scm_ref<?)",
		"metrics":  "SEARCH m USING INDEX metrics_point (series=? AND utc_ns<?)",
		"outcomes": "SEARCH m USING INDEX outcomes_point (series=? AND utc_ns<?)",
	} {
		plan := strings.Join(plans[question], "\n")
		assert.Contains(t, plan, begin, question)
		for _, table := range []string{"SCAN m", "SCAN s", "SCAN sessions", "SCAN r"} {
			assert.NotContains(t, plan, table+" ", question)
			assert.False(t, strings.HasSuffix(plan, table), "%s: %s", question, plan)
		}
	}
}

func TestBranchesAndCommits(t *testing.T) {
	db, _ := openNew(t)
	add := func(n int, project, branch, commit string) {
		start := arrival.Add(time.Duration(n) * time.Hour)
		s := process(fmt.Sprintf("%032x", n), start)
		s.ScmRef.String = commit
		s.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: fmt.Sprint("run-", n)}}, {Name: "branch", Value: monitor.Text{String: branch}}}
		rec := record(s)
		rec.Project, rec.Received = project, start
		appendAll(t, db, rec)
	}
	for n, branch := range []string{"b", "a", "main", "b", "", "a"} {
		add(n, "shop", branch, fmt.Sprintf("c0ffee%d", n%2))
	}
	add(9, "other", "theirs", "c0ffee0")
	names, err := db.Branches(t.Context(), "shop", 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "", "b", "main"}, names, "the latest run first")
	names, err = db.Branches(t.Context(), "shop", 2)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", ""}, names)
	names, err = db.Branches(t.Context(), "gone", 2)
	require.NoError(t, err)
	assert.Empty(t, names)
	for commit, want := range map[string][]string{"c0ffee0": {"run-4", "run-2", "run-0"}, "c0ffee": {"run-5", "run-4", "run-3", "run-2", "run-1"},
		"c0ffee2": nil, "c0ffee00": nil, "%": nil} {
		runs, err := db.RunsOfCommit(t.Context(), "shop", commit, 5)
		require.NoError(t, err)
		assert.Equal(t, want, runs, commit)
	}
}

func TestKeptReportsHaveWhatIsAskedFor(t *testing.T) {
	db, _ := openNew(t)
	result := func(status monitor.Status) monitor.Result {
		return monitor.Result{TestID: monitor.TestID{Item: "test_a\xff", Env: "e"}, Metric: "cpu_time", Status: status}
	}
	for run, results := range map[string][]monitor.Result{"worse": {result(monitor.StatusRegression)}, "odd": {result(monitor.StatusSuspect)}, "fine": nil} {
		r := &monitor.Report{Project: "shop", Run: run, Results: results, Started: arrival, Suite: monitor.Suite{Status: monitor.StatusSlowMachine}}
		r.Arrange()
		require.NoError(t, db.KeepReport(t.Context(), r))
	}
	accepted := &monitor.Report{Project: "shop", Run: "accepted", Started: arrival, Accepted: []monitor.ResultID{{Metric: "cpu_time"}}}
	require.NoError(t, db.KeepReport(t.Context(), accepted))
	all, err := db.KeptReports(t.Context(), "shop", []string{"worse", "odd", "fine", "accepted", "gone"}, monitor.StatusRegression)
	require.NoError(t, err)
	require.Len(t, all, 4)
	assert.Equal(t, "test_a\xff", all["worse"].Results[0].Item)
	assert.Empty(t, all["odd"].Results, "no result of the status")
	assert.Equal(t, 1, all["odd"].Summary.Suspects, "the numbers all the same")
	assert.Equal(t, monitor.StatusSlowMachine, all["fine"].Suite.Status)
	assert.Equal(t, arrival, all["fine"].Started)
	assert.Len(t, all["accepted"].Accepted, 1)
	all, err = db.KeptReports(t.Context(), "shop", nil)
	require.NoError(t, err)
	assert.Empty(t, all)
}
