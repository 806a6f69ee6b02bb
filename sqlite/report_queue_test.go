package sqlite_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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
			require.NoError(tb, db.SettleReport(tb.Context(), dest, p))
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

func TestReportsAreHandedOutUntilSettled(t *testing.T) {
	db, _ := openNew(t)
	keep(t, db, reportOn("a"), reportOn("b"), reportOn("c"))
	assert.Len(t, nextReports(t, db, dest, 2), 2)
	pending := nextReports(t, db, dest, 10)
	require.Len(t, pending, 3)
	require.NoError(t, db.SettleReport(t.Context(), dest, pending[1]), "in whatever order")
	assert.Equal(t, []string{"a", "c"}, tell(t, db, dest))

	keep(t, db, reportOn("a", result("x", monitor.StatusSuspect)))
	old := nextReports(t, db, dest, 10)
	keep(t, db, reportOn("a", result("y", monitor.StatusSuspect)))
	require.NoError(t, db.SettleReport(t.Context(), dest, old[0]))
	assert.Equal(t, []string{"a"}, tell(t, db, dest), "it changed while the one before was on its way")
}

func TestFewLargeReportsAreHandedOut(t *testing.T) {
	db, _ := openNew(t)
	var results []monitor.Result
	for i := range 30_000 {
		results = append(results, result(fmt.Sprint("test_", i*7919%30011), monitor.StatusNotJudged))
	}
	for run := range 6 {
		keep(t, db, reportOn(fmt.Sprint(run), results...))
	}
	n := len(nextReports(t, db, dest, 6))
	assert.Positive(t, n)
	assert.Less(t, n, 6)
	assert.Len(t, tell(t, db, dest), 6)
}

func TestVerdictsAreTakenBack(t *testing.T) {
	db, _ := openNew(t)
	bad := result("x", monitor.StatusRegression)
	bad.Level, bad.Reason, bad.LastGood, bad.FirstBad = monitor.LevelCrit, "why", "good", "bad"
	keep(t, db, reportOn("a", bad, result("y", monitor.StatusSuspect)))
	assert.Equal(t, []string{"a"}, tell(t, db, dest))
	keep(t, db, reportOn("a", result("y", monitor.StatusRegression), result("z", monitor.StatusSuspect)))
	pending := nextReports(t, db, dest, 1)
	require.Len(t, pending, 1)
	assert.Equal(t, []monitor.Result{result("y", monitor.StatusRegression), result("z", monitor.StatusSuspect),
		result("x", monitor.StatusOK)}, pending[0].Results)
	kept, err := db.Report(t.Context(), "shop", "a")
	require.NoError(t, err)
	assert.Len(t, kept.Results, 2, "what is kept says nothing of it")
	assert.Len(t, nextReports(t, db, "another", 1)[0].Results, 2, "nor does who was never told")

	assert.Equal(t, []string{"a"}, tell(t, db, dest))
	keep(t, db, reportOn("a"))
	pending = nextReports(t, db, dest, 1)
	assert.Equal(t, []monitor.Result{result("y", monitor.StatusOK), result("z", monitor.StatusOK)}, pending[0].Results,
		"what was taken back once is not again")
}

// TestDestinationsKnowWhatIsKept has reports change, deliveries fail with or without having arrived, and the bridge
// restart, in any order. A destination overwrites what it is told of a test. In the end it knows what is kept.
func TestDestinationsKnowWhatIsKept(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		db, path := newDB(t, utcZones())
		require.NoError(r, db.Open(t.Context()))
		defer func() { require.NoError(r, db.Close()) }()
		known := make(map[string]map[string]monitor.Status)
		learn := func(p monitor.PendingReport) {
			if known[p.Run] == nil {
				known[p.Run] = make(map[string]monitor.Status)
			}
			for _, result := range p.Results {
				known[p.Run][result.Item] = result.Status
			}
		}
		kept := make(map[string]map[string]monitor.Status)
		statuses := []monitor.Status{monitor.StatusOK, monitor.StatusSuspect, monitor.StatusRegression, monitor.StatusLearning}
		r.Repeat(map[string]func(*rapid.T){
			"keep": func(r *rapid.T) {
				run := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "run")
				report := reportOn(run)
				kept[run] = make(map[string]monitor.Status)
				for _, item := range []string{"x", "y", "z"} {
					status := rapid.SampledFrom(statuses).Draw(r, item)
					report.Results = append(report.Results, result(item, status))
					if status == monitor.StatusSuspect || status == monitor.StatusRegression {
						kept[run][item] = status
					}
				}
				require.NoError(r, db.KeepReport(t.Context(), report))
			},
			"deliver": func(r *rapid.T) {
				pending, err := db.NextReports(t.Context(), dest, rapid.IntRange(1, 2).Draw(r, "max"))
				require.NoError(r, err)
				for _, p := range pending {
					if rapid.Bool().Draw(r, "arrives") {
						learn(p)
						if rapid.Bool().Draw(r, "answered") {
							require.NoError(r, db.SettleReport(t.Context(), dest, p))
						}
					}
				}
			},
			"restart": func(r *rapid.T) {
				require.NoError(r, db.Close())
				db = dbAt(path, utcZones())
				require.NoError(r, db.Open(t.Context()))
			},
		})
		for {
			pending, err := db.NextReports(t.Context(), dest, 2)
			require.NoError(r, err)
			if len(pending) == 0 {
				break
			}
			for _, p := range pending {
				learn(p)
				require.NoError(r, db.SettleReport(t.Context(), dest, p))
			}
		}
		require.Len(r, known, len(kept))
		for run := range known {
			for item, status := range known[run] {
				if status == monitor.StatusOK {
					delete(known[run], item)
				}
			}
		}
		require.Equal(r, kept, known)
	})
}
