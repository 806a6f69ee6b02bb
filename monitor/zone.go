package monitor

import (
	"math"
	"time"
)

// Zones finds the offset of a client's clock from UTC, since clients send local times without a zone. A session or a
// metric arrives a fraction of a second after the time that it has (measured with real clients). So the time of arrival
// shows the offset.
type Zones struct {
	// Fixed is the clients' time zone if the operator has set it; nil otherwise.
	Fixed *time.Location
	// Server is the bridge's own time zone. It is preferred when it fits.
	Server *time.Location
}

const (
	// maxLag is the greatest distance between a session's time and its arrival from which an offset is concluded.
	maxLag = 5 * time.Minute
	// maxMetricLag is the same for the end of a metric, from which a change of the clocks is concluded.
	maxMetricLag = time.Minute
)

// offsets are the offsets from UTC in civil use, in minutes. They are multiples of 15 minutes between -12:00 and
// +14:00. Multiples without a time zone are left out, so that a late arrival is not taken for a zone that does not
// exist.
var offsets = []int32{
	-720, -660, -600, -570, -540, -480, -420, -360, -300, -240, -210, -180, -150, -120, -60, 0,
	60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 525, 540, 570, 600, 630, 660, 720, 765, 780, 825, 840,
}

// Session returns the offset of the clock of a client that sent t. It takes the server's offset if this puts t within 5
// minutes of arrival. Otherwise it takes the offset that puts t closest to arrival, if within 5 minutes. Otherwise it
// takes last, the project's last known offset. When the project has none, last is nil, and it takes the server's
// offset.
func (z Zones) Session(t LocalTime, arrival time.Time, last *int32) int32 {
	if offset, ok := z.known(t); ok {
		return offset
	}
	server := offsetAt(t, z.Server)
	if lag(t, server, arrival) <= maxLag {
		return server
	}
	best, bestLag := server, time.Duration(math.MaxInt64)
	for _, minutes := range offsets {
		if l := lag(t, minutes*60, arrival); l < bestLag {
			best, bestLag = minutes*60, l
		}
	}
	switch {
	case bestLag <= maxLag:
		return best
	case last != nil:
		return *last
	default:
		return server
	}
}

// Metric returns the offsets at which a metric of a session with the given offset may have started. A new metric gets
// the first offset. A repeat may be stored at any of them. The first offset is usually the session's. It differs from
// it by 30 or 60 minutes when only this puts start + duration within a minute of arrival: the clocks were changed
// during the run.
func (z Zones) Metric(start LocalTime, seconds float64, arrival time.Time, session int32) []int32 {
	if offset, ok := z.known(start); ok {
		return []int32{offset}
	}
	end := after(start, seconds)
	if lag(end, session, arrival) <= maxMetricLag {
		return []int32{session}
	}
	candidates := []int32{session}
	for _, shift := range []int32{3600, -3600, 1800, -1800} {
		offset := session + shift
		if lag(end, offset, arrival) <= maxMetricLag {
			candidates = append([]int32{offset}, candidates...)
		} else {
			candidates = append(candidates, offset)
		}
	}
	return candidates
}

// Orphan returns the offset of a metric whose session is unknown. It uses the rule of [Zones.Session] with start +
// duration as the time.
func (z Zones) Orphan(start LocalTime, seconds float64, arrival time.Time, last *int32) int32 {
	if offset, ok := z.known(start); ok {
		return offset
	}
	return z.Session(after(start, seconds), arrival, last)
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

// after adds a duration to t. An absent or absurd duration counts as 0.
func after(t LocalTime, seconds float64) LocalTime {
	if seconds > 0 && seconds < 1e9 {
		t.Micros += int64(seconds * 1e6)
	}
	return t
}

func lag(t LocalTime, offset int32, arrival time.Time) time.Duration {
	return arrival.Sub(time.UnixMicro(t.Micros - int64(offset)*1e6)).Abs()
}
