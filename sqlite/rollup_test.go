package sqlite_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// measuredIn returns a report on the n-th run of a branch, whose tests take so many seconds of CPU time, in the order of their names. NaN leaves a
// test out.
func measuredIn(n int, seconds ...float64) *monitor.Report {
	r := reportOn(fmt.Sprint("run", n))
	r.Branch, r.ScmRef, r.Started = "main", fmt.Sprint("c", n), arrival.Add(time.Duration(n)*time.Hour)
	for i, s := range seconds {
		if !math.IsNaN(s) {
			one := result(fmt.Sprint("test_", i), monitor.StatusOK)
			one.Env, one.ItemFSLoc, one.Value = "ci", "tests/test_shop.py", monitor.Number(s)
			r.Results = append(r.Results, one)
		}
	}
	return r
}

func rollups(t *testing.T, db *sqlite.DB, q monitor.RollupQuery) (*monitor.Rollups, map[monitor.ResultID][]monitor.RunMark) {
	t.Helper()
	q.Project, q.Branch, q.Env = "shop", "main", "ci"
	r, steps, err := db.Rollups(t.Context(), q)
	require.NoError(t, err)
	return r, steps
}

// cpu returns the CPU times of a test by stretch.
func cpu(t *testing.T, r *monitor.Rollups, item string) []float32 {
	t.Helper()
	i := slices.IndexFunc(r.Tests, func(id monitor.TestID) bool { return id.Item == item })
	require.GreaterOrEqual(t, i, 0, item)
	return r.Values[0][i]
}

func lengths(r *monitor.Rollups) (runs []int) {
	for _, s := range r.Stretches {
		runs = append(runs, s.Runs)
	}
	return runs
}

func TestRollupsHaveMediansOfConsecutiveRuns(t *testing.T) {
	db, _ := openNew(t)
	for n := range 13 {
		missing := 7.0
		if n%2 == 0 {
			missing = math.NaN()
		}
		keep(t, db, measuredIn(n, float64(n), missing))
	}
	r, steps := rollups(t, db, monitor.RollupQuery{})
	assert.Empty(t, steps)
	assert.Equal(t, []int{5, 4, 4}, lengths(r), "the first five runs are a stretch, the others may still change")
	assert.Equal(t, []float32{2, 6.5, 10.5}, cpu(t, r, "test_0"))
	assert.Equal(t, []float32{7, 7, 7}, cpu(t, r, "test_1"), "runs that lack a test say nothing of it")
	assert.Equal(t, "tests/test_shop.py", r.Files[0])
	assert.Equal(t, monitor.RunMark{Run: "run0", ScmRef: "c0", Started: arrival}, r.Stretches[0].First)
	assert.Equal(t, "run12", r.Stretches[2].Last.Run)
	assert.True(t, math.IsNaN(float64(r.Values[1][0][0])), "memory was not measured")

	own := measuredIn(6, 100).Measured()["ci"]
	r, _ = rollups(t, db, monitor.RollupQuery{Run: own})
	assert.Equal(t, []int{5, 2}, lengths(r), "later runs do not count for an earlier one, which counts once")
	assert.Equal(t, []float32{2, 52.5}, cpu(t, r, "test_0"), "the judged run has the values that it is judged with")

	r, _ = rollups(t, db, monitor.RollupQuery{Since: arrival.Add(time.Hour)})
	assert.Equal(t, []int{4, 4}, lengths(r), "a stretch that begins before is left out")
	r, _ = rollups(t, db, monitor.RollupQuery{MaxRuns: 8})
	assert.Equal(t, []int{4, 4}, lengths(r))
}

// TestTheStateOfRollups holds that the state stays when the run is kept, also where runs become a stretch then, and that another run
// changes it.
func TestTheStateOfRollups(t *testing.T) {
	db, _ := openNew(t)
	state := func(n int) string {
		s, err := db.RollupState(t.Context(), monitor.RollupQuery{Project: "shop", Branch: "main", Env: "ci", Run: measuredIn(n, 1).Measured()["ci"]})
		require.NoError(t, err)
		return s
	}
	seen := map[string]int{}
	for n := range 22 {
		before := state(n)
		keep(t, db, measuredIn(n, 1))
		assert.Equal(t, before, state(n), "run %d", n)
		seen[before]++
	}
	assert.Len(t, seen, 22, "each run has another history")
	before := state(23)
	keep(t, db, measuredIn(22, 1))
	assert.NotEqual(t, before, state(23), "a run that comes late")
}

func TestARunWithNewTestsIsItsOwnHistory(t *testing.T) {
	db, _ := openNew(t)
	r, _ := rollups(t, db, monitor.RollupQuery{Run: measuredIn(1, 3, 4).Measured()["ci"]})
	assert.Equal(t, []int{1}, lengths(r))
	assert.Equal(t, []float32{4}, cpu(t, r, "test_1"))
	r, _ = rollups(t, db, monitor.RollupQuery{})
	assert.Empty(t, r.Stretches)
}

func TestJudgingAgainOrLateDoesNotBreakRollups(t *testing.T) {
	db, _ := openNew(t)
	want := func(message string, values ...float32) {
		t.Helper()
		r, _ := rollups(t, db, monitor.RollupQuery{})
		assert.Equal(t, values, cpu(t, r, "test_0"), message)
	}
	for _, n := range []int{4, 2, 3, 1, 0, 5, 9, 8, 7, 6} { // judged in another order than they started in
		keep(t, db, measuredIn(n, float64(n)))
	}
	keep(t, db, measuredIn(9, 90), measuredIn(9, 90)) // judged again
	want("the order does not matter", 2, 7)
	keep(t, db, measuredIn(8, 50), measuredIn(9, 60))
	want("a run is there once, with what was measured last", 2, 7)
	keep(t, db, measuredIn(5, 50), measuredIn(6, 60), measuredIn(7, 70))
	want("judged again", 2, 60)
	keep(t, db, measuredIn(3, 1000))
	late := measuredIn(3, 1000)
	late.Run = "late"
	keep(t, db, late)
	want("a run before the end of a stretch is too late", 2, 60)
}

func TestRollupsAreOfOneBranchMachineAndSelection(t *testing.T) {
	db, _ := openNew(t)
	keep(t, db, measuredIn(1, 1))
	other := measuredIn(2, 2)
	other.Branch = "feature"
	machine := measuredIn(3, 3)
	machine.Results[0].Env = "laptop"
	partial := measuredIn(4, 4)
	partial.Completion, partial.Partial, partial.Selection = monitor.Partial, "-k fast", "-k fast"
	keep(t, db, other, machine, partial)
	r, _ := rollups(t, db, monitor.RollupQuery{})
	assert.Equal(t, []float32{1}, cpu(t, r, "test_0"))
	r, _ = rollups(t, db, monitor.RollupQuery{Selection: "-k fast"})
	assert.Equal(t, []float32{4}, cpu(t, r, "test_0"), "a job that always selects the same tests has a history of its own")
}

func TestRollupsKnowWhereChangesBegan(t *testing.T) {
	db, _ := openNew(t)
	for n := range 12 {
		r := measuredIn(n, 1, 1)
		if n > 3 {
			r.Results[0].Status, r.Results[0].FirstBad = monitor.StatusRegression, "c2"
		}
		keep(t, db, r)
	}
	r := measuredIn(12, 1, 1)
	r.Results[0].Status = monitor.StatusResolved
	keep(t, db, r)
	_, steps := rollups(t, db, monitor.RollupQuery{})
	id := measuredIn(0, 1).Results[0].ID()
	assert.Equal(t, map[monitor.ResultID][]monitor.RunMark{id: {{Run: "run2", ScmRef: "c2", Started: arrival.Add(2 * time.Hour)},
		{Run: "run12", ScmRef: "c12", Started: arrival.Add(12 * time.Hour)}}}, steps, "a change began once, although many reports say so")
	_, steps = rollups(t, db, monitor.RollupQuery{Run: measuredIn(5, 1).Measured()["ci"]})
	assert.Len(t, steps[id], 1, "what began later is nothing to an earlier run")
}

func TestADamagedStretchCostsItselfOnly(t *testing.T) {
	db, path := openNew(t)
	for n := range 12 {
		keep(t, db, measuredIn(n, float64(n)))
	}
	file := raw(t, path)
	_, err := file.Exec("UPDATE rollup_stretches SET content = x'0105FF' WHERE NOT open")
	require.NoError(t, err)
	r, _ := rollups(t, db, monitor.RollupQuery{})
	assert.Equal(t, []int{3, 4}, lengths(r))
	_, err = file.Exec("UPDATE rollup_stretches SET content = x'' WHERE last_run = 'run5'")
	require.NoError(t, err)
	for n := 12; n < 16; n++ {
		keep(t, db, measuredIn(n, float64(n)))
	}
	r, _ = rollups(t, db, monitor.RollupQuery{})
	assert.Equal(t, []float32{7.5, 11, 14}, cpu(t, r, "test_0"))
}

func TestRollupsOfOldBranchesGo(t *testing.T) {
	db, path := openNew(t)
	at := func(n int, branch string, days int) *monitor.Report {
		r := measuredIn(n, 1)
		r.Branch, r.Started = branch, arrival.Add(time.Duration(24*days)*time.Hour).Add(time.Duration(n)*time.Minute)
		return r
	}
	keep(t, db, at(1, "pull", 0), at(2, "pull", 0))
	for n := range 10 {
		keep(t, db, at(10+n, "release", 0))
	}
	branches := func() (names []string) {
		rows, err := raw(t, path).Query("SELECT r.branch FROM rollups r WHERE EXISTS (SELECT 1 FROM rollup_stretches WHERE rollup = r.id) ORDER BY 1")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			names = append(names, name)
		}
		return names
	}
	keep(t, db, at(20, "main", 40))
	assert.Equal(t, []string{"main", "pull", "release"}, branches())
	keep(t, db, at(21, "main", 50))
	assert.Equal(t, []string{"main", "release"}, branches(), "two runs tell nothing for long")
	keep(t, db, at(22, "main", 420))
	assert.Equal(t, []string{"main"}, branches())
}

// grownFile is a closed file with the rollups of a dozen runs of two projects.
func grownFile(t *testing.T) (path string, want *monitor.Rollups) {
	t.Helper()
	path = filepath.Join(t.TempDir(), sqlite.FileName)
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	for n := range 12 {
		r := measuredIn(n, slices.Repeat([]float64{float64(n + 1)}, 60)...)
		r.Results[0].Status = monitor.StatusRegression
		keep(t, db, r)
		r.Project = "gone"
		keep(t, db, r)
	}
	want, _ = rollups(t, db, monitor.RollupQuery{})
	require.NoError(t, db.Close())
	return path, want
}

// sameRollups compares what was measured. Nothing was measured of the other metrics.
func sameRollups(t *testing.T, want, got *monitor.Rollups) {
	t.Helper()
	assert.Equal(t, want.Stretches, got.Stretches)
	assert.Equal(t, want.Tests, got.Tests)
	assert.Equal(t, want.Values[0], got.Values[0])
}

func rollupRows(t *testing.T, path, project string) string {
	t.Helper()
	return fmt.Sprint(rowsOf(t, raw(t, path), `SELECT (SELECT count(*) FROM rollups), (SELECT count(*) FROM rollups WHERE project = '`+project+`'),
		(SELECT count(*) FROM rollup_tests), (SELECT count(*) FROM rollup_stretches), (SELECT count(*) FROM rollup_steps)`))
}

func TestRollupsGoWithTheirProject(t *testing.T) {
	path, want := grownFile(t)
	assert.Equal(t, "[2 1 120 16 24]", rollupRows(t, path, "gone"))
	db := open(t, dbAt(path, utcZones()))
	d := deletion(t, db, "gone")
	require.NoError(t, db.DeleteRecords(t.Context(), d))
	late := measuredIn(13, 1)
	late.Project = "gone"
	keep(t, db, late) // it was being judged
	require.NoError(t, db.SweepDeletion(t.Context(), d))
	require.NoError(t, db.EndDeletion(t.Context(), d))
	got, _ := rollups(t, db, monitor.RollupQuery{})
	sameRollups(t, want, got)
	assert.Equal(t, "[2 1 61 8 12]", rollupRows(t, path, "gone"), "of the project a name may stay")
}

func TestRecoverCarriesRollups(t *testing.T) {
	path, want := grownFile(t)
	recoveredRollups := func(file []byte) (*sqlite.DB, *monitor.Rollups) {
		_, into, err := recovered(t, written(t, file))
		require.NoError(t, err)
		db := open(t, dbAt(into, utcZones()))
		got, _ := rollups(t, db, monitor.RollupQuery{})
		return db, got
	}
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	_, got := recoveredRollups(whole)
	sameRollups(t, want, got)

	lost := false
	for page, table := range placesOf(t, path).table {
		if table == "rollup_tests" && !lost {
			clear(whole[(page-1)*4096:][:4096])
			lost = true
		}
	}
	require.True(t, lost)
	db, got := recoveredRollups(whole)
	assert.Empty(t, got.Stretches, "a number may stand for another test")
	keep(t, db, measuredIn(20, 1, 2))
	got, _ = rollups(t, db, monitor.RollupQuery{})
	assert.Equal(t, []float32{2}, cpu(t, got, "test_1"))
}

// TestOlderRunsGoBeforeTheOthers holds that runs which are added later are the beginning of the history, and that nothing is added between
// runs or twice.
func TestOlderRunsGoBeforeTheOthers(t *testing.T) {
	db, _ := openNew(t)
	q := monitor.RollupQuery{Project: "shop", Branch: "main", Env: "ci"}
	begins := func() string {
		began, runs, err := db.RollupsBegin(t.Context(), q)
		require.NoError(t, err)
		if runs == 0 {
			return "nothing"
		}
		return fmt.Sprint(runs, " runs from ", began.Sub(arrival))
	}
	add := func(numbers ...int) {
		var runs []*monitor.RunValues
		for _, n := range numbers {
			runs = append(runs, measuredIn(n, float64(n)).Measured()["ci"])
		}
		require.NoError(t, db.AddOlder(t.Context(), q, runs))
	}
	assert.Equal(t, "nothing", begins())
	add(20, 21, 22)
	assert.Equal(t, "3 runs from 20h0m0s", begins())
	keep(t, db, measuredIn(30, 30))
	add(5, 6, 7, 8, 9)
	add(9, 10)
	add(20, 21, 22)
	add()
	assert.Equal(t, "9 runs from 5h0m0s", begins())
	r, _ := rollups(t, db, monitor.RollupQuery{})
	assert.Equal(t, []int{5, 3, 1}, lengths(r))
	assert.Equal(t, []float32{7, 21, 30}, cpu(t, r, "test_0"))
}
