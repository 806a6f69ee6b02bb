package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// pagesDB has the run "two" of the sessions "s1" and "s2" of the branch "main", the run "old" of the session "s0" before it, and
// the same test in another project.
func pagesDB(t *testing.T) *sqlite.DB {
	t.Helper()
	db, _ := openNew(t)
	session := func(h, run, branch string, at time.Time) *monitor.Record {
		s := process(h, at)
		s.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: run}}, {Name: "branch", Value: monitor.Text{String: branch}}}
		return record(s)
	}
	again, broken := became("s2", "again", arrival.Add(3*time.Second)), became("s2", "broken", arrival.Add(4*time.Second))
	again.Outcome, again.Item, again.ItemVariant = monitor.Passed, "test_again", "test_again"
	broken.Attempts = 1
	fine := became("s2", "fine", arrival.Add(5*time.Second))
	fine.Outcome, fine.Attempts = monitor.Passed, 1
	other := record(measured("s9", "test_pay", arrival))
	other.Project = "other"
	strange := record(process("s9", arrival))
	strange.Project = "other"
	hour := -time.Hour
	appendAll(t, db, record(machine("machine")), session("s0", "old", "feature", arrival.Add(hour)), session("s1", "two", "main", arrival),
		session("s2", "two", "main", arrival.Add(time.Second)), record(measured("s0", "test_pay", arrival.Add(hour))),
		record(measured("s1", "test_pay", arrival.Add(2*time.Second))), record(measured("s1", "test_ship", arrival.Add(2*time.Second))),
		record(measured("s2", "test_again", arrival.Add(3*time.Second))), record(again), record(broken), record(fine), strange, other)
	return db
}

// series is the series of a test of pagesDB.
func series(item string) monitor.Series { return measured("", item, arrival).Series("shop") }

func TestProjects(t *testing.T) {
	db, _ := openNew(t)
	names, err := db.Projects(t.Context())
	require.NoError(t, err)
	assert.Empty(t, names)
	names, err = pagesDB(t).Projects(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"other", "shop"}, names)
}

func TestRunSumsAreThoseOfTheListOfRuns(t *testing.T) {
	db := pagesDB(t)
	infos, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	sums, err := db.RunSums(t.Context(), infos)
	require.NoError(t, err)
	require.Len(t, sums, 2)
	for run, err := range db.Runs(t.Context(), monitor.RunQuery{Project: "shop"}, monitor.Page{}) {
		require.NoError(t, err)
		at := map[string]int{"two": 0, "old": 1}[run.ID]
		assert.Equal(t, run, sums[at], "the latest comes first")
	}
	none, err := db.RunSums(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, none)
}

func TestActivity(t *testing.T) {
	db := pagesDB(t)
	activity := func() *monitor.Activity {
		found, err := db.Activities(t.Context(), "shop", []string{"two", "none", "old"})
		require.NoError(t, err)
		assert.Len(t, found, 2, "of the runs that there are")
		return found["two"]
	}
	a := activity()
	newest := a.Newest
	assert.Positive(t, newest)
	assert.Equal(t, &monitor.Activity{Records: 3 + 3, Last: arrival, Open: 2, Newest: newest}, a)
	assert.True(t, a.Running(arrival.Add(time.Minute), 5*time.Minute))
	assert.False(t, a.Running(arrival.Add(5*time.Minute), 5*time.Minute))

	end := record(process("s1", arrival))
	end.Session.Completion, end.Received = monitor.Complete, arrival.Add(time.Minute)
	appendAll(t, db, end)
	late := record(measured("s2", "test_late", arrival.Add(9*time.Second)))
	late.Received = arrival.Add(2 * time.Minute)
	appendAll(t, db, late)
	a = activity()
	assert.Equal(t, &monitor.Activity{Records: 7, Last: late.Received, Open: 1, Newest: newest}, a)
	a.Open = 0
	assert.False(t, a.Running(late.Received, 5*time.Minute), "all sessions said that they have ended")

	none, err := db.Activities(t.Context(), "other", []string{"two"})
	require.NoError(t, err)
	assert.Empty(t, none)
}

// names returns what identifies tests, for comparisons.
func names(tests []monitor.RunTest) (all []string) {
	for _, t := range tests {
		all = append(all, fmt.Sprint(t.Series.Item, " ", t.Outcome, " ", t.Attempts, " ", t.NodeID))
	}
	return all
}

func TestLatestAndUnusualTests(t *testing.T) {
	db := pagesDB(t)
	latest, err := db.LatestTests(t.Context(), "shop", "two", 3)
	require.NoError(t, err)
	require.Len(t, latest, 3)
	assert.Equal(t, []string{"test_pay failed 1 broken", "test_again  0 "}, names(latest[:2]))
	assert.Equal(t, "tests/test_shop.py", latest[1].Location)
	assert.Equal(t, 0.25, latest[1].TotalTime)
	assert.InDelta(t, 0.11, latest[1].CPUTime, 1e-9)
	infos, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop", Run: "two"})
	require.NoError(t, err)
	assert.Equal(t, infos[0].Environments, []string{latest[1].Env})

	unusual, err := db.UnusualTests(t.Context(), "shop", "two", 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"test_again passed 2 again", "test_pay failed 1 broken"}, names(unusual))
	unusual, err = db.UnusualTests(t.Context(), "shop", "two", 1)
	require.NoError(t, err)
	assert.Len(t, unusual, 1)
}

func TestHistoryOfATest(t *testing.T) {
	db := pagesDB(t)
	of := func(q monitor.TestQuery) (runs []string) {
		points, err := db.TestHistory(t.Context(), q)
		require.NoError(t, err)
		for _, p := range points {
			runs = append(runs, p.Run+" "+p.Branch+" "+p.ScmRef+" "+p.Outcome)
		}
		return runs
	}
	pay, main := series("test_pay"), "main"
	assert.Equal(t, []string{"two main c0ffee failed", "two main c0ffee ", "old feature c0ffee "}, of(monitor.TestQuery{Test: pay, Limit: 10}))
	assert.Equal(t, []string{"two main c0ffee failed", "two main c0ffee "}, of(monitor.TestQuery{Test: pay, Branch: &main, Limit: 10}))
	assert.Equal(t, []string{"two main c0ffee failed"}, of(monitor.TestQuery{Test: pay, Limit: 1}))
	pay.Component = ""
	assert.Empty(t, of(monitor.TestQuery{Test: pay, Limit: 10}), "another test")
}

func TestKeptResultsOfATest(t *testing.T) {
	db, _ := openNew(t)
	odd := result("\xed\xb3\xbf <lone>", monitor.StatusRegression)
	learning := reportOn("learning")
	learning.Summary.Learning = 3
	keep(t, db, reportOn("run\xff", odd, result("other", monitor.StatusSuspect)), reportOn("fine", result("other", monitor.StatusSuspect)), learning)
	test := monitor.Series{Project: "shop", ItemPath: odd.ItemPath, Item: odd.Item, ItemVariant: odd.ItemVariant, Kind: odd.Kind}
	runs := []string{"run\xff", "fine", "learning", "unjudged"}
	for i := range 1000 {
		runs = append(runs, fmt.Sprint("another ", i))
	}
	kept, err := db.KeptResults(t.Context(), test, runs)
	require.NoError(t, err)
	require.Len(t, kept, 3)
	require.Len(t, kept["run\xff"].Results, 1)
	assert.Equal(t, odd.Status, kept["run\xff"].Results[0].Status)
	assert.Equal(t, monitor.KeptResult{}, kept["fine"])
	assert.True(t, kept["learning"].Learning)
}

func TestSiblingsAndFind(t *testing.T) {
	db := pagesDB(t)
	items := func(all []monitor.Series) (names []string) {
		for _, s := range all {
			assert.Equal(t, "shop", s.Project)
			names = append(names, s.ItemVariant)
		}
		return names
	}
	others, err := db.Siblings(t.Context(), series("test_pay"), 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"test_again", "test_again[a, b]", "test_ship[a, b]"}, items(others))

	for text, want := range map[string]struct{ runs, tests []string }{
		"two": {[]string{"two"}, nil}, "c0ffee": {nil, nil}, "PAY": {nil, []string{"test_pay[a, b]"}},
		"tests/test_shop.py::test_ship": {nil, []string{"test_ship[a, b]"}}, "again [a": {nil, []string{"test_again[a, b]"}}, "%": {nil, nil},
		"pay ship": {nil, nil},
	} {
		runs, tests, err := db.Find(t.Context(), "shop", text, 10)
		require.NoError(t, err)
		assert.Equal(t, want.runs, runs, text)
		assert.Equal(t, want.tests, items(tests), text)
	}
	long := process("s3", arrival.Add(time.Minute))
	long.ScmRef.String = "0123456789abcdef"
	appendAll(t, db, record(long))
	runs, _, err := db.Find(t.Context(), "shop", "0123456", 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"s3"}, runs)
	runs, _, err = db.Find(t.Context(), "shop", "012345", 10)
	require.NoError(t, err)
	assert.Empty(t, runs, "too few digits")

	appendAll(t, db, record(measured("s3", "test_Größe_Ü", arrival.Add(time.Minute))))
	for _, text := range []string{"test_Größe_Ü", "größe", "Ü"} {
		_, tests, err := db.Find(t.Context(), "shop", text, 10)
		require.NoError(t, err)
		assert.Len(t, tests, 1, text)
	}
}

// What a report says of a test is found without reading reports that say nothing of it, however large they are.
func TestKeptResultsReadsOnlyReportsWithTheTest(t *testing.T) {
	db, path := openNew(t)
	odd := result("test_odd", monitor.StatusRegression)
	learning := reportOn("learning")
	learning.Summary.Learning = 3
	keep(t, db, reportOn("run", odd), reportOn("fine", result("other", monitor.StatusSuspect)), learning)
	test := monitor.Series{Project: "shop", ItemPath: odd.ItemPath, Item: odd.Item, ItemVariant: odd.ItemVariant, Kind: odd.Kind}
	runs := []string{"run", "fine", "learning"}
	want, err := db.KeptResults(t.Context(), test, runs)
	require.NoError(t, err)
	file := raw(t, path)
	_, err = file.Exec("UPDATE reports SET content = x'1f8b' WHERE run <> 'run'")
	require.NoError(t, err)
	kept, err := db.KeptResults(t.Context(), test, runs)
	require.NoError(t, err)
	assert.Equal(t, want, kept)

	keep(t, db, reportOn("fine", odd), reportOn("run"))
	for range 2 { // also one that says the same again
		kept, err = db.KeptResults(t.Context(), test, []string{"run", "fine"})
		require.NoError(t, err)
		assert.Len(t, kept["fine"].Results, 1)
		assert.Empty(t, kept["run"].Results, "what is retracted is no result")
		_, err = file.Exec("UPDATE reports SET tests = NULL")
		require.NoError(t, err)
		keep(t, db, reportOn("fine", odd), reportOn("run"))
		var empty int
		require.NoError(t, file.QueryRow("SELECT sum(tests IS NULL) FROM reports WHERE run <> 'learning'").Scan(&empty))
		assert.Zero(t, empty)
	}
}
