package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

// TestClientsInOtherZones has clients in time zones that the bridge does not know.
func TestClientsInOtherZones(t *testing.T) {
	for name, offset := range map[string]time.Duration{
		"Asia/Kolkata": 5*time.Hour + 30*time.Minute, "America/New_York": -5 * time.Hour, "UTC": 0,
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			s, m := process("s1", arrival), measured("s1", "test_a", arrival.Add(time.Second))
			orphan := measured("unknown", "test_b", arrival.Add(2*time.Second))
			s.RunDate = local(arrival, offset)
			m.ItemStartTime = local(arrival.Add(time.Second), offset)
			orphan.ItemStartTime = local(arrival.Add(2*time.Second), offset)
			recs := []*monitor.Record{record(s), record(m), record(orphan)}
			for i, rec := range recs {
				rec.Received = arrival.Add(time.Duration(i)*time.Second + 300*time.Millisecond)
			}
			appendAll(t, db, recs...)
			assert.Equal(t, arrival.UnixMicro(), s.Start.Micros())
			assert.Equal(t, int32(offset.Seconds()), s.Start.Offset)
			for i, p := range next(t, db)[1:] {
				assert.Equal(t, arrival.Add(time.Duration(i+1)*time.Second).UnixMicro(), p.Metric.At.Micros())
				assert.Equal(t, recs[i+1].Metric.ItemStartTime, p.Metric.ItemStartTime)
			}
		})
	}
}

func TestTheOperatorsZoneComesFirst(t *testing.T) {
	db, _ := newDB(t, monitor.Zones{Fixed: location(t, "Asia/Kolkata"), Server: time.UTC})
	open(t, db)
	m := measured("s1", "test_a", arrival)
	appendAll(t, db, record(m))
	assert.Equal(t, arrival.Add(-330*time.Minute).UnixMicro(), m.At.Micros())
}

// TestLateArrivals checks that a late metric gets the last known offset of its project, and that its copy is found as a
// repeat.
func TestLateArrivals(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	kolkata := 330 * time.Minute
	s := process("s1", arrival)
	s.RunDate = local(arrival, kolkata)
	appendAll(t, db, record(s))

	late := func() *monitor.Record {
		rec := record(measured("unknown", "test_a", arrival))
		rec.Metric.ItemStartTime = local(arrival, kolkata)
		rec.Received = arrival.Add(97 * time.Minute)
		return rec
	}
	first, again := late(), late()
	appendAll(t, db, first)
	assert.Equal(t, arrival.UnixMicro(), first.Metric.At.Micros())
	require.NoError(t, db.Close())

	db = open(t, dbAt(path, utcZones()))
	session := process("s2", arrival)
	session.RunDate = local(arrival, kolkata)
	late2 := record(session)
	late2.Received = arrival.Add(17 * time.Minute)
	appendAll(t, db, again, late2)
	assert.True(t, again.Repeat)
	assert.Equal(t, first.Metric.At, again.Metric.At)
	assert.Equal(t, int32(kolkata.Seconds()), session.Start.Offset)
	elsewhere := late()
	elsewhere.Project = "zoo"
	appendAll(t, db, elsewhere)
	assert.Zero(t, elsewhere.Metric.At.Offset, "each project has an offset of its own")
}

// TestRepeatsAreFoundAtAnotherOffset sends a metric before and after its session. The session has another offset than
// the one that was guessed for the metric.
func TestRepeatsAreFoundAtAnotherOffset(t *testing.T) {
	db, _ := openNew(t)
	metric := func() *monitor.Record {
		rec := record(measured("s1", "test_a", arrival))
		rec.Received = arrival.Add(1234 * time.Minute)
		return rec
	}
	session := record(process("s1", arrival))
	session.Received = arrival.Add(-345 * time.Minute)
	first, again := metric(), metric()
	appendAll(t, db, first, session, again)
	assert.NotEqual(t, first.Metric.At.Offset, session.Session.Start.Offset)
	assert.True(t, again.Repeat)
	assert.Equal(t, first.Metric.At, again.Metric.At)
}

// TestClocksChangedDuringARun has a run in New York on 2026-11-01, when 02:00 EDT becomes 01:00 EST.
func TestClocksChangedDuringARun(t *testing.T) {
	db, _ := openNew(t)
	start := time.Date(2026, 11, 1, 5, 50, 0, 0, time.UTC)
	const edt, est = -4 * time.Hour, -5 * time.Hour
	s := record(process("s1", start))
	s.Session.RunDate, s.Received = local(start, edt), start
	appendAll(t, db, s)

	at := func(item string, start time.Time, clock time.Duration, received time.Duration) *monitor.Record {
		m := measured("s1", item, start)
		m.ItemStartTime = local(start, clock)
		rec := record(m)
		rec.Received = start.Add(received)
		return rec
	}
	second := time.Second
	before := at("test_a", start.Add(5*time.Minute), edt, second)
	after := at("test_a", start.Add(15*time.Minute), est, second)
	late := at("test_late", start.Add(6*time.Minute), edt, 20*time.Minute)
	appendAll(t, db, before, after, late)
	assert.Equal(t, start.Add(5*time.Minute).UnixMicro(), before.Metric.At.Micros())
	assert.Equal(t, start.Add(15*time.Minute).UnixMicro(), after.Metric.At.Micros(), "moved by an hour")
	assert.Equal(t, start.Add(6*time.Minute).UnixMicro(), late.Metric.At.Micros(), "a late arrival is no change of clocks")

	repeats := []*monitor.Record{
		at("test_a", start.Add(5*time.Minute), edt, time.Hour+second), // looks like a change of clocks now
		at("test_a", start.Add(15*time.Minute), est, 3*time.Hour),     // no longer looks like a change
		at("test_late", start.Add(6*time.Minute), edt, second),
	}
	for i, rec := range repeats {
		appendAll(t, db, rec)
		assert.True(t, rec.Repeat, "%d", i)
	}
	for _, p := range next(t, db)[1:] {
		assert.Contains(t, []string{before.Metric.ItemStartTime, after.Metric.ItemStartTime, late.Metric.ItemStartTime},
			p.Metric.ItemStartTime)
	}
}

// An offset in the text of a time is that of this time, whatever offset the session states.
func TestTheOffsetInATextCountsBeforeTheStatedOne(t *testing.T) {
	db, _ := openNew(t)
	s := process("s1", arrival)
	s.StatesOffset, s.Start.Offset = true, 7200
	s.RunDate = arrival.UTC().Format("2006-01-02T15:04:05Z07:00")
	m := measured("s1", "test_a", arrival)
	m.ItemStartTime = s.RunDate
	elsewhere := measured("s1", "test_b", arrival)
	elsewhere.ItemStartTime = arrival.In(time.FixedZone("", 3600)).Format(time.RFC3339)
	appendAll(t, db, record(s), record(m), record(elsewhere))
	for _, at := range []monitor.Instant{s.Start, m.At, elsewhere.At} {
		assert.Equal(t, arrival.Unix(), at.Time().Unix())
	}
	again := record(elsewhere)
	appendAll(t, db, again)
	assert.True(t, again.Repeat)
}
