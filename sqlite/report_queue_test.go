package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

func nextReports(tb testing.TB, db *sqlite.DB, dest monitor.Destination, max int) []monitor.PendingReport {
	tb.Helper()
	pending, err := db.NextReports(tb.Context(), dest, max)
	require.NoError(tb, err)
	return pending
}

// reportsWaiting returns how many reports dest does not have.
func reportsWaiting(tb testing.TB, db *sqlite.DB) int64 {
	tb.Helper()
	stats, err := db.Stats(tb.Context(), dest)
	require.NoError(tb, err)
	return stats.Reports
}

// deliverReports acknowledges all pending reports, and returns their runs in order.
func deliverReports(tb testing.TB, db *sqlite.DB, dest monitor.Destination) (runs []string) {
	tb.Helper()
	for {
		pending := nextReports(tb, db, dest, 2)
		if len(pending) == 0 {
			return runs
		}
		for _, p := range pending {
			runs = append(runs, p.Run)
			require.NoError(tb, db.AckReport(tb.Context(), dest, p))
		}
	}
}

func TestReportsGoOutOnceToEachDestination(t *testing.T) {
	path := func() string {
		db, path := newDB(t, utcZones())
		require.NoError(t, db.Open(t.Context()))
		keep(t, db, reportOn("a"), reportOn("b", result("x", monitor.StatusSuspect)), reportOn("c"))
		keep(t, db, reportOn("a")) // the same report
		assert.Equal(t, []string{"a", "b", "c"}, deliverReports(t, db, dest))
		assert.Empty(t, deliverReports(t, db, dest))
		require.NoError(t, db.Close())
		return path
	}()
	db := open(t, dbAt(path, utcZones()))
	assert.Empty(t, deliverReports(t, db, dest), "after a restart")
	assert.Equal(t, []string{"a", "b", "c"}, deliverReports(t, db, "another"), "from the first report on")

	before := nextReports(t, db, "third", 10)
	keep(t, db, reportOn("b", result("x", monitor.StatusSuspect)), reportOn("a", result("y", monitor.StatusRegression)))
	assert.Equal(t, []string{"a"}, deliverReports(t, db, dest))
	assert.Equal(t, []string{"a"}, deliverReports(t, db, "another"))
	after := nextReports(t, db, "third", 10)
	require.Len(t, after, 3)
	assert.Equal(t, "a", after[2].Run, "the report that changed last comes last")
	assert.Greater(t, after[2].Version, before[2].Version)
}

func TestReportsAreReturnedUntilAcknowledged(t *testing.T) {
	db, _ := openNew(t)
	keep(t, db, reportOn("a"), reportOn("b"), reportOn("c"))
	assert.Len(t, nextReports(t, db, dest, 2), 2)
	pending := nextReports(t, db, dest, 10)
	require.Len(t, pending, 3)
	assert.EqualValues(t, 3, reportsWaiting(t, db))
	require.NoError(t, db.AckReport(t.Context(), dest, pending[1]))
	assert.EqualValues(t, 1, reportsWaiting(t, db))
	assert.Equal(t, []string{"c"}, deliverReports(t, db, dest), "the acknowledgement counts for lower versions, too")
	require.NoError(t, db.AckReport(t.Context(), dest, pending[0]))
	assert.Empty(t, deliverReports(t, db, dest), "the cursor does not go back")

	keep(t, db, reportOn("a", result("x", monitor.StatusSuspect)))
	old := nextReports(t, db, dest, 10)
	keep(t, db, reportOn("a", result("y", monitor.StatusSuspect)))
	require.NoError(t, db.AckReport(t.Context(), dest, old[0]))
	assert.Equal(t, []string{"a"}, deliverReports(t, db, dest), "it changed while its earlier version was on its way")
}

func TestNextReportsReturnsFewLargeReports(t *testing.T) {
	db, _ := openNew(t)
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, 300<<10) // random, so compression leaves at least half of its text
	for run := range 6 {
		random.Read(noise)
		large := result("test", monitor.StatusSuspect)
		large.Reason = fmt.Sprintf("%x", noise)
		keep(t, db, reportOn(fmt.Sprint(run), large))
	}
	n := len(nextReports(t, db, dest, 6))
	assert.Positive(t, n)
	assert.Less(t, n, 6)
	assert.Len(t, deliverReports(t, db, dest), 6)
}

func TestResultsAreRetracted(t *testing.T) {
	db, _ := openNew(t)
	bad := result("x", monitor.StatusRegression)
	bad.Level, bad.Reason, bad.LastGood, bad.FirstBad, bad.UsualAgain = monitor.LevelCrit, "why", "good", "bad", true
	keep(t, db, reportOn("a", bad, result("y", monitor.StatusSuspect)))
	assert.Equal(t, []string{"a"}, deliverReports(t, db, dest))
	keep(t, db, reportOn("a", result("y", monitor.StatusRegression), result("z", monitor.StatusSuspect)))
	pending := nextReports(t, db, dest, 1)
	require.Len(t, pending, 1)
	assert.Equal(t, []monitor.Result{result("y", monitor.StatusRegression), result("z", monitor.StatusSuspect)}, pending[0].Results)
	assert.Equal(t, []monitor.Result{result("x", monitor.StatusOK)}, pending[0].Retracted)

	assert.Equal(t, []string{"a"}, deliverReports(t, db, dest))
	keep(t, db, reportOn("a"))
	pending = nextReports(t, db, dest, 1)
	assert.Empty(t, pending[0].Results)
	assert.Equal(t, []monitor.Result{result("y", monitor.StatusOK), result("z", monitor.StatusOK), result("x", monitor.StatusOK)},
		pending[0].Retracted, "a destination may have missed the earlier report")
	assert.Equal(t, []string{"a"}, deliverReports(t, db, dest))
	keep(t, db, reportOn("a"))
	assert.Empty(t, deliverReports(t, db, dest), "the same report")
	keep(t, db, reportOn("a", result("x", monitor.StatusSuspect)))
	pending = nextReports(t, db, dest, 1)
	assert.Len(t, pending[0].Retracted, 2, "a result that is there again is not retracted")
}

// TestDestinationsGetTheLastReports changes reports, loses deliveries or their answers, and restarts the bridge, in
// random order. A destination stores the last result that it gets for a test. In the end it has the same results as the
// file.
func TestDestinationsGetTheLastReports(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	defer func() { require.NoError(t, db.Close()) }()
	for round := range 40 {
		random := rand.New(rand.NewPCG(uint64(round), 9))
		w := &destination{random: random, prefix: fmt.Sprint(round), delivered: make(statuses), kept: make(statuses)}
		for range 15 {
			switch random.IntN(7) {
			case 0, 1, 2:
				w.keep(t, db)
			case 6:
				if random.IntN(3) == 0 {
					require.NoError(t, db.Close())
					db = dbAt(path, utcZones())
					require.NoError(t, db.Open(t.Context()))
				}
			default:
				w.deliver(t, db, false)
			}
		}
		for w.deliver(t, db, true) {
		}
		require.Equal(t, w.kept, w.delivered, "round %d", round)
	}
}

// statuses has statuses by run and test. It leaves out ok and learning.
type statuses map[string]map[string]monitor.Status

func (s statuses) set(run, item string, status monitor.Status) {
	if s[run] == nil {
		s[run] = make(map[string]monitor.Status)
	}
	s[run][item] = status
	if status == monitor.StatusOK || status == monitor.StatusLearning {
		delete(s[run], item)
	}
}

// destination has the statuses that were delivered, and the statuses that the file keeps.
type destination struct {
	random          *rand.Rand
	prefix          string // of the ids of runs
	delivered, kept statuses
}

// keep keeps a new report on one of two runs.
func (d *destination) keep(t *testing.T, db *sqlite.DB) {
	t.Helper()
	report := reportOn(d.prefix + []string{"a", "b"}[d.random.IntN(2)])
	all := []monitor.Status{monitor.StatusOK, monitor.StatusSuspect, monitor.StatusRegression, monitor.StatusLearning}
	for _, item := range []string{"x", "y", "z"} {
		status := all[d.random.IntN(len(all))]
		report.Results = append(report.Results, result(item, status))
		d.kept.set(report.Run, item, status)
	}
	keep(t, db, report)
}

// deliver delivers pending reports, and says whether there were any. Unless sure is set, a delivery or its answer may
// get lost.
func (d *destination) deliver(t *testing.T, db *sqlite.DB, sure bool) (some bool) {
	t.Helper()
	pending := nextReports(t, db, dest, 1+d.random.IntN(2))
	for _, p := range pending {
		if !sure && d.random.IntN(3) == 0 {
			break
		}
		for _, result := range slices.Concat(p.Results, p.Retracted) {
			d.delivered.set(p.Run, result.Item, result.Status)
		}
		if !sure && d.random.IntN(2) == 0 {
			break
		}
		require.NoError(t, db.AckReport(t.Context(), dest, p))
	}
	return len(pending) > 0
}

// TestReportsKeepTheirTime holds that points of a run that is judged again overwrite the old points, also when a session
// that started earlier has arrived meanwhile.
func TestReportsKeepTheirTime(t *testing.T) {
	db, _ := openNew(t)
	earlier := reportOn("a", result("x", monitor.StatusSuspect))
	earlier.Started = arrival.Add(-time.Minute)
	keep(t, db, reportOn("a"), earlier)
	pending := nextReports(t, db, dest, 1)
	assert.True(t, arrival.Equal(pending[0].Started))
}
