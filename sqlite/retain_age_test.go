package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// A clock that jumps by years makes runs older by a tenth of the time for which they are kept, also where runs arrive meanwhile.
func TestAClockThatJumpsMakesNoRunOld(t *testing.T) {
	const keep, years = 60 * day, 3650 * day
	db, _ := newDB(t, utcZones())
	var now time.Time
	db.Now = func() time.Time { return now }
	open(t, db)
	appendAll(t, db, placed(machine("machine")))
	number, last := 0, uint64(0)
	arrives := func(branch string, at time.Time) {
		t.Helper()
		number++
		s := process(fmt.Sprint("s", number), at)
		s.Run, s.Branch, s.Start.UTC = fmt.Sprint("run", number), branch, at.UnixNano()
		s.ScmRef.String = s.Run
		m := measured(s.SessionH, "test_a", at)
		m.At.UTC = at.UnixNano()
		recs := []*monitor.Record{placed(s), placed(m)}
		recs[0].Received, recs[1].Received = at, at
		appendAll(t, db, recs...)
		last = recs[1].Seq
		require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: last}))
	}
	left := func() []string {
		t.Helper()
		_, err := db.Retain(t.Context(), monitor.Retention{Keep: keep, Dest: dest, UpTo: last, Newest: 2}, nothing)
		require.NoError(t, err)
		ids, _, _ := runsIn(t, db)
		return ids
	}
	old := arrival.Add(-70 * day)
	arrives("release", old)
	arrives("main", old)
	for n := range 70 {
		arrives("main", arrival.Add(time.Duration(n-70)*day+time.Hour))
	}
	now = arrival
	require.Len(t, left(), 61, "60 days of main, and release")

	now = arrival.Add(years)
	require.Len(t, left(), 61, "nothing has arrived since the jump")
	arrives("fix", now)
	now = now.Add(time.Hour)
	ids := left()
	assert.InDelta(t, 1+54+1, len(ids), 1, "a jump counts for six days: %v", ids)
	assert.Contains(t, ids, "run1", "no branch has ended, although main and release had no run for ten years")

	now = arrival.Add(-years)
	arrives("fix", now)
	misdated := fmt.Sprint("run", number)
	now = arrival.Add(time.Hour)
	arrives("main", now)
	arrives("fix", now)
	arrives("fix", now.Add(time.Minute))
	assert.Contains(t, left(), misdated, "what arrives while the clock is behind is young")
	for n := range 60 { // the clock is ahead for good
		now = arrival.Add(years + time.Duration(n+1)*day)
		arrives("main", now)
	}
	ids = left()
	assert.NotContains(t, ids, "run60", "time passes that arrivals show")
	assert.NotContains(t, ids, misdated)
}
