package sqlite_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// namedIn is a report on the n-th run, of tests with such names.
func namedIn(n int, names ...string) *monitor.Report {
	r := measuredIn(n)
	for _, name := range names {
		one := result(name, monitor.StatusOK)
		one.Env, one.ItemFSLoc, one.Value = "ci", "tests/test_shop.py", monitor.Number(n+1)
		r.Results = append(r.Results, one)
	}
	return r
}

// numbered returns so many names, such as "steady 0".
func numbered(prefix string, count int) (names []string) {
	for i := range count {
		names = append(names, fmt.Sprint(prefix, " ", i))
	}
	return names
}

func namesInFile(t *testing.T, path string) (count, greatest int) {
	t.Helper()
	require.NoError(t, raw(t, path).QueryRow("SELECT count(*), max(id) FROM rollup_tests").Scan(&count, &greatest))
	return count, greatest
}

// TestNamesThatChangeDoNotAddUp holds that a suite with new names in each run costs no more after many runs than after some.
func TestNamesThatChangeDoNotAddUp(t *testing.T) {
	db, path := openNew(t)
	db.LimitNames(100_000, 10)
	var after []int
	for n := range 150 {
		keep(t, db, namedIn(n, append(numbered("steady", 5), numbered(fmt.Sprint("random ", n), 10)...)...))
		if n >= 100 {
			count, greatest := namesInFile(t, path)
			after = append(after, count, greatest)
		}
	}
	for _, count := range after {
		require.LessOrEqual(t, count, 800, "the last 60 runs, and a quarter more before they are swept")
	}
	own := namedIn(150, append(numbered("steady", 5), numbered("random 150", 10)...)...).Measured()["ci"]
	r, _ := rollups(t, db, monitor.RollupQuery{Run: own})
	assert.Len(t, r.Tests, 5, "a test that one stretch has says nothing")
	want := []float32{}
	for i := range r.Stretches {
		want = append(want, float32(i*5+3))
	}
	for i := range 5 {
		values := cpu(t, r, fmt.Sprint("steady ", i))
		assert.Equal(t, want[:len(want)-2], values[:len(want)-2], "names never mix, whatever numbers they get")
	}
}

// TestRareTestsStayInRollups holds that a test which most stretches lack keeps its history: that of the shards of a suite, and of a job
// that runs more rarely than others.
func TestRareTestsStayInRollups(t *testing.T) {
	tests := map[string]struct {
		runs, every int // of each so many runs, one has the test
		perCommit   int
	}{
		"20 shards":             {200, 20, 20},
		"a job of each 40 runs": {200, 40, 1},
		"a weekly job":          {330, 110, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			db.LimitNames(100_000, 1)
			for n := range tc.runs {
				r := namedIn(n, fmt.Sprint("shard ", n%tc.every))
				r.ScmRef = fmt.Sprint("c", n/tc.perCommit)
				if tc.perCommit == 1 && n%tc.every > 0 {
					r = namedIn(n, "often")
				}
				keep(t, db, r)
			}
			r, _ := rollups(t, db, monitor.RollupQuery{})
			has := 0
			for _, v := range cpu(t, r, "shard 0") {
				if v == v {
					has++
				}
			}
			assert.Equal(t, (tc.runs+tc.every-1)/tc.every, has)
		})
	}
}

// TestNamesAreLimited holds that a project with too many names keeps the history of the tests that have one, says so once, and takes
// new names again when there is room.
func TestNamesAreLimited(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := sqlite.New(path, utcZones(), slog.New(slog.NewTextHandler(&log, nil)))
	db.MinFree = 0
	db.LimitNames(100, 1000)
	open(t, db)
	for n := range 12 {
		r := namedIn(n, append(numbered("steady", 5), numbered(fmt.Sprint("random ", n), 10)...)...)
		r.Results[14].Status = monitor.StatusRegression
		keep(t, db, r)
	}
	assert.Equal(t, []string{"9"}, rowsOf(t, raw(t, path), "SELECT count(*) FROM rollup_steps"), "a test without a name has no steps")
	count, _ := namesInFile(t, path)
	assert.Equal(t, 100, count)
	r, _ := rollups(t, db, monitor.RollupQuery{})
	assert.Equal(t, []int{5, 3, 4}, lengths(r))
	assert.Equal(t, []float32{3, 7, 10.5}, cpu(t, r, "steady 4"))
	assert.Equal(t, 1, strings.Count(log.String(), "so many different names"), log.String())
	for n := 12; n < 80; n++ {
		keep(t, db, namedIn(n, append(numbered("steady", 5), "late")...))
	}
	r, _ = rollups(t, db, monitor.RollupQuery{})
	assert.NotEmpty(t, cpu(t, r, "late"))
}

// TestATestWithAGreatNumberKeepsItsHistory holds that a test stays that came when there were many names, and has few beside it now.
func TestATestWithAGreatNumberKeepsItsHistory(t *testing.T) {
	db, path := openNew(t)
	db.LimitNames(1_000_000, 1)
	keep(t, db, namedIn(0, "first"))
	_, err := raw(t, path).Exec("INSERT INTO rollup_tests SELECT project, 400000, component, item_path, 'late', item_variant, kind, occurrence, file FROM rollup_tests")
	require.NoError(t, err)
	for n := 1; n < 60; n++ {
		r := namedIn(n, "first", "late")
		for i := range r.Results {
			r.Results[i].ItemVariant = "first"
		}
		keep(t, db, r)
	}
	r, _ := rollups(t, db, monitor.RollupQuery{})
	require.Len(t, r.Tests, 2)
	_, greatest := namesInFile(t, path)
	assert.Equal(t, 400_000, greatest)
	assert.Len(t, cpu(t, r, "late"), len(r.Stretches))
}
