package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// A list of runs has what the kept reports say.
func TestRunsHaveTheVerdictOfTheirReport(t *testing.T) {
	t.Parallel()
	db, path := openNew(t)
	wall := result("test_pay", monitor.StatusRegression)
	wall.Metric = monitor.MetricTotalTime
	worse := runAt(t, db, "worse", "main", 1, result("test_pay", monitor.StatusRegression), wall, result("test_b", monitor.StatusSuspect),
		result("test_c", monitor.StatusImprovement), result("test_d", monitor.StatusImprovement))
	worse.Arrange()
	keep(t, db, worse)
	runAt(t, db, "slow", "main", 2).Suite.Status = monitor.StatusSlowMachine
	slow := reportOn("slow")
	slow.Suite.Status, slow.Started = monitor.StatusSlowMachine, arrival
	keep(t, db, slow)
	appendAll(t, db, record(process("none", arrival)))
	want := map[string]*monitor.Brief{
		"worse": {Verdict: monitor.StatusRegression, Regressions: 1, Suspects: 1, Improvements: 2},
		"slow":  {Verdict: monitor.StatusSlowMachine}, "none": nil}
	check := func() {
		t.Helper()
		got := map[string]*monitor.Brief{}
		for run, err := range db.Runs(t.Context(), monitor.RunQuery{Project: "shop"}, monitor.Page{}) {
			require.NoError(t, err)
			got[run.ID] = run.Report
		}
		assert.Equal(t, want, got)
	}
	check()
	worse.Results, want["worse"] = nil, &monitor.Brief{Verdict: monitor.StatusOK}
	worse.Summary = monitor.Summary{Tests: 1, OK: 3}
	keep(t, db, worse, slow)
	check()
	var brief string
	require.NoError(t, raw(t, path).QueryRow("SELECT min(brief) FROM reports").Scan(&brief))
	assert.NotEmpty(t, brief, "also a report that says the same again")
}
