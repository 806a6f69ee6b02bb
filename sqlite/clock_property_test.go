package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// civil are offsets that clients have, and that tests change to.
var civil = []time.Duration{-9*time.Hour - 30*time.Minute, -5 * time.Hour, -4 * time.Hour, 0, time.Hour, 2 * time.Hour,
	5*time.Hour + 30*time.Minute, 5*time.Hour + 45*time.Minute, 9*time.Hour + 30*time.Minute, 10 * time.Hour, 14 * time.Hour}

// timed is a metric of a client with the time at which it truly started.
type timed struct {
	metric *monitor.Metric
	clock  string // "steady", "zone" or "frozen"
	start  time.Time
	takes  time.Duration
}

// client is a session with metrics.
type client struct {
	session *monitor.Session
	start   time.Time
	zone    time.Duration
	frozen  bool // the whole run has a wrong date
	metrics []timed
}

func within(least, most time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Range(least.Milliseconds(), most.Milliseconds()),
		func(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond })
}

// soon is how long after its end a record arrives that nothing delays.
var soon = within(time.Millisecond, 59*time.Second)

// anyWrongDate draws the date of a clock that was replaced: any date, or one near the true time.
func anyWrongDate(now time.Time) *rapid.Generator[time.Time] {
	return rapid.OneOf(
		rapid.Map(within(-3*time.Hour, 3*time.Hour), now.Add),
		rapid.Map(rapid.Int64Range(86_400, 7_258_000_000), func(s int64) time.Time { return time.Unix(s, 0) }))
}

func anyClient(t *rapid.T) *client {
	c := &client{start: arrival, zone: rapid.SampledFrom(civil).Draw(t, "zone"),
		frozen: rapid.Bool().Draw(t, "frozen run")}
	date := c.start
	if c.frozen {
		date = time.Unix(rapid.Int64Range(86400, 1_500_000_000).Draw(t, "date of the run"), 0)
	}
	c.session = process("s1", date)
	c.session.RunDate = local(date, c.zone)
	now := c.start.Add(time.Minute) // the session is posted before the first test
	for i := range rapid.IntRange(1, 6).Draw(t, "metrics") {
		m := timed{takes: within(0, 40*time.Minute).Draw(t, "takes"), clock: rapid.SampledFrom([]string{"steady", "zone", "frozen", "forward"}).Draw(t, "clock")}
		m.start = now.Add(within(time.Second, 10*time.Minute).Draw(t, "pause"))
		now = m.start.Add(m.takes)
		shown, zone := date.Add(m.start.Sub(c.start)), c.zone
		switch m.clock {
		case "zone":
			zone = rapid.SampledFrom(civil).Draw(t, "zone of the test")
		case "frozen":
			shown = anyWrongDate(m.start).Draw(t, "date of the test")
		}
		m.metric = measured("s1", rapid.SampledFrom([]string{"test_a", "test_b"}).Draw(t, "test"), shown)
		m.metric.ItemStartTime = local(shown, zone)
		m.metric.TotalTime, m.metric.MemUsage = m.takes.Seconds(), float64(i)
		if m.clock == "forward" { // the test sets its clock forward, so its duration is false
			m.metric.TotalTime += within(2*time.Minute, 50*time.Hour).Draw(t, "forward").Seconds()
		}
		c.metrics = append(c.metrics, m)
	}
	return c
}

// post sends everything to a bridge once. Each record has its own delay.
func (c *client) post(t *rapid.T, db *sqlite.DB, project string) (*monitor.Session, []*monitor.Record) {
	session := *c.session
	first := record(&session)
	first.Received = c.start.Add(soon.Draw(t, "delay of the session"))
	recs := []*monitor.Record{first}
	for _, m := range c.metrics {
		delay := soon.Draw(t, "delay")
		if m.clock == "steady" && rapid.Bool().Draw(t, "outage") {
			delay = within(time.Millisecond, 59*time.Minute).Draw(t, "delay")
		}
		recs = append(recs, again(m.metric, m.start.Add(m.takes+delay)))
	}
	send(t, db, project, recs)
	return &session, recs[1:]
}

func again(m *monitor.Metric, received time.Time) *monitor.Record {
	copied := *m
	copied.At = monitor.Instant{}
	rec := record(&copied)
	rec.Received = received
	return rec
}

func send(t *rapid.T, db *sqlite.DB, project string, recs []*monitor.Record) {
	for _, rec := range recs {
		rec.Project = project
	}
	require.NoError(t, db.Append(context.Background(), recs))
}

// requirePlace checks where a metric lies.
func (c *client) requirePlace(t *rapid.T, m timed, s *monitor.Session, rec *monitor.Record) {
	at := rec.Metric.At.Time()
	require.False(t, rec.Repeat)
	require.False(t, at.Before(s.Start.Time().Add(-time.Minute)), "before its session")
	require.False(t, monitor.EndOf(rec.Metric.At, rec.Metric.TotalTime, rec.Received).Time().After(rec.Received.Add(5*time.Minute)))
	if (m.clock == "steady" || m.clock == "forward") && !c.frozen {
		require.Equal(t, m.start, at)
		return
	}
	require.False(t, at.After(rec.Received.Add(5*time.Minute)))
	if m.clock == "forward" { // in a run whose times are up to a minute late, too: nothing tells the duration from the start
		return
	}
	if late := rec.Received.Sub(at.Add(m.takes)); late.Abs() > time.Minute {
		// The clock shows a time at which the metric may have started, if it was late.
		sent, err := monitor.ParseTime(rec.Metric.ItemStartTime)
		require.NoError(t, err)
		date, err := monitor.ParseTime(s.RunDate)
		require.NoError(t, err)
		require.Equal(t, monitor.ClockOf(date, s.Start).At(sent).Micros(), rec.Metric.At.Micros(), "late by %s", late)
		require.LessOrEqual(t, late, 59*time.Minute)
		require.False(t, c.frozen && late > 0, "late by %s in a frozen run", late)
	}
}

// TestClocksOfClients draws clients of which the clocks lie, and records that are late. A record that is posted again must
// be found. Another bridge must find the same instant, unless it was taken from the arrival.
func TestClocksOfClients(t *testing.T) {
	one, _ := openNew(t)
	other, _ := openNew(t)
	copied, _ := openNew(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++ // all rounds share files; each round has a project of its own
		project := fmt.Sprint("project", round)
		c := anyClient(t)
		s, first := c.post(t, one, project)
		_, second := c.post(t, other, project)
		var imported, later, muchLater []*monitor.Record
		for i, m := range c.metrics {
			c.requirePlace(t, m, s, first[i])
			sent, err := monitor.ParseTime(m.metric.ItemStartTime)
			require.NoError(t, err)
			byText := func(at monitor.Instant) bool { return sent.At(at.Offset).Micros() == at.Micros() } // not by the arrival
			if !c.frozen && byText(first[i].Metric.At) && byText(second[i].Metric.At) {
				require.Equal(t, first[i].Metric.At, second[i].Metric.At, "on another bridge")
			}
			// It comes again at any time, also when its wrong time has come.
			shown := sent.At(int32(rapid.SampledFrom(civil).Draw(t, "zone").Seconds())).Time()
			later = append(later, again(m.metric, shown.Add(m.takes+soon.Draw(t, "delay"))))
			muchLater = append(muchLater, again(m.metric, first[i].Received.Add(within(0, 40*24*time.Hour).Draw(t, "later"))))
			copy := again(m.metric, time.Time{})
			copy.Metric.At, copy.Source = first[i].Metric.At, dest
			imported = append(imported, copy)
		}
		at := instants(first)
		kept := record(s)
		kept.Source = dest
		send(t, copied, project, append([]*monitor.Record{kept}, imported...))
		require.Equal(t, at, instants(imported), "read back as it was")
		for _, db := range []*sqlite.DB{one, copied} {
			for _, recs := range [][]*monitor.Record{later, muchLater} {
				send(t, db, project, recs)
				require.False(t, slices.ContainsFunc(recs, func(rec *monitor.Record) bool { return !rec.Repeat }), "posted again")
				require.Equal(t, at, instants(recs))
			}
		}
	})
}

func instants(recs []*monitor.Record) (all []monitor.Instant) {
	for _, rec := range recs {
		all = append(all, rec.Metric.At)
	}
	return all
}

// TestRepeatsBesideAStatedOffset draws metrics of a session that states its offset, in any order with the session. A metric comes from
// the client, or from where it has the offset of any clock. Whichever comes again is found.
func TestRepeatsBesideAStatedOffset(t *testing.T) {
	db, _ := openNew(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		session := process("s1", arrival)
		session.StatesOffset, session.Start.Offset = true, 3600
		recs := []*monitor.Record{record(session)}
		metrics := rapid.IntRange(1, 6).Draw(t, "metrics")
		for i := range metrics {
			m := measured("s1", rapid.SampledFrom([]string{"test_a", "test_b"}).Draw(t, "test"), arrival)
			m.MemUsage = float64(i)
			recs = append(recs, anyCopy(t, m))
		}
		send(t, db, fmt.Sprint("project", round), rapid.Permutation(recs).Draw(t, "order"))
		for _, first := range recs[1:] {
			at := first.Metric.At
			again := anyCopy(t, first.Metric)
			send(t, db, first.Project, []*monitor.Record{again})
			require.True(t, again.Repeat, "posted again")
			require.Equal(t, at, again.Metric.At)
		}
	})
}

// anyCopy is a metric as its client posts it, as a file has it, or as a destination or another bridge has it.
func anyCopy(t *rapid.T, m *monitor.Metric) *monitor.Record {
	rec := again(m, arrival.Add(time.Second))
	offset := rapid.SampledFrom(civil).Draw(t, "offset")
	at := monitor.Instant{UTC: arrival.Add(-offset).UnixNano(), Offset: int32(offset.Seconds())}
	switch rapid.SampledFrom([]string{"client", "destination", "file", "file of a bridge"}).Draw(t, "from") {
	case "destination":
		rec.Source, rec.Metric.At = dest, at
	case "file":
		rec.Import = &monitor.Import{Zone: time.FixedZone("zone", int(offset.Seconds()))}
	case "file of a bridge":
		rec.Import, rec.Metric.At = &monitor.Import{Placed: true}, at
	}
	return rec
}
