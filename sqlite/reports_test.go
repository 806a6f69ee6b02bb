package sqlite_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// result returns a result for the CPU time of a test.
func result(item string, status monitor.Status) monitor.Result {
	return monitor.Result{TestID: monitor.TestID{ItemPath: "tests.test_shop", Item: item, ItemVariant: item, Kind: "function"},
		Metric: monitor.MetricCPUTime, Status: status, Value: 1.5, Baseline: 1, Ratio: 1.5}
}

func reportOn(run string, results ...monitor.Result) *monitor.Report {
	return &monitor.Report{Project: "shop", Run: run, Results: results, Sessions: []string{run}, Started: arrival,
		Suite: monitor.Suite{Status: monitor.StatusOK, Machines: []monitor.Machine{}}}
}

func keep(tb testing.TB, db *sqlite.DB, reports ...*monitor.Report) {
	tb.Helper()
	for _, r := range reports {
		require.NoError(tb, db.KeepReport(tb.Context(), r))
	}
}

func TestReportsComeBackAsKept(t *testing.T) {
	db, _ := openNew(t)
	nan := monitor.Number(math.NaN())
	odd := []string{"", "ünï", "\xed\xb3\xbf lone", "\xff\x00", "\ufffe", "\ufffe" + "YQ==", "<a & b>", "\u2028", "tab\tnl\n"}
	want := &monitor.Report{
		Project: "shop", Run: "\xff run", ScmRef: "c0ffee", Branch: "main\xff", Build: "7", Against: "main", BaselineRuns: 30,
		Sessions: odd, Started: arrival.Add(123456789),
		Suite: monitor.Suite{Status: monitor.StatusSlowMachine, Offset: map[string]monitor.Number{"cpu_time": 1.25},
			Machines: []monitor.Machine{{Env: odd[2], Status: monitor.StatusOK, Tests: 3, TotalTime: 1, CPUTime: 0.5,
				Offset: map[string]monitor.Number{"total_time": 0.5}}}},
		Summary: monitor.Summary{Tests: 1, Learning: 2, OK: 3, NotJudged: 4, Suspects: 5, Regressions: 6, Improvements: 7},
	}
	for i, text := range odd {
		want.Results = append(want.Results, monitor.Result{
			TestID:    monitor.TestID{Component: text, ItemPath: text, Item: text, ItemVariant: text, Kind: text, Env: text, Occurrence: i},
			ItemFSLoc: text, Metric: monitor.MetricMemUsage, Status: monitor.StatusRegression, Level: monitor.LevelCrit, Reason: text,
			Baseline: 1, Limit: 2, Value: 3, Ratio: 4.5, Delta: -1, P: 1e-300, Q: 0.1, N: 8, LastGood: text, FirstBad: text,
		})
	}
	for _, r := range want.Results {
		want.Accepted = append(want.Accepted, r.ID())
	}
	sent := *want
	sent.Results = append([]monitor.Result{result("fine", monitor.StatusOK), result("new", monitor.StatusLearning),
		result("mute", monitor.StatusNotJudged)}, want.Results...)
	keep(t, db, &sent)
	assert.Len(t, sent.Results, 3+len(odd), "the caller's report is unchanged")
	assert.Equal(t, odd[2], sent.Sessions[2])
	assert.Equal(t, odd[2], sent.Accepted[2].Env)

	got, err := db.Report(t.Context(), "shop", want.Run)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	absent := reportOn("absent", monitor.Result{Metric: monitor.MetricCPUTime, Status: monitor.StatusSuspect, Reason: "why",
		Baseline: nan, Limit: nan, Value: nan, Ratio: nan, Delta: nan, P: nan, Q: nan})
	keep(t, db, absent)
	got, err = db.Report(t.Context(), "shop", "absent")
	require.NoError(t, err)
	for _, n := range []monitor.Number{got.Results[0].Baseline, got.Results[0].Value, got.Results[0].Q} {
		assert.True(t, math.IsNaN(float64(n)))
	}
}

// TestAnswersAreWhatJudgingSaid keeps what a worker made of a report: results that are resolved, and others that are accepted.
func TestAnswersAreWhatJudgingSaid(t *testing.T) {
	db, _ := openNew(t)
	asked := func(run, basis string) *monitor.Report {
		r, err := db.Answer(t.Context(), "shop", run, basis)
		require.NoError(t, err)
		return r
	}
	left := []monitor.LeftOut{{Reason: "odd \xff", Runs: []string{"\xff"}, Branches: []string{}, Environments: []string{"\ufffe"}, Tests: 3}}
	unjudged, slow := result("mute", monitor.StatusNotJudged), result("slow", monitor.StatusRegression)
	r := reportOn("run", slow, unjudged, result("back", monitor.StatusResolved), result("fine", monitor.StatusOK), result("new", monitor.StatusLearning))
	r.Basis, r.LeftOut, r.Runs, r.Accepted = "a", left, []string{"run \xff"}, []monitor.ResultID{unjudged.ID()}
	keep(t, db, r)
	assert.Equal(t, []string{"run \xff"}, r.Runs, "the caller's report is unchanged")
	assert.Equal(t, "odd \xff", r.LeftOut[0].Reason)
	want := *r
	want.Results, want.Accepted, want.Basis = []monitor.Result{slow, unjudged}, nil, ""
	assert.Equal(t, &want, asked("run", "a"))
	kept, err := db.Report(t.Context(), "shop", "run")
	require.NoError(t, err)
	assert.Empty(t, kept.LeftOut, "it changes with the other runs of the commit")
	for _, other := range [][2]string{{"run", "b"}, {"run", ""}, {"other", "a"}} {
		assert.Nil(t, asked(other[0], other[1]), other)
	}

	versions, err := db.ReportVersions(t.Context(), "shop", []string{"run"})
	require.NoError(t, err)
	r.Basis, r.Results[1].Reason = "b", "why"
	keep(t, db, r)
	same, err := db.ReportVersions(t.Context(), "shop", []string{"run"})
	require.NoError(t, err)
	assert.Equal(t, versions, same, "nothing that is delivered has changed")
	assert.Nil(t, asked("run", "a"))
	assert.Equal(t, "why", asked("run", "b").Results[1].Reason)

	for range 10_000 {
		r.Results = append(r.Results, unjudged)
	}
	r.Basis = "c"
	keep(t, db, r)
	assert.Nil(t, asked("run", "c"), "too large to be an answer")
	r.Results, r.Basis = r.Results[:1], ""
	keep(t, db, r)
	assert.Nil(t, asked("run", ""))
}

func TestReportsOfOtherRunsAreNotFound(t *testing.T) {
	db, _ := openNew(t)
	keep(t, db, reportOn("run"))
	for _, of := range [][2]string{{"shop", "other"}, {"depot", "run"}, {"", "run"}, {"shop", ""}} {
		_, err := db.Report(t.Context(), of[0], of[1])
		assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%q", of)
	}
	got, err := db.Report(t.Context(), "shop", "run")
	require.NoError(t, err)
	assert.NotNil(t, got.Results, "JSON has an empty list, not null")
}

func TestLargeReportsAreCompressed(t *testing.T) {
	db, path := openNew(t)
	var results []monitor.Result
	for i := range 20_000 {
		results = append(results, result(fmt.Sprint("test_", i), monitor.StatusSuspect))
	}
	keep(t, db, reportOn("large", results...), reportOn("small", results[:1]...))
	got, err := db.Report(t.Context(), "shop", "large")
	require.NoError(t, err)
	assert.Equal(t, results, got.Results)
	var large int
	var small string
	require.NoError(t, raw(t, path).QueryRow("SELECT length(content) FROM reports WHERE run = 'large'").Scan(&large))
	require.NoError(t, raw(t, path).QueryRow("SELECT CAST(content AS TEXT) FROM reports WHERE run = 'small'").Scan(&small))
	assert.Less(t, large, 500_000)
	assert.Contains(t, small, `"run":"small"`, "small reports are plain JSON")
}

func TestReportsAreKeptWithoutRoom(t *testing.T) {
	db, _ := openNew(t)
	db.MinFree = 1 << 60
	db.MeasureSpace()
	require.False(t, db.Health().OK)
	keep(t, db, reportOn("run"))
}

func TestOnlyTheOwnerWritesReports(t *testing.T) {
	db, path := openNew(t)
	keep(t, db, reportOn("run"))
	other := dbAt(path, utcZones())
	require.NoError(t, other.OpenShared(t.Context()))
	defer other.Close()
	assert.Error(t, other.KeepReport(t.Context(), reportOn("run")))
	assert.Error(t, other.AckReport(t.Context(), dest, monitor.PendingReport{Report: reportOn("run")}))
	_, err := other.Report(t.Context(), "shop", "run")
	assert.NoError(t, err)
}

// unjudgedBetween returns the ids of unjudged runs.
func unjudgedBetween(t *testing.T, db *sqlite.DB, from, to time.Time, max int) (runs []string) {
	t.Helper()
	unjudged, err := db.Unjudged(t.Context(), from, to, max)
	require.NoError(t, err)
	for _, run := range unjudged {
		require.Equal(t, "shop", run.Project)
		require.NotEmpty(t, run.Sessions)
		require.NotZero(t, run.Started)
		runs = append(runs, run.ID)
	}
	return runs
}

// TestUnjudged asks for unjudged runs after everything that can happen to a run.
func TestUnjudged(t *testing.T) {
	db, _ := openNew(t)
	now := arrival
	db.Now = func() time.Time { return now }
	between := func(from, to time.Time, max int) []string { return unjudgedBetween(t, db, from, to, max) }
	unjudged := func(from time.Time, max int) []string { return between(from, arrival.Add(24*time.Hour), max) }
	add := func(class any, at time.Time) {
		rec := record(class)
		rec.Received = at
		appendAll(t, db, rec)
	}
	assert.Empty(t, unjudged(time.Time{}, 10))
	for i, run := range []string{"a", "b", "c"} {
		start := arrival.Add(time.Duration(i) * time.Hour)
		add(process(run, start), start)
		if run != "c" { // c measures nothing
			add(measured(run, "test", start), start.Add(time.Second))
		}
	}
	add(measured("nobody", "test", arrival), arrival)
	assert.Equal(t, []string{"b", "a"}, unjudged(time.Time{}, 10), "the run that started last comes first")
	assert.Equal(t, []string{"b"}, unjudged(time.Time{}, 1))
	assert.Equal(t, []string{"b"}, unjudged(arrival.Add(time.Second), 10), "measured after the time from")
	assert.Equal(t, []string{"a"}, between(time.Time{}, arrival.Add(time.Second), 10), "measured up to the time to")

	now = arrival.Add(61 * time.Second)
	keep(t, db, reportOn("a"))
	assert.Equal(t, []string{"b"}, unjudged(time.Time{}, 10))
	now = now.Add(time.Hour - 2*time.Second)
	keep(t, db, reportOn("b"))
	assert.Equal(t, []string{"b"}, unjudged(time.Time{}, 10), "the report may lack a metric that arrived just before")
	now = now.Add(time.Minute)
	keep(t, db, reportOn("b"))
	assert.Empty(t, unjudged(time.Time{}, 10), "judged again, with the same results")

	add(measured("a", "test_late", arrival.Add(time.Minute)), now)
	assert.Equal(t, []string{"a"}, unjudged(time.Time{}, 10), "a metric arrived after the report")
	now = now.Add(time.Hour)
	keep(t, db, reportOn("a", result("test_late", monitor.StatusSuspect)))
	assert.Empty(t, unjudged(time.Time{}, 10))
}

// TestARunThatEndedAfterItsReportIsUnjudged has a run that was judged while it had not ended, and that measures nothing more.
func TestARunThatEndedAfterItsReportIsUnjudged(t *testing.T) {
	for name, last := range map[string]string{"its own session ends": "a", "a session that measured nothing ends": "idle"} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			now := arrival.Add(time.Hour)
			db.Now = func() time.Time { return now }
			appendAll(t, db, record(process("a", arrival)), record(process("idle", arrival)), record(measured("a", "test", arrival)))
			keep(t, db, reportOn("a"))
			all := func() []string { return unjudgedBetween(t, db, time.Time{}, arrival.Add(24*time.Hour), 10) }
			require.Empty(t, all())

			now = now.Add(time.Minute)
			end := record(ended(last, arrival, ""))
			end.Received = now
			appendAll(t, db, end)
			assert.Equal(t, []string{"a"}, all())
			assert.Equal(t, []string{"a"}, unjudgedBetween(t, db, now.Add(-time.Second), now, 10))
			assert.Empty(t, unjudgedBetween(t, db, now, now.Add(time.Hour), 10), "the end arrived before")
			now = now.Add(time.Minute)
			keep(t, db, reportOn("a"))
			assert.Empty(t, all())
		})
	}
}
