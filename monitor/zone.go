package monitor

import (
	"math"
	"time"
)

// Zones finds the offset of a client's clock from UTC, since clients send local times without a zone. A session or a
// metric arrives a fraction of a second after the time that it has (measured with real clients). So the time of arrival
// shows the offset. It also shows a clock that is wrong: tests change the zone of their process, or replace its clock.
type Zones struct {
	// Fixed is the clients' time zone if the operator has set it; nil otherwise. Then all times are taken as sent.
	Fixed *time.Location
	// Server is the bridge's own time zone. It is preferred when it fits.
	Server *time.Location
}

const (
	// maxLag is the greatest distance between a session's time and its arrival from which an offset is concluded.
	// Clocks of clients may be as far ahead.
	maxLag = 5 * time.Minute
	// maxMetricLag is the same for the end of a metric.
	maxMetricLag = time.Minute
	// maxSessionDelay and maxMetricDelay are how late sessions and metrics may arrive, after an outage for example.
	// What seems to be later has a wrong clock, or a zone that is an hour to the west.
	maxSessionDelay = 24 * time.Hour
	maxMetricDelay  = time.Hour - maxMetricLag
)

// offsets are the offsets from UTC in civil use, in minutes. They are multiples of 15 minutes between -12:00 and
// +14:00. Multiples without a time zone are left out, so that a late arrival is not taken for a zone that does not
// exist.
var offsets = []int32{
	-720, -660, -600, -570, -540, -480, -420, -360, -300, -240, -210, -180, -150, -120, -60, 0,
	60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 525, 540, 570, 600, 630, 660, 720, 765, 780, 825, 840,
}

// Session returns the start of a session that sent t. The start is the time of arrival if t is more than a day before
// it, or more than 5 minutes after it: then the client's clock is wrong. last is the project's last known offset; nil
// when the project has none.
func (z Zones) Session(t LocalTime, arrival time.Time, last *int32) Instant {
	if offset, ok := z.known(t); ok {
		return t.At(offset)
	}
	start := t.At(z.offset(t, arrival, last))
	if late := arrival.Sub(start.Time()); late > maxSessionDelay || late < -maxLag {
		start.UTC = arrival.UnixMicro() * 1000
	}
	return start
}

// offset returns the offset of the clock of a client that sent t. It takes the server's offset if this puts t within 5
// minutes of arrival. Otherwise it takes the offset that puts t closest to arrival, if within 5 minutes. Otherwise it
// takes last, or the server's offset when last is nil.
func (z Zones) offset(t LocalTime, arrival time.Time, last *int32) int32 {
	server := offsetAt(t, z.Server)
	if lag(t.At(server), arrival) <= maxLag {
		return server
	}
	best, bestLag := server, maxLag
	for _, minutes := range offsets {
		if l := lag(t.At(minutes*60), arrival); l <= bestLag {
			best, bestLag = minutes*60, l
		}
	}
	if best == server && last != nil {
		return *last
	}
	return best
}

// Orphan returns the start of a metric whose session is unknown. It uses the rules of [Zones.Session] with start +
// duration as the time.
func (z Zones) Orphan(start LocalTime, seconds float64, arrival time.Time, last *int32) Instant {
	if offset, ok := z.known(start); ok {
		return start.At(offset)
	}
	took := duration(seconds)
	end := start
	end.Micros += took.Microseconds()
	at := z.Session(end, arrival, last)
	at.UTC -= took.Microseconds() * 1000
	return at
}

// known returns the offset that the text states or the operator has set.
func (z Zones) known(t LocalTime) (int32, bool) {
	switch {
	case t.HasOffset:
		return t.Offset, true
	case z.Fixed != nil:
		return offsetAt(t, z.Fixed), true
	}
	return 0, false
}

// offsetAt returns the offset of loc when its clocks show t.
func offsetAt(t LocalTime, loc *time.Location) int32 {
	u := time.UnixMicro(t.Micros).UTC()
	_, offset := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), loc).Zone()
	return int32(offset)
}

// duration returns seconds as a duration. An absent, negative or absurd number counts as 0.
func duration(seconds float64) time.Duration {
	if seconds > 0 && seconds < 1e9 {
		return time.Duration(math.Round(seconds * 1e9))
	}
	return 0
}

func lag(at Instant, arrival time.Time) time.Duration { return arrival.Sub(at.Time()).Abs() }
