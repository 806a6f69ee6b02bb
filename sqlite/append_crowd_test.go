package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	const n = 2200
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
