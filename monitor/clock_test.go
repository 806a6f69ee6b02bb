package monitor_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// TestSessionsWithWrongDatesStartOnArrival has sessions of which the date cannot be true.
func TestSessionsWithWrongDatesStartOnArrival(t *testing.T) {
	arrival := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	kolkata := int32(19800)
	for _, tt := range []struct {
		name, date string
		zones      monitor.Zones
		start      time.Time
	}{
		{"in time", "2026-11-22T11:59:59.5", monitor.Zones{}, arrival.Add(-500 * time.Millisecond)},
		{"ahead", "2026-11-22T12:04:59", monitor.Zones{}, arrival.Add(299 * time.Second)},
		{"an outage of a day", "2026-11-21T17:40:00", monitor.Zones{}, arrival.Add(-23*time.Hour - 50*time.Minute)},
		{"frozen", "2020-01-01T00:00:00.25", monitor.Zones{}, arrival},
		{"frozen in the future", "2026-11-22T22:07:00", monitor.Zones{}, arrival},
		{"frozen, with an offset", "2020-01-01T00:00:00+00:00", monitor.Zones{}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"frozen, where the operator knows the zone", "2020-01-01T00:00:00", monitor.Zones{Fixed: time.UTC}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.zones.Server = time.UTC
			assert.Equal(t, tt.start, tt.zones.Session(local(t, tt.date), arrival, &kolkata).Time())
		})
	}
}

// TestZonesMetric has metrics of a session that started at 12:00 in UTC. The clock of its machine is in Berlin.
func TestZonesMetric(t *testing.T) {
	const berlin = 3600
	session := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	steady := monitor.ClockOf(local(t, "2026-11-22T13:00:00"), monitor.Instant{UTC: session.UnixNano(), Offset: berlin})
	frozen := monitor.ClockOf(local(t, "2020-01-01T00:00:00"), monitor.Instant{UTC: session.UnixNano(), Offset: berlin})
	future := monitor.ClockOf(local(t, "2199-12-31T23:59:59"), monitor.Instant{UTC: session.UnixNano(), Offset: berlin})
	ahead := monitor.ClockOf(local(t, "2026-11-22T23:00:00"), monitor.Instant{UTC: session.UnixNano(), Offset: berlin})
	at := func(hour, minute, second int) time.Time {
		return time.Date(2026, 11, 22, hour, minute, second, 0, time.UTC)
	}
	const minute, hour = 60, 3600
	moment := 10 * time.Millisecond
	for _, tt := range []struct {
		name    string
		clock   monitor.Clock
		start   string
		seconds float64
		arrival time.Time
		at      time.Time
		usual   bool
	}{
		{"in time", steady, "2026-11-22T13:00:10", 5, at(12, 0, 15).Add(moment), at(12, 0, 10), true},
		{"a test of 40 minutes", steady, "2026-11-22T13:01:00", 40 * minute, at(12, 41, 0).Add(moment), at(12, 1, 0), true},
		{"59 minutes late after an outage", steady, "2026-11-22T13:01:00", 5, at(13, 0, 5), at(12, 1, 0), false},
		{"59 minutes late, with a duration that a float cannot hold", steady, "2026-11-22T13:01:00", 1.001, at(13, 0, 1).Add(time.Millisecond), at(12, 1, 0), false},
		{"half an hour late", steady, "2026-11-22T13:01:00", 0, at(12, 31, 0).Add(moment), at(12, 1, 0), false},
		{"the client is 3 minutes ahead", steady, "2026-11-22T13:04:00", 0, at(12, 1, 0), at(12, 4, 0), false},
		{"west by 7 hours", steady, "2026-11-22T06:01:00", 5, at(12, 1, 5).Add(moment), at(12, 1, 0), false},
		{"west by an hour", steady, "2026-11-22T14:10:00", 5, at(14, 10, 5).Add(moment), at(14, 10, 0), false},
		{"west by an hour, on a client that is a moment ahead", steady, "2026-11-22T14:10:00", 5, at(14, 10, 5).Add(-moment), at(14, 10, 0), false},
		{"west by an hour, on a client that is 50 seconds ahead", steady, "2026-11-22T14:10:50", 5, at(14, 10, 5), at(14, 10, 50), false},
		{"east by 8 hours, a test of 40 minutes", steady, "2026-11-22T21:01:00", 40 * minute, at(12, 41, 0).Add(moment), at(12, 1, 0), false},
		{"east by a quarter of an hour", monitor.ClockOf(local(t, "2026-11-22T17:30:00"), monitor.Instant{UTC: session.UnixNano(), Offset: 19800}),
			"2026-11-22T17:46:00", 0, at(12, 1, 0).Add(moment), at(12, 1, 0), false},
		{"west by a quarter of an hour, before the session", monitor.ClockOf(local(t, "2026-11-22T17:45:00"), monitor.Instant{UTC: session.UnixNano(), Offset: 20700}),
			"2026-11-22T17:31:00", 0, at(12, 1, 0).Add(moment), at(12, 1, 0), false},
		{"the clocks are put back, in the first hour of a run", steady, "2026-11-22T12:59:00", 0, at(12, 59, 0).Add(moment), at(12, 59, 0), false},
		{"the clocks are put back, late in a run", steady, "2026-11-22T15:00:00", 0, at(15, 0, 0).Add(moment), at(15, 0, 0), false},
		{"put back by half an hour, where no zone is: by arrival", steady, "2026-11-22T12:32:00", 0, at(12, 2, 0), at(12, 2, 0), false},
		{"put forward", steady, "2026-11-22T15:00:00", 5, at(13, 0, 5).Add(moment), at(13, 0, 0), false},
		{"frozen long ago", steady, "2020-01-01T00:00:00", 5, at(12, 10, 5), at(12, 10, 0), false},
		{"frozen in the future", steady, "2199-12-31T23:59:59", 5, at(12, 10, 5), at(12, 10, 0), false},
		{"frozen twenty minutes ahead", steady, "2026-11-22T13:30:00", 5, at(12, 10, 5), at(12, 10, 0), false},
		{"frozen before the session", steady, "2026-11-22T12:40:00", 5, at(12, 10, 5), at(12, 10, 0), false},
		{"frozen; no duration", steady, "2020-01-01T00:00:00", math.NaN(), at(12, 10, 5), at(12, 10, 5), false},
		{"frozen; a day forward during the test", steady, "2020-01-01T00:00:00", 24 * hour, at(12, 10, 5), at(12, 10, 5), false},
		{"a day forward during the test", steady, "2026-11-22T13:10:00", 24 * hour, at(12, 10, 5), at(12, 10, 0), false},
		{"an hour forward during the test", steady, "2026-11-22T13:20:00", hour, at(12, 20, 2), at(12, 20, 0), false},
		{"twelve hours forward during the test", steady, "2026-11-22T13:20:00", 12 * hour, at(12, 20, 2), at(12, 20, 0), false},
		{"ten minutes forward during the test", steady, "2026-11-22T13:20:00", 10 * minute, at(12, 20, 2), at(12, 20, 0), false},
		{"six hours forward during the test, on a client that is 29 seconds ahead", steady, "2026-11-22T13:01:30", 6 * hour, at(12, 1, 1), at(12, 1, 1), false},
		{"years back during the test", steady, "2026-11-22T13:20:00", -218112599, at(12, 20, 2), at(12, 20, 0), true},
		{"a frozen run that ticks", frozen, "2020-01-01T00:10:00", 5, at(12, 10, 5).Add(moment), at(12, 10, 0), true},
		{"the date of a frozen run again, in the first minute", frozen, "2020-01-01T00:00:00", 5, at(12, 0, 59), at(12, 0, 0), true},
		{"the date of a frozen run again", frozen, "2020-01-01T00:00:00", 5, at(12, 30, 5), at(12, 30, 0), false},
		{"the date of a run frozen in the future again", future, "2199-12-31T23:59:59", 5, at(12, 30, 5), at(12, 30, 0), false},
		{"a frozen run whose session was 3 minutes late", frozen, "2020-01-01T00:10:00", 5, at(12, 7, 5), at(12, 7, 0), false},
		{"half an hour late on a client that is ten hours ahead", ahead, "2026-11-22T23:01:00", 5, at(12, 31, 5), at(12, 1, 0), false},
		{"the true time in a frozen run", frozen, "2026-11-22T13:10:00", 5, at(12, 10, 5), at(12, 10, 0), false},
		{"posted again a day later", steady, "2026-11-22T13:10:00", 5, at(12, 17, 5).Add(24 * time.Hour), at(12, 17, 0).Add(24 * time.Hour), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, usual := monitor.Zones{Server: time.UTC}.Metric(local(t, tt.start), tt.seconds, tt.arrival, tt.clock)
			assert.Equal(t, tt.at, got.Time())
			assert.Equal(t, tt.usual, usual)
			end := monitor.EndOf(got, tt.seconds, tt.arrival).Time()
			assert.False(t, end.After(tt.arrival.Add(5*time.Minute)) || end.Before(got.Time()), "the end: %s", end)
		})
	}
	got, usual := monitor.Zones{Fixed: time.UTC}.Metric(local(t, "2020-01-01T00:00:00"), 5, at(12, 0, 0), steady)
	assert.False(t, usual, "it may be stored elsewhere, from a time when the operator had not told the zone")
	assert.Equal(t, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), got.Time(), "the operator knows the zone")
	_, usual = monitor.Zones{Fixed: time.UTC}.Metric(local(t, "2026-11-22T12:10:00"), 5, at(12, 0, 0),
		monitor.ClockOf(local(t, "2026-11-22T12:00:00"), monitor.Instant{UTC: session.UnixNano()}))
	assert.True(t, usual)
}
