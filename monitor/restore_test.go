package monitor_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestPointsThatAreNoRecords holds what is wrong with points of other programs.
func TestPointsThatAreNoRecords(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	metric := func(change func(*monitor.Point)) *monitor.Point {
		p := &monitor.Point{Record: &monitor.Record{Project: "shop", Metric: &monitor.Metric{ItemStartTime: "2026-11-22T11:00:00",
			TotalTime: 2.5, At: monitor.Instant{UTC: now.Add(-time.Hour).UnixNano()}}}, Origin: monitor.Origin{Env: "unknown"}}
		change(p)
		return p
	}
	session := func(change func(*monitor.Session)) *monitor.Point {
		s := &monitor.Session{SessionH: "s", Run: "s", RunDate: "2026-11-22"}
		change(s)
		return &monitor.Point{Record: &monitor.Record{Project: "shop", Session: s}}
	}
	for name, tt := range map[string]struct {
		point *monitor.Point
		want  string // in the error, or the wrong field
	}{
		"a metric":                  {metric(func(*monitor.Point) {}), ""},
		"no project":                {metric(func(p *monitor.Point) { p.Project = "" }), "expected a project"},
		"no env":                    {metric(func(p *monitor.Point) { p.Env = "" }), "env"},
		"no date":                   {metric(func(p *monitor.Point) { p.Metric.ItemStartTime = "" }), "item_start_time"},
		"an offset of days":         {metric(func(p *monitor.Point) { p.Metric.At.Offset = 90000 }), "utc_offset"},
		"no outcome":                {metric(func(p *monitor.Point) { p.Metric, p.Outcome = nil, &monitor.Outcome{Metric: *p.Metric, NodeID: "n"} }), "outcome"},
		"a session":                 {session(func(*monitor.Session) {}), ""},
		"a session without run":     {session(func(s *monitor.Session) { s.Run = "" }), "run"},
		"an end without completion": {session(func(s *monitor.Session) { s.Ended = now }), "ended"},
		"a completion without end":  {session(func(s *monitor.Session) { s.Completion = monitor.Complete }), "ended"},
		"a context without env":     {&monitor.Point{Record: &monitor.Record{Project: "shop", Context: &monitor.Context{H: "c"}}}, "env"},
		"a session without hash":    {session(func(s *monitor.Session) { s.SessionH = "" }), "session_h"},
		"an odd completion":         {session(func(s *monitor.Session) { s.Completion, s.Ended = "x", now }), "expected a known completion"},
		"too many tags":             {session(func(s *monitor.Session) { s.Tags = make([]monitor.Tag, 257) }), "at most 256 tags"},
		"an offset of a day":        {session(func(s *monitor.Session) { s.Start.Offset = -86400 }), "utc_offset"},
		"no hash":                   {&monitor.Point{Record: &monitor.Record{Project: "shop", Context: &monitor.Context{Env: "e"}}}, "h"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.point.Restore(now)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			wrong, ok := errors.AsType[*monitor.Error](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, monitor.EInvalid, wrong.Code)
			if wrong.Fields[tt.want] == "" {
				assert.Contains(t, wrong.Message, tt.want)
			}
		})
	}
}

// TestAMetricIsReceivedAtItsEnd has tests whose clock was true, stood still, went back, or went far ahead.
func TestAMetricIsReceivedAtItsEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for took, want := range map[float64]time.Duration{2.5: 2500 * time.Millisecond, 0: 0, -7: 0, 1e12: time.Hour, math.Inf(1): time.Hour} {
		p := &monitor.Point{Record: &monitor.Record{Project: "shop", Metric: &monitor.Metric{ItemStartTime: "2026-11-22T11:00:00",
			TotalTime: took, At: monitor.Instant{UTC: now.Add(-time.Hour).UnixNano()}}}, Origin: monitor.Origin{Env: "x"}}
		require.NoError(t, p.Restore(now))
		assert.Equal(t, now.Add(want-time.Hour), p.Received, "%g seconds", took)
	}
	p := &monitor.Point{Record: &monitor.Record{Project: "shop", Metric: &monitor.Metric{ItemStartTime: "2026-11-22T11:00:00",
		TotalTime: math.NaN(), At: monitor.Instant{UTC: now.UnixNano()}}}, Origin: monitor.Origin{Env: "x"}}
	require.NoError(t, p.Restore(now))
	assert.Equal(t, now, p.Received, "a duration that is absent")
}

// TestAnArrivalIsNeverAhead holds for a session that a bridge with a wrong clock has accepted.
func TestAnArrivalIsNeverAhead(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := &monitor.Session{SessionH: "s", Run: "s", RunDate: "2026-11-22", Marks: monitor.Marks{Completion: monitor.Complete},
		End: monitor.End{Ended: now.AddDate(1, 0, 0)}}
	p := &monitor.Point{Record: &monitor.Record{Project: "shop", Session: s, Received: now.AddDate(100, 0, 0)}}
	require.NoError(t, p.Restore(now))
	assert.Equal(t, []time.Time{now, now}, []time.Time{p.Received, s.Ended})
}
