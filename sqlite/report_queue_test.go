package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

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

// tell delivers all that is pending, and returns the runs in their order.
func tell(tb testing.TB, db *sqlite.DB, dest monitor.Destination) (runs []string) {
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
		keep(t, db, reportOn("a")) // says the same
		assert.Equal(t, []string{"a", "b", "c"}, tell(t, db, dest))
		assert.Empty(t, tell(t, db, dest))
		require.NoError(t, db.Close())
		return path
	}()
	db := open(t, dbAt(path, utcZones()))
	assert.Empty(t, tell(t, db, dest), "after a restart")
	assert.Equal(t, []string{"a", "b", "c"}, tell(t, db, "another"), "from the first that is kept")

	before := nextReports(t, db, "third", 10)
	keep(t, db, reportOn("b", result("x", monitor.StatusSuspect)), reportOn("a", result("y", monitor.StatusRegression)))
	assert.Equal(t, []string{"a"}, tell(t, db, dest))
	assert.Equal(t, []string{"a"}, tell(t, db, "another"))
	after := nextReports(t, db, "third", 10)
	require.Len(t, after, 3)
	assert.Equal(t, "a", after[2].Run, "what changed last is the last")
	assert.Greater(t, after[2].Version, before[2].Version)
}

func TestReportsAreHandedOutUntilAcknowledged(t *testing.T) {
	db, _ := openNew(t)
	keep(t, db, reportOn("a"), reportOn("b"), reportOn("c"))
	assert.Len(t, nextReports(t, db, dest, 2), 2)
	pending := nextReports(t, db, dest, 10)
	require.Len(t, pending, 3)
	require.NoError(t, db.AckReport(t.Context(), dest, pending[1]))
	assert.Equal(t, []string{"c"}, tell(t, db, dest), "what came before has been acknowledged with it")
	require.NoError(t, db.AckReport(t.Context(), dest, pending[0]))
	assert.Empty(t, tell(t, db, dest), "the cursor does not go back")

	keep(t, db, reportOn("a", result("x", monitor.StatusSuspect)))
	old := nextReports(t, db, dest, 10)
	keep(t, db, reportOn("a", result("y", monitor.StatusSuspect)))
	require.NoError(t, db.AckReport(t.Context(), dest, old[0]))
	assert.Equal(t, []string{"a"}, tell(t, db, dest), "it changed while the one before was on its way")
}

func TestFewLargeReportsAreHandedOut(t *testing.T) {
	db, _ := openNew(t)
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, 300<<10) // which nothing makes shorter than two thirds of its text
	for run := range 6 {
		random.Read(noise)
		large := result("test", monitor.StatusSuspect)
		large.Reason = fmt.Sprintf("%x", noise)
		keep(t, db, reportOn(fmt.Sprint(run), large))
	}
	n := len(nextReports(t, db, dest, 6))
	assert.Positive(t, n)
	assert.Less(t, n, 6)
	assert.Len(t, tell(t, db, dest), 6)
}

func TestResultsAreRetracted(t *testing.T) {
	db, _ := openNew(t)
	bad := result("x", monitor.StatusRegression)
	bad.Level, bad.Reason, bad.LastGood, bad.FirstBad = monitor.LevelCrit, "why", "good", "bad"
	keep(t, db, reportOn("a", bad, result("y", monitor.StatusSuspect)))
	assert.Equal(t, []string{"a"}, tell(t, db, dest))
	keep(t, db, reportOn("a", result("y", monitor.StatusRegression), result("z", monitor.StatusSuspect)))
	pending := nextReports(t, db, dest, 1)
	require.Len(t, pending, 1)
	assert.Equal(t, []monitor.Result{result("y", monitor.StatusRegression), result("z", monitor.StatusSuspect)}, pending[0].Results)
	assert.Equal(t, []monitor.Result{result("x", monitor.StatusOK)}, pending[0].Retracted)

	assert.Equal(t, []string{"a"}, tell(t, db, dest))
	keep(t, db, reportOn("a"))
	pending = nextReports(t, db, dest, 1)
	assert.Empty(t, pending[0].Results)
	assert.Equal(t, []monitor.Result{result("y", monitor.StatusOK), result("z", monitor.StatusOK), result("x", monitor.StatusOK)},
		pending[0].Retracted, "a destination may have missed the report before")
	assert.Equal(t, []string{"a"}, tell(t, db, dest))
	keep(t, db, reportOn("a"))
	assert.Empty(t, tell(t, db, dest), "which says the same")
	keep(t, db, reportOn("a", result("x", monitor.StatusSuspect)))
	pending = nextReports(t, db, dest, 1)
	assert.Len(t, pending[0].Retracted, 2, "what is there again is not retracted")
}

// TestDestinationsKnowWhatIsKept has reports change, deliveries fail with or without having arrived, and the bridge
// restart, in any order. A destination overwrites what it is told of a test. In the end it knows what is kept.
func TestDestinationsKnowWhatIsKept(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	defer func() { require.NoError(t, db.Close()) }()
	for round := range 40 {
		random := rand.New(rand.NewPCG(uint64(round), 9))
		w := &destination{random: random, prefix: fmt.Sprint(round), told: make(verdicts), kept: make(verdicts)}
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
		require.Equal(t, w.kept, w.told, "round %d", round)
	}
}

// verdicts are statuses by run and test, without those that are ok.
type verdicts map[string]map[string]monitor.Status

func (v verdicts) set(run, item string, status monitor.Status) {
	if v[run] == nil {
		v[run] = make(map[string]monitor.Status)
	}
	v[run][item] = status
	if status == monitor.StatusOK || status == monitor.StatusLearning {
		delete(v[run], item)
	}
}

// destination is what one was told, beside what was kept.
type destination struct {
	random     *rand.Rand
	prefix     string // of runs
	told, kept verdicts
}

// keep keeps another report on one of two runs.
func (d *destination) keep(t *testing.T, db *sqlite.DB) {
	t.Helper()
	report := reportOn(d.prefix + []string{"a", "b"}[d.random.IntN(2)])
	statuses := []monitor.Status{monitor.StatusOK, monitor.StatusSuspect, monitor.StatusRegression, monitor.StatusLearning}
	for _, item := range []string{"x", "y", "z"} {
		status := statuses[d.random.IntN(len(statuses))]
		report.Results = append(report.Results, result(item, status))
		d.kept.set(report.Run, item, status)
	}
	keep(t, db, report)
}

// deliver hands out what is pending, if there is anything. Unless sure, it may not arrive, and nobody may learn that it did.
func (d *destination) deliver(t *testing.T, db *sqlite.DB, sure bool) (some bool) {
	t.Helper()
	pending := nextReports(t, db, dest, 1+d.random.IntN(2))
	for _, p := range pending {
		if !sure && d.random.IntN(3) == 0 {
			break
		}
		for _, result := range slices.Concat(p.Results, p.Retracted) {
			d.told.set(p.Run, result.Item, result.Status)
		}
		if !sure && d.random.IntN(2) == 0 {
			break
		}
		require.NoError(t, db.AckReport(t.Context(), dest, p))
	}
	return len(pending) > 0
}
