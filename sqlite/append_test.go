package sqlite_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestAppendNumbersRecordsInOneSequence(t *testing.T) {
	db, _ := openNew(t)
	recs := []*monitor.Record{
		record(machine("machine")),
		record(process("s1", arrival)),
		record(measured("s1", "test_a", arrival)),
		record(measured("s1", "test_b", arrival)),
	}
	appendAll(t, db, recs[:3]...)
	appendAll(t, db, recs[3])
	for i, rec := range recs {
		assert.Equal(t, uint64(i+1), rec.Seq)
		assert.False(t, rec.Repeat)
	}
	assert.Equal(t, "Linux-x86_64 8x Example(R) CPU @ 2.30GHz 32G py3.11", recs[0].Context.Env)
	assert.Equal(t, "s1", recs[1].Session.Run)
	assert.Equal(t, arrival.UnixMicro(), recs[2].Metric.At.Micros())
}

func TestAppendAcceptsAnEmptyList(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db)
	assert.Empty(t, next(t, db))
}

func TestAppendKeepsTheFirstContext(t *testing.T) {
	db, _ := openNew(t)
	first, again, other := record(machine("machine")), record(machine("machine")), record(machine("machine"))
	other.Context.CPUCount = 64
	elsewhere := record(machine("machine"))
	elsewhere.Project = "depot"
	appendAll(t, db, first, again, other, elsewhere)

	assert.Equal(t, []uint64{1, 1, 1, 2}, seqs(first, again, other, elsewhere))
	assert.True(t, again.Repeat)
	assert.False(t, again.Differs)
	assert.True(t, other.Repeat)
	assert.True(t, other.Differs)
	assert.Equal(t, int64(8), other.Context.CPUCount)
	assert.Equal(t, first.Context.Env, other.Context.Env)
	assert.False(t, elsewhere.Repeat)
}

func TestAppendKeepsTheFirstSession(t *testing.T) {
	db, _ := openNew(t)
	first, again, other := record(process("s1", arrival)), record(process("s1", arrival)), record(process("s1", arrival))
	again.Received = arrival.Add(time.Hour)
	other.Session.Description = `{"machine": "big"}`
	appendAll(t, db, first)
	appendAll(t, db, again, other)

	assert.Equal(t, []uint64{1, 1, 1}, seqs(first, again, other))
	assert.True(t, again.Repeat)
	assert.False(t, again.Differs)
	assert.Equal(t, first.Session.Start, again.Session.Start)
	assert.True(t, other.Differs)
	assert.Empty(t, other.Session.Description)
}

func TestAppendFindsRepeatsOfMetrics(t *testing.T) {
	for name, change := range map[string]func(m *monitor.Metric){
		"session":   func(m *monitor.Metric) { m.SessionH = "s2" },
		"context":   func(m *monitor.Metric) { m.ContextH = "other" },
		"location":  func(m *monitor.Metric) { m.ItemFSLoc = "elsewhere.py" },
		"variant":   func(m *monitor.Metric) { m.ItemVariant = "test_a[c]" },
		"address":   func(m *monitor.Metric) { m.Component = "<x at 0x7f01>" },
		"time":      func(m *monitor.Metric) { m.TotalTime = math.Nextafter(m.TotalTime, 1) },
		"zero":      func(m *monitor.Metric) { m.UserTime = 0 },
		"date text": func(m *monitor.Metric) { m.ItemStartTime += "000" },
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			metric := func() *monitor.Record {
				m := measured("s1", "test_a", arrival)
				m.Component = "<x at 0x7f00>"
				m.UserTime = math.Copysign(0, -1)
				return record(m)
			}
			first, inBatch, later, other := metric(), metric(), metric(), metric()
			later.Received = arrival.Add(24 * time.Hour)
			change(other.Metric)
			appendAll(t, db, first, inBatch)
			appendAll(t, db, other)
			appendAll(t, db, later)
			assert.Equal(t, []uint64{1, 1, 2, 1}, seqs(first, inBatch, other, later))
			assert.Equal(t, []bool{false, true, false, true},
				[]bool{first.Repeat, inBatch.Repeat, other.Repeat, later.Repeat})
			assert.Equal(t, first.Metric.At, later.Metric.At)
			require.Len(t, next(t, db), 2)
		})
	}
}

func TestAbsentFloatsAreEqual(t *testing.T) {
	db, _ := openNew(t)
	a, b := record(measured("s1", "test_a", arrival)), record(measured("s1", "test_a", arrival))
	a.Metric.MemUsage = math.NaN()
	b.Metric.MemUsage = math.Float64frombits(0x7FF8DEAD00000000)
	appendAll(t, db, a, b)
	assert.True(t, b.Repeat)
}

// fillMicrosecond copies the only row of a table to the other nanoseconds of its microsecond, except for the last ones.
// The copies differ in one column.
func fillMicrosecond(t *testing.T, path, table, column string, free int) {
	t.Helper()
	_, err := raw(t, path).Exec(fmt.Sprintf(`
		CREATE TEMP TABLE copies AS WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999 - %[3]d)
			SELECT * FROM %[1]s, numbers WHERE utc_ns %% 1000 <> n;
		UPDATE copies SET seq = seq + 1 + n, utc_ns = utc_ns / 1000 * 1000 + n, %[2]s = n + 0.5;
		ALTER TABLE copies DROP COLUMN n;
		INSERT INTO %[1]s SELECT * FROM copies`, table, column, free))
	require.NoError(t, err)
}

func TestMetricsOfOneMicrosecondGetNanosecondsOfTheirOwn(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	start := arrival.Add(5 * time.Microsecond) // the copies have no text of their own
	crowded := func(from, to int) (recs []*monitor.Record) {
		for i := from; i < to; i++ {
			m := measured("s1", "test_a", start)
			m.TotalTime = float64(i) / 32 // not n + 0.5, as the copies have
			recs = append(recs, record(m))
		}
		return recs
	}
	first := crowded(0, 1)
	appendAll(t, db, first...)
	require.NoError(t, db.Close())
	const free, n = 5, 9
	fillMicrosecond(t, path, "metrics", "total_time", free)

	db = open(t, dbAt(path, utcZones()))
	recs := append(first, crowded(1, n)...)
	appendAll(t, db, recs[1:]...)
	again := crowded(0, n)
	appendAll(t, db, again...)
	at := map[int64]bool{}
	beyond := 0
	stored := next(t, db)
	for _, p := range stored {
		assert.Equal(t, local(start, 0), p.Metric.ItemStartTime, "the text as sent")
		at[p.Metric.At.UTC] = true
		if p.Metric.At.Micros() != start.UnixMicro() {
			assert.Equal(t, start.UnixMicro()+1, p.Metric.At.Micros())
			beyond++
		}
	}
	assert.Len(t, at, 1000+beyond, "each record has a nanosecond of its own")
	assert.Len(t, stored, 1000+beyond)
	assert.Equal(t, n-1-free, beyond)
	for i, p := range stored[len(stored)-n+1:] {
		assert.True(t, p.Metric.Same(recs[i+1].Metric))
	}
	for i := range again {
		assert.True(t, again[i].Repeat)
		assert.Equal(t, recs[i].Seq, again[i].Seq)
		assert.Equal(t, recs[i].Metric.At, again[i].Metric.At)
	}
}

func TestAppendStoresAllRecordsOrNone(t *testing.T) {
	db, _ := openNew(t)
	good, bad := record(measured("s1", "test_a", arrival)), record(measured("s1", "test_b", arrival))
	bad.Metric.ItemStartTime = "yesterday"
	err := db.Append(t.Context(), []*monitor.Record{good, bad})
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	assert.Zero(t, good.Seq)
	assert.Zero(t, good.Metric.At)
	assert.Empty(t, next(t, db))

	appendAll(t, db, good)
	assert.Equal(t, uint64(1), good.Seq, "the failed call used no number")
	assert.Len(t, next(t, db), 1, "the caches have no IDs that were rolled back")
}

func TestRecordsFromADestinationStayAsTheyAre(t *testing.T) {
	db, _ := openNew(t)
	c, s := record(machine("machine")), record(process("s1", arrival.Add(-48*time.Hour)))
	c.Source, s.Source = dest, dest
	c.Context.Env = "as it was decided elsewhere"
	s.Session.Start = monitor.Instant{UTC: 1234567890123456789, Offset: 19800}
	s.Session.Run, s.Session.Branch, s.Session.Build, s.Session.Machine = "r", "b", "17", "m"
	appendAll(t, db, c, s)
	assert.Empty(t, next(t, db))

	gotContext, err := db.Context(t.Context(), "shop", "machine")
	require.NoError(t, err)
	assert.Equal(t, c.Context, gotContext)
	gotSession, err := db.Session(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.Equal(t, s.Session, gotSession)

	posted := record(machine("machine"))
	appendAll(t, db, posted)
	assert.True(t, posted.Repeat)
	assert.Equal(t, c.Context.Env, posted.Context.Env)
	assert.Empty(t, next(t, db), "the destination that it was read from has it")
	elsewhere, err := db.Next(t.Context(), "elsewhere", 0, 10)
	require.NoError(t, err)
	assert.Len(t, elsewhere, 2, "another destination does not have them")
}

func TestAppendIsSafeForConcurrentUse(t *testing.T) {
	db, _ := openNew(t)
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				own := record(measured("s1", fmt.Sprintf("test_%d_%d", w, i), arrival))
				shared := record(measured("s1", fmt.Sprintf("test_%d", i), arrival))
				assert.NoError(t, db.Append(t.Context(), []*monitor.Record{own, shared}))
			}
		})
	}
	wg.Wait()
	pending := next(t, db)
	require.Len(t, pending, writers*each+each)
	for i, p := range pending {
		assert.Equal(t, uint64(i+1), p.Seq, "no gaps")
	}
}

func seqs(recs ...*monitor.Record) []uint64 {
	var s []uint64
	for _, rec := range recs {
		s = append(s, rec.Seq)
	}
	return s
}

func TestAppendSaysWhichSeriesAreNew(t *testing.T) {
	db, _ := openNew(t)
	appended := func(m *monitor.Metric) bool {
		rec := record(m)
		appendAll(t, db, rec)
		return rec.NewSeries
	}
	first, again := measured("s", "test_a", arrival), measured("s2", "test_a", arrival.Add(time.Hour))
	other := measured("s2", "test_b", arrival)
	assert.True(t, appended(first))
	assert.False(t, appended(first), "a repeat")
	assert.False(t, appended(again))
	assert.True(t, appended(other))
}
