package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// runAt stores a run of a branch, and a report on it. The run starts so many hours after arrival.
func runAt(t *testing.T, db *sqlite.DB, run, branch string, hours int, results ...monitor.Result) *monitor.Report {
	t.Helper()
	start := arrival.Add(time.Duration(hours) * time.Hour)
	session := process(run, start)
	session.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: run}},
		{Name: "branch", Value: monitor.Text{String: branch}}}
	rec := record(session)
	rec.Received = start
	appendAll(t, db, rec)
	r := reportOn(run, results...)
	r.Branch, r.Started = branch, start.Add(time.Millisecond)
	keep(t, db, r)
	return r
}

func around(t *testing.T, db *sqlite.DB, r *monitor.Report, max int) (runs []string) {
	t.Helper()
	for other, err := range db.ReportsAround(t.Context(), r, max) {
		require.NoError(t, err)
		runs = append(runs, other.Run)
	}
	return runs
}

func TestReportsAround(t *testing.T) {
	db, path := openNew(t)
	slow, suspect := result("test_a", monitor.StatusRegression), result("test_b", monitor.StatusSuspect)
	runAt(t, db, "oldest", "main", 0, suspect)
	first := runAt(t, db, "first", "main", 1, suspect)
	assert.Empty(t, around(t, db, first, 10), "no report has a regression")

	// The runs are judged in another order than they start.
	runAt(t, db, "last", "main", 5)
	runAt(t, db, "topic", "topic", 2, slow)
	third := runAt(t, db, "third", "main", 3, suspect)
	second := runAt(t, db, "second", "main", 2, slow, suspect)
	for _, run := range []string{"last", "topic"} { // a run has the branch of its first session, and is there once
		joined := process(run+" joined", arrival.Add(6*time.Hour))
		joined.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: run}}, {Name: "branch", Value: monitor.Text{String: "main"}}}
		rec := record(joined)
		rec.Received = arrival.Add(6 * time.Hour)
		appendAll(t, db, rec)
	}
	assert.Equal(t, []string{"last", "second"}, around(t, db, third, 10), "runs before the regression are left out")
	first.Results = []monitor.Result{slow}
	keep(t, db, first)
	assert.Equal(t, []string{"last", "second", "first"}, around(t, db, third, 10))
	assert.Equal(t, []string{"last", "second"}, around(t, db, third, 1), "one run on each side")
	assert.Equal(t, []string{"last", "third", "first"}, around(t, db, second, 2))

	other := *third
	other.Project = "depot"
	assert.Empty(t, around(t, db, &other, 10))
	for range db.ReportsAround(t.Context(), third, 10) {
		break
	}

	_, err := raw(t, path).Exec("UPDATE reports SET content = 'no JSON, though \"status\":\"regression\"' WHERE run = 'second'")
	require.NoError(t, err)
	var errs []error
	for _, err := range db.ReportsAround(t.Context(), third, 10) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	assert.NoError(t, errs[0])
	assert.Error(t, errs[1])
}
