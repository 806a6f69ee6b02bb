package monitor

import "time"

// Clock is the clock of a session.
type Clock struct {
	Start Instant // start of the session
	// Wrong is how far the session's date was from Start, in microseconds: what has to be added to a time of this clock,
	// besides the offset. It is 0 unless the start was taken from the arrival.
	Wrong int64
}

// ClockOf returns the clock of a session that sent the date and was found to start at the given instant.
func ClockOf(date LocalTime, start Instant) Clock {
	return Clock{Start: start, Wrong: start.Micros() - date.At(start.Offset).Micros()}
}

// At returns the moment at which the clock shows t.
func (c Clock) At(t LocalTime) Instant { return c.withOffset(t, c.Start.Offset) }

// frozen says that the date of the session is wrong by more than a day. As a rule, a test suite has set it.
func (c Clock) frozen() bool { return max(c.Wrong, -c.Wrong) > maxSessionDelay.Microseconds() }

func (c Clock) withOffset(t LocalTime, offset int32) Instant {
	t.Micros += c.Wrong
	return t.At(offset)
}

// Metric returns the start of a metric of a session that sent its start without an offset. usual says that the metric
// arrived within a minute of its end by the session's clock. Otherwise an equal metric may have been placed elsewhere.
//
// A metric that seems to arrive up to 59 minutes late is late, and its start is by the session's clock. A metric that seems
// to arrive before its end, but started between its session's start and the arrival, has a false duration: a test has set
// its clock forward. Any other metric that seems to arrive before its end, to start before its session, or to be later
// than that has another zone, since a test or the end of daylight saving time has changed it. The zone is the one
// that puts the start into the session and the end within a minute of arrival. Where there is no such zone, a test has
// replaced the clock. Then the metric ended when it arrived. So did each metric that seems late or early in a run whose
// date was set: its test has probably set the same date again.
func (z Zones) Metric(start LocalTime, seconds float64, arrival time.Time, session Clock) (at Instant, usual bool) {
	if offset, ok := z.known(start); ok { // the session may be from a time when the zone was not known
		at = start.At(offset)
		return at, at.UTC == session.At(start).UTC
	}
	at, took := session.At(start), duration(seconds)
	late := arrival.Sub(at.Time()) - took
	if late.Abs() <= maxMetricLag {
		return at, true
	}
	if late < 0 && at.UTC >= session.Start.UTC && !at.Time().After(arrival) {
		return at, false // a test has set its clock forward, so its duration is false
	}
	if late < 0 || late > maxMetricDelay || session.before(at) {
		for _, minutes := range offsets {
			moved := session.withOffset(start, minutes*60)
			if lag(moved, arrival.Add(-took)) <= maxMetricLag && !session.before(moved) {
				return moved, false
			}
		}
	}
	if late >= -maxLag && late <= maxMetricDelay && !session.before(at) && !session.frozen() {
		return at, false
	}
	return session.byArrival(at, took, arrival), false
}

// before says whether a metric would start before its session.
func (c Clock) before(at Instant) bool {
	return at.UTC < c.Start.UTC-maxMetricLag.Nanoseconds()
}

// byArrival returns the start of a metric that ended when it arrived. A test that sets its clock forward has a false
// duration, which shows when it is longer than the session. Then at is the start, if it is in the session. The clock of
// the session may be ahead.
func (c Clock) byArrival(at Instant, took time.Duration, arrival time.Time) Instant {
	begin := Instant{UTC: arrival.Add(-took).UnixMicro() * 1000, Offset: c.Start.Offset}
	if begin.UTC < c.Start.UTC-maxLag.Nanoseconds() {
		if at.UTC >= c.Start.UTC && !at.Time().After(arrival) {
			return at
		}
		begin.UTC = arrival.UnixMicro() * 1000
	}
	begin.UTC = max(begin.UTC, c.Start.UTC)
	return begin
}

// EndOf returns the end of a metric that started at the given instant: at most 5 minutes after its arrival, since the
// clock of a client may be ahead. A zero arrival is unknown.
func EndOf(at Instant, seconds float64, arrival time.Time) Instant {
	end := at.Plus(max(0, seconds)) // a test may set its clock back
	if !arrival.IsZero() && end.UTC > arrival.Add(maxLag).UnixNano() {
		end.UTC = max(at.UTC, arrival.UnixNano())
	}
	return end
}
