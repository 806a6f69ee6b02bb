package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// fillAged stores runs of so many metrics, one a day, the last one a day ago. The destination has them all.
func fillAged(t *testing.T, db *sqlite.DB, runs, metrics int) (last uint64) {
	t.Helper()
	appendAll(t, db, placed(machine("machine")))
	for i := range runs {
		start := arrival.Add(-time.Duration(runs-i) * day)
		s := process(fmt.Sprint("s", i), start)
		s.Run, s.Branch, s.Start.UTC = fmt.Sprint("run", i), "main", start.UnixNano()
		recs := []*monitor.Record{placed(s)}
		for n := range metrics {
			m := measured(s.SessionH, fmt.Sprint("test_", n), start.Add(time.Duration(n)*time.Second))
			m.At.UTC, m.TotalTime = start.Add(time.Duration(n)*time.Second).UnixNano()+int64(i%1000), float64((i*n)%97)
			recs = append(recs, placed(m))
		}
		o := became(s.SessionH, "tests/test_shop.py::test_a", start)
		o.At.UTC = start.UnixNano()
		recs = append(recs, placed(o))
		appendAll(t, db, recs...)
		last = recs[len(recs)-1].Seq
	}
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: last}))
	return last
}

// runsIn lists the runs of a project with the number of their metrics and of their listed metrics.
func runsIn(t *testing.T, db *sqlite.DB) (ids []string, counted int64, listedMetrics int) {
	t.Helper()
	for run, err := range db.Runs(t.Context(), monitor.RunQuery{Project: "shop"}, monitor.Page{}) {
		require.NoError(t, err)
		ids = append(ids, run.ID)
		counted += run.Tests
	}
	return ids, counted, len(listed(t, db.Metrics(t.Context(), monitor.MetricQuery{Project: "shop"}, monitor.Page{})))
}

func nothing() {}

// The newest 60 runs of a branch and class of machine stay, however old they are.
func TestTheNewestRunsStayWhateverTheirAge(t *testing.T) {
	db, path := newDB(t, utcZones())
	now := arrival.Add(1000 * day)
	db.Now = func() time.Time { return now }
	open(t, db)
	last := fillAged(t, db, monitor.KeptRuns+3, 1)
	policy := monitor.Retention{Keep: day / 2, Dest: dest, UpTo: last}
	ahead, err := db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	require.Zero(t, ahead.Runs, "the clock may be wrong")
	require.NotEmpty(t, ahead.Waits)
	now = arrival
	calls := 0
	round, err := db.Retain(t.Context(), policy, func() { calls++ })
	require.NoError(t, err)
	assert.Equal(t, []int64{3, 9, monitor.KeptRuns, 3}, []int64{round.Runs, round.Records, int64(round.Newest), int64(calls)})
	ids, _, _ := runsIn(t, db)
	require.Len(t, ids, monitor.KeptRuns)
	assert.Equal(t, "run3", ids[0])
	requireConsistent(t, path)
	runs, records, err := db.Removed(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int64{3, 9}, []int64{runs, records})
}

// At each moment of a removal the answers are those without whole runs. After a kill at each moment the file is sound, and the next round
// goes on.
func TestNobodySeesHalfARunThatIsRemoved(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	const runs, metrics = 5, 250
	last := fillAged(t, db, runs, metrics)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: last, Newest: 1}
	left := runs
	for writes := 1; ; writes++ {
		ctx := &someWrites{Context: t.Context()}
		ctx.left.Store(int64(writes))
		_, err := db.Retain(ctx, policy, nothing)
		ids, counted, shown := runsIn(t, db)
		require.EqualValues(t, len(ids)*metrics, counted)
		require.Equal(t, len(ids)*metrics, shown)
		require.LessOrEqual(t, len(ids), left)
		left = len(ids)
		outcomes, countErr := db.CountOutcomes(t.Context(), monitor.OutcomeQuery{})
		require.NoError(t, countErr)
		require.EqualValues(t, len(ids), outcomes)
		require.Len(t, listed(t, db.Outcomes(t.Context(), monitor.OutcomeQuery{}, monitor.Page{})), len(ids))
		_, tests, findErr := db.Find(t.Context(), "shop", "test_0", 1)
		require.NoError(t, findErr)
		points, historyErr := db.TestHistory(t.Context(), monitor.TestQuery{Test: tests[0], Limit: 100})
		require.NoError(t, historyErr)
		require.Len(t, points, len(ids))
		pending, nextErr := db.Next(t.Context(), "another", 0, 1<<20)
		require.NoError(t, nextErr)
		require.Len(t, pending, 1+len(ids)*(metrics+2), "a new destination gets whole runs")
		require.Empty(t, verified(t, path).Findings)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		if writes%3 == 0 {
			again := dbAt(killed(t, path), utcZones())
			again.Now = db.Now
			require.NoError(t, again.Open(t.Context()))
			_, err = again.Retain(t.Context(), policy, nothing)
			require.NoError(t, err)
			ids, _, _ := runsIn(t, again)
			require.Equal(t, []string{"run4"}, ids)
			require.NoError(t, again.Close())
		}
	}
	require.Equal(t, 1, left)
	requireConsistent(t, path)
}

// The size of the file removes the oldest runs until there is room, and gives the space back. It does so only where another has them.
func TestTheSizeOfTheFileRemovesRuns(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	last := fillAged(t, db, 20, 300)
	before := size(path) + size(path+"-wal")
	policy := monitor.Retention{MaxBytes: before, UpTo: last, Newest: 1}
	round, err := db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.Zero(t, round.Runs, "nobody else has the runs")
	file := rowsOf(t, raw(t, path), "SELECT page_count * 4096 FROM pragma_page_count")[0]
	_, err = fmt.Sscan(file, &policy.MaxBytes)
	require.NoError(t, err)
	policy.Dest = dest
	round, err = db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.False(t, round.Full)
	assert.Less(t, size(path)+size(path+"-wal"), policy.MaxBytes/10*9+(64<<10))
	ids, _, _ := runsIn(t, db)
	assert.Greater(t, len(ids), 10, "no more than it takes")
	assert.Equal(t, "run19", ids[len(ids)-1])
	requireConsistent(t, path)

	policy.MaxBytes = 1 << 16
	round, err = db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.True(t, round.Full, "the newest run is larger")
	assert.Equal(t, 1, round.Newest)
	require.Empty(t, verified(t, path).Findings)
}

// The log of a removal does not fill a file that has a limit.
func TestARemovalKeepsTheLogSmall(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now, db.MaxBytes = func() time.Time { return arrival }, 32<<20
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: fillAged(t, db, 20, 300), Newest: 1}
	most := int64(0)
	round, err := db.Retain(t.Context(), policy, func() { most = max(most, size(path+"-wal")) })
	require.NoError(t, err)
	require.EqualValues(t, 19, round.Runs)
	assert.Less(t, most, int64(3<<19), "half more than its share")
}

// What went and comes again is new. It is delivered again, onto its own point.
func TestWhatWentAndComesAgainIsNew(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	last := fillAged(t, db, 3, 2)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: last, Newest: 1}
	sent, err := db.Next(t.Context(), "another", 0, 100)
	require.NoError(t, err)
	hides := db.Hides()
	had := map[*monitor.Record]monitor.Instant{} // what is sent is changed
	for _, p := range sent {
		if m := p.Measured(); m != nil {
			had[p.Record] = m.At
		}
	}
	_, err = db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	require.Greater(t, db.Hides(), hides, "couriers hear of it")
	for _, p := range sent {
		if (p.Session == nil || p.Session.Run != "run0") && (p.Measured() == nil || p.Measured().SessionH != "s0") {
			continue
		}
		again := *p.Record
		again.Seq, again.Import = 0, &monitor.Import{Placed: true}
		appendAll(t, db, &again)
		assert.False(t, again.Repeat)
		assert.Greater(t, again.Seq, last)
		if m := p.Measured(); m != nil {
			assert.Equal(t, had[p.Record], again.Measured().At)
		}
	}
	owed, err := db.Next(t.Context(), dest, last, 100)
	require.NoError(t, err)
	require.Len(t, owed, 4)
	requireConsistent(t, path)
}

// A metric that found its nanosecond taken is found when it comes again, also after the one that had it is gone.
func TestADisplacedMetricIsFoundWhenTheOtherIsGone(t *testing.T) {
	for _, restart := range []bool{false, true} {
		db, path := newDB(t, utcZones())
		db.Now = func() time.Time { return arrival }
		require.NoError(t, db.Open(t.Context()))
		at := arrival.Add(-100 * day)
		of := func(session string, i int) *monitor.Metric {
			m := measured(session, "test_a", at.Add(time.Minute))
			m.TotalTime = float64(i) / 1024
			return m
		}
		digits := func(m *monitor.Metric) int64 { return monitor.HashMod(monitor.RecordHash("shop", m), 1000) }
		i := 0
		for digits(of("old", 0)) != digits(of("new", i)) {
			i++
		}
		appendAll(t, db, imported(process("old", at), time.UTC), imported(of("old", 0), time.UTC), imported(process("new", at.Add(time.Second)), time.UTC),
			imported(of("new", i), time.UTC))
		repeat := imported(of("new", i), time.UTC)
		appendAll(t, db, repeat)
		require.True(t, repeat.Repeat)
		if restart {
			require.NoError(t, db.Close())
			db = dbAt(path, utcZones())
			db.Now = func() time.Time { return arrival }
			require.NoError(t, db.Open(t.Context()))
		}
		round, err := db.Retain(t.Context(), monitor.Retention{Keep: day, UpTo: 100, Newest: 1}, nothing)
		require.NoError(t, err)
		require.EqualValues(t, 1, round.Runs)
		again := imported(of("new", i), time.UTC)
		appendAll(t, db, again)
		assert.True(t, again.Repeat)
		requireConsistent(t, path)
		require.Len(t, rowsOf(t, raw(t, path), "SELECT * FROM clocks"), 1)
		require.NoError(t, db.Close())
	}
}

// A context that nothing used for a day goes. A younger one may be that of a run that begins.
func TestContextsGoADayLater(t *testing.T) {
	db, _ := newDB(t, utcZones())
	now := arrival
	db.Now = func() time.Time { return now }
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, UpTo: fillAged(t, db, 3, 1), Newest: 1}
	appendAll(t, db, placed(machine("of a run that begins")))
	contexts := func() string { return counted(t, monitor.ContextQuery{}, db.CountContexts) }
	for _, want := range []string{"2", "1"} {
		_, err := db.Retain(t.Context(), policy, nothing)
		require.NoError(t, err)
		assert.Equal(t, want, contexts())
		now = now.Add(13 * time.Hour)
		_, err = db.Retain(t.Context(), policy, nothing)
		require.NoError(t, err)
		assert.Equal(t, want, contexts())
		now = now.Add(13 * time.Hour)
	}
}

// A context that nothing refers to, and that the destination lacks, stays until it is delivered.
func TestContextsThatAreOwedStay(t *testing.T) {
	db, _ := newDB(t, utcZones())
	now := arrival
	db.Now = func() time.Time { return now }
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: fillAged(t, db, 3, 1), Newest: 1}
	owed := placed(machine("nobody's"))
	appendAll(t, db, owed)
	contexts := func() string {
		now = now.Add(25 * time.Hour)
		_, err := db.Retain(t.Context(), policy, nothing)
		require.NoError(t, err)
		return counted(t, monitor.ContextQuery{}, db.CountContexts)
	}
	assert.Equal(t, "2", contexts())
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: owed.Seq}))
	assert.Equal(t, "1", contexts())
}

// A report that judging kept after its run went goes with the next sweep, once the destination has it.
func TestAReportThatComesLateGoes(t *testing.T) {
	db, path := newDB(t, utcZones())
	now := arrival
	db.Now = func() time.Time { return now }
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: fillAged(t, db, 3, 1), Newest: 1}
	reports := func() int {
		_, err := db.Retain(t.Context(), policy, nothing)
		require.NoError(t, err)
		now = now.Add(25 * time.Hour)
		n, _, err := db.CountReports(t.Context(), "shop")
		require.NoError(t, err)
		return n
	}
	require.Zero(t, reports())
	for _, run := range []string{"run0", "run2"} {
		report := reportOn(run, result("test_0", monitor.StatusOK))
		report.Project, report.Branch = "shop", "main"
		require.NoError(t, db.KeepReport(t.Context(), report))
	}
	assert.Equal(t, 2, reports(), "not delivered yet")
	require.NoError(t, db.AckReport(t.Context(), dest, monitor.PendingReport{Version: 2}))
	assert.Equal(t, 1, reports())
	requireConsistent(t, path)
}

// A person who waits for a deletion does not wait for old runs.
func TestADeletionComesBeforeOldRuns(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, UpTo: fillAged(t, db, 4, 120), Newest: 1}
	asked := false
	round, err := db.Retain(t.Context(), policy, func() {
		if !asked {
			asked = true
			_, err := db.AddDeletion(t.Context(), "shop")
			require.NoError(t, err)
		}
	})
	require.NoError(t, err)
	assert.EqualValues(t, 1, round.Runs)
	assert.True(t, round.Early)
	require.False(t, removeSome(t, db, 1000))
	round, err = db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.Zero(t, round.Runs)
	assert.False(t, round.Early)
	requireConsistent(t, path)
}

// untilAPartIsGone is over once the file has a part of the 500 metrics of a run. Retention looks after each of its transactions. How often
// the driver looks differs from time to time, so a number of looks would say nothing of how far a removal got.
type untilAPartIsGone struct {
	context.Context
	file *sql.DB
}

func (c *untilAPartIsGone) Err() error {
	var part int
	if err := c.file.QueryRow("SELECT count(*) % 500 FROM metrics").Scan(&part); err == nil && part > 0 {
		return context.Canceled
	}
	return nil
}

// The sums of a file are not compared where a run goes while it is verified. What is left of a run that was going is not saved.
func TestVerifyAndRecoverWhileRunsGo(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	last := fillAged(t, db, 6, 500)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: last, Newest: 1}
	asked := false
	v, err := sqlite.Verify(t.Context(), path, func(_, _ int64) {
		if !asked {
			_, err := db.Retain(&untilAPartIsGone{t.Context(), raw(t, path)}, policy, nothing)
			require.ErrorIs(t, err, context.Canceled)
			asked = true
		}
	})
	require.NoError(t, err)
	require.True(t, asked)
	require.Empty(t, v.Findings)
	require.Contains(t, v.Notes, "Records were being removed. So the sums of each session were not compared with the records: verify again afterwards.")
	require.NotEmpty(t, rowsOf(t, raw(t, path), "SELECT * FROM removing"))
	ids, counted, _ := runsIn(t, db)
	require.EqualValues(t, len(ids)*500, counted)

	result, into, err := recovered(t, killed(t, path))
	require.NoError(t, err)
	for _, note := range result.Notes {
		assert.NotContains(t, note, "deleted")
	}
	file := raw(t, into)
	assert.Empty(t, rowsOf(t, file, "SELECT * FROM removing"))
	assert.Equal(t, rowsOf(t, raw(t, path), "SELECT runs, records FROM retention"), rowsOf(t, file, "SELECT runs, records FROM retention"))
	saved := open(t, dbAt(into, utcZones()))
	assert.Equal(t, answersOf(t, db, "shop"), answersOf(t, saved, "shop"))
	assert.Empty(t, verified(t, into).Findings)
}
