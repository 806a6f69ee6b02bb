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
)

// broughtBack returns a record as an import from InfluxDB makes it of a stored one. The metric was received at its end.
func broughtBack(stored *monitor.Record) *monitor.Record {
	rec := *stored
	rec.Source, rec.Seq, rec.Client = dest, 0, ""
	if m := rec.Measured(); m != nil {
		rec.Received = m.At.Plus(m.TotalTime).Time()
	}
	return &rec
}

// stored reads the records that are owed to another destination: all.
func stored(t *testing.T, db monitor.Journal) (all []*monitor.Record) {
	t.Helper()
	pending, err := db.Next(t.Context(), "another", 0, 1000)
	require.NoError(t, err)
	for _, p := range pending {
		all = append(all, p.Record)
	}
	return all
}

// TestTakenNanosecondsAreBroughtBack has metrics and outcomes that share their own nanosecond. Each keeps the nanosecond that
// it got first, whatever comes back first.
func TestTakenNanosecondsAreBroughtBack(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(process("s", arrival)))
	for i := range 150 {
		m := measured("s", "test_a", arrival)
		m.MemUsage = float64(i)
		appendAll(t, db, record(m))
	}
	for i := range 100 {
		o := became("s", "node", arrival)
		o.NodeID = fmt.Sprint(i)
		appendAll(t, db, record(o))
	}
	kept := map[string]monitor.Instant{}
	again := stored(t, db)[1:]
	name := func(rec *monitor.Record) string {
		if rec.Outcome != nil {
			return rec.Outcome.NodeID
		}
		return fmt.Sprint("metric ", rec.Metric.MemUsage)
	}
	for i, rec := range again {
		kept[name(rec)] = rec.Measured().At
		again[i] = broughtBack(rec)
	}
	slices.Reverse(again)
	other, _ := openNew(t)
	appendAll(t, other, again...)
	for _, rec := range again {
		assert.Equal(t, kept[name(rec)], rec.Measured().At, name(rec))
	}
	appendAll(t, other, again...)
	for _, rec := range again {
		assert.True(t, rec.Repeat, name(rec))
	}
}

// TestRunsBroughtBackAreNotJudged holds that nobody learns again of a run that comes back, until something is added to it.
func TestRunsBroughtBackAreNotJudged(t *testing.T) {
	db, _ := openNew(t)
	other, _ := openNew(t)
	end := ended("a", arrival, "")
	end.Ended = arrival.Add(time.Minute)
	appendAll(t, db, record(process("a", arrival)), record(measured("a", "test", arrival)), record(end))
	for _, rec := range stored(t, db) {
		appendAll(t, other, broughtBack(rec))
	}
	all := func() []string { return unjudgedBetween(t, other, time.Time{}, arrival.Add(24*time.Hour), 10) }
	assert.Empty(t, all())
	appendAll(t, other, record(measured("a", "test_late", arrival)))
	assert.Equal(t, []string{"a"}, all())
}

// TestTheZoneIsThatOfTheLastSession brings sessions back in any order, beside a session that came meanwhile.
func TestTheZoneIsThatOfTheLastSession(t *testing.T) {
	session := func(h string, started time.Time, offset int32) *monitor.Record {
		s := process(h, started)
		s.RunDate = local(started, time.Duration(offset)*time.Second)
		s.Start = monitor.Instant{UTC: started.UnixNano(), Offset: offset}
		rec := record(s)
		rec.Received = started
		return rec
	}
	late := func(h string) *monitor.Record { // tells nothing of its zone
		s := process(h, arrival)
		s.RunDate = local(arrival.Add(-3*time.Hour-7*time.Minute), 0)
		return record(s)
	}
	last := func() []*monitor.Record {
		return []*monitor.Record{
			broughtBack(session("b", arrival.Add(-time.Hour), 19800)),
			broughtBack(session("a", arrival.Add(-2*time.Hour), -18000)),
		}
	}
	db, _ := openNew(t)
	appendAll(t, db, last()...)
	rec := late("c")
	appendAll(t, db, rec)
	assert.Equal(t, int32(19800), rec.Session.Start.Offset, "the last of those that came back")

	db, _ = openNew(t)
	appendAll(t, db, session("now", arrival.Add(-time.Minute), 3600))
	appendAll(t, db, last()...)
	rec = late("c")
	appendAll(t, db, rec)
	assert.Equal(t, int32(3600), rec.Session.Start.Offset, "the session that came meanwhile")
}

// TestSumsDoNotDependOnTheOrder adds up the same metrics in several orders, and in transactions of several sizes.
func TestSumsDoNotDependOnTheOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var recs []*monitor.Record
	for i := range 300 {
		m := measured("a", fmt.Sprint("test_", i), arrival)
		m.TotalTime, m.UserTime, m.KernelTime = random.ExpFloat64(), random.Float64(), random.Float64()/1000
		recs = append(recs, record(m))
	}
	var sums []monitor.Run
	for _, size := range []int{1, 7, 300} {
		db, _ := openNew(t)
		appendAll(t, db, record(process("a", arrival)))
		random.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
		for part := range slices.Chunk(recs, size) {
			appendAll(t, db, part...)
		}
		for run, err := range db.Runs(t.Context(), monitor.RunQuery{}, monitor.Page{}) {
			require.NoError(t, err)
			run.Sessions = nil
			sums = append(sums, *run)
		}
	}
	require.Len(t, sums, 3)
	assert.Equal(t, sums[0], sums[1])
	assert.Equal(t, sums[0], sums[2])
}

// TestAnImportIsRemembered holds that how far an import came stays in the file.
func TestAnImportIsRemembered(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	at, err := db.ImportPosition(t.Context(), "all")
	require.NoError(t, err)
	assert.Empty(t, at)
	for _, to := range []string{"session 1", "metric 2"} {
		require.NoError(t, db.SetImportPosition(t.Context(), "all", to))
	}
	require.NoError(t, db.SetImportPosition(t.Context(), "some", "outcome 3"))
	require.NoError(t, db.Close())
	db = open(t, dbAt(path, utcZones()))
	at, err = db.ImportPosition(t.Context(), "all")
	require.NoError(t, err)
	assert.Equal(t, "metric 2", at)
	require.NoError(t, db.SetImportPosition(t.Context(), "all", ""))
	at, err = db.ImportPosition(t.Context(), "all")
	require.NoError(t, err)
	assert.Empty(t, at, "the import has ended")
}
