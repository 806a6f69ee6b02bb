package sqlite_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
)

// crowded returns n metrics of one test that start at one microsecond.
func crowded(session string, n int) (recs []*monitor.Record) {
	for i := range n {
		m := measured(session, "test_a", arrival)
		m.TotalTime = float64(i) / 32
		recs = append(recs, imported(m, time.UTC))
	}
	return recs
}

// Many metrics of one test may start at one microsecond, where a clock stands still. However many there are, each is compared
// with few others: the first time, when they come again, and as records of another file, where their instants are decided.
func TestACrowdIsNotComparedWithItself(t *testing.T) {
	const n = 1200 // more than a microsecond has nanoseconds
	for _, session := range []string{"s1", "nosuch"} {
		t.Run(session, func(t *testing.T) {
			db, path := openNew(t)
			appendAll(t, db, imported(process("s1", arrival), time.UTC))
			before := db.Compared()
			appendAll(t, db, crowded(session, n)...)
			assert.Less(t, db.Compared()-before, 3*n)
			again := crowded(session, n)
			before = db.Compared()
			appendAll(t, db, again...)
			assert.Less(t, db.Compared()-before, 3*n)
			for _, rec := range again {
				require.True(t, rec.Repeat)
			}
			at := map[int64]bool{}
			for _, p := range next(t, db) {
				if p.Metric != nil {
					at[p.Metric.At.UTC] = true
					require.Equal(t, local(arrival, 0), p.Metric.ItemStartTime)
					require.Less(t, p.Metric.At.Micros()-arrival.UnixMicro(), int64(n/1000+1))
				}
			}
			require.Len(t, at, n)

			other, _ := openNew(t)
			require.NotZero(t, importAll(t, other, copyWithLog(t, path)))
			assert.Less(t, other.Compared(), 3*n)
			before = other.Compared()
			require.Zero(t, importAll(t, other, copyWithLog(t, path)))
			assert.Less(t, other.Compared()-before, 3*n)
			assert.Equal(t, fmt.Sprint(contentOf(t, db)), fmt.Sprint(contentOf(t, other)))
		})
	}
}

// Outcomes of one test and one microsecond, of different node ids, get nanoseconds of their own too.
func TestACrowdOfOutcomesHasRoom(t *testing.T) {
	db, _ := openNew(t)
	const n = 2500
	var recs []*monitor.Record
	for i := range n {
		rec := record(became("s1", "test_a", arrival))
		rec.Outcome.NodeID = fmt.Sprint("a.py::Test", i, "::test_a")
		recs = append(recs, rec)
	}
	appendAll(t, db, recs...)
	at := map[int64]bool{}
	for _, rec := range recs {
		at[rec.Outcome.At.UTC] = true
		require.LessOrEqual(t, rec.Outcome.At.Micros()-recs[0].Outcome.At.Micros(), int64(n/1000))
	}
	assert.Len(t, at, n)
}

// colliding returns different metrics of one test and microsecond. Many have the own nanosecond of another one, and some have
// one where metrics go that find theirs taken.
func colliding(project string) (all []*monitor.Metric) {
	had := map[int64]*monitor.Metric{}
	for i := 0; len(all) < 8; i++ {
		m := measured("s1", "test_a", arrival.Add(-time.Second))
		m.TotalTime = float64(i) / 1024
		digits := monitor.HashMod(monitor.RecordHash(project, m), 1000)
		if other := had[digits]; other != nil {
			all = append(all, m, other)
		} else if digits < 4 {
			all = append(all, m)
		} else {
			had[digits] = m
		}
	}
	return all
}

// TestAMetricOfACrowdIsStoredOnce draws metrics that contend for their nanoseconds. They come from clients, from another
// bridge's file, and from InfluxDB, where the other bridge has put them, in any order and more than once.
func TestAMetricOfACrowdIsStoredOnce(t *testing.T) {
	one, _ := openNew(t)
	two, _ := openNew(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		project := fmt.Sprint("project", round)
		session := func() []*monitor.Record { return []*monitor.Record{record(process("s1", arrival.Add(-2*time.Second)))} }
		elsewhere := []*monitor.Record{}
		for _, m := range rapid.Permutation(colliding(project)).Draw(t, "elsewhere") {
			elsewhere = append(elsewhere, again(m, arrival))
		}
		send(t, one, project, append(session(), elsewhere...))
		seen, want := map[float64]bool{}, []bool{}
		recs := []*monitor.Record{}
		for range rapid.IntRange(2, 24).Draw(t, "records") {
			m := rapid.SampledFrom(elsewhere).Draw(t, "metric").Metric
			rec := again(m, arrival)
			switch rapid.SampledFrom([]string{"client", "file", "influx"}).Draw(t, "from") {
			case "file":
				rec.Metric.At, rec.Import = m.At, &monitor.Import{Placed: true}
			case "influx":
				rec.Metric.At, rec.Source = m.At, dest
			}
			recs, want = append(recs, rec), append(want, seen[m.TotalTime])
			seen[m.TotalTime] = true
		}
		early := rapid.IntRange(0, 2).Draw(t, "records before the session")
		send(t, two, project, slices.Concat(recs[:early], session(), recs[early:]))
		for i, rec := range recs {
			require.Equal(t, want[i], rec.Repeat, "record %d", i)
		}
	})
}
