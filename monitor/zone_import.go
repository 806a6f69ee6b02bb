package monitor

import (
	"cmp"
	"errors"
	"strings"
	"time"
)

// ParseZone returns a time zone by its name in the IANA database, such as Europe/Paris, or by its offset from UTC, such as
// +05:30. The error says what was expected.
func ParseZone(name string) (*time.Location, error) {
	expected := errors.New("expected a name of the IANA database such as Europe/Paris, or an offset such as +05:30")
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		t, err := ParseTime("2000-01-01T00:00:00" + name)
		if err != nil || max(t.Offset, -t.Offset) > 14*3600 {
			return nil, expected
		}
		return time.FixedZone(name, int(t.Offset)), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil, expected
	}
	return zone, nil
}

// Importing returns the zones for imported records. Times that state no offset are of the given zone, where it is nil of
// the operator's or the bridge's own.
func (z Zones) Importing(zone *time.Location) Zones {
	z.Fixed = cmp.Or(zone, z.Fixed, z.Server)
	return z
}

// Imported returns the start of an imported session, or of an imported metric without a session.
func (z Zones) Imported(start LocalTime) Instant {
	if start.HasOffset {
		return start.At(start.Offset)
	}
	return z.first(start, func(Instant) bool { return true })
}

// MaxAhead is how far ahead of now an imported session may be dated. Where its zone is not known, it may be a day.
const MaxAhead = 24 * time.Hour

// NotAhead checks that an imported session is not dated ahead: it would be the last run until then. Clocks of other records may
// be set forward by a test. Fails with EInvalid.
func (r *Record) NotAhead(now time.Time) error {
	if r.Session == nil {
		return nil
	}
	start := r.Session.Start
	if !r.Placed() {
		date, err := ParseTime(r.Session.RunDate)
		if err != nil {
			return err
		}
		start = date.At(date.Offset)
	}
	wrong := fields{}
	if start.Time().After(now.Add(MaxAhead)) {
		wrong["run_date"] = "expected a date that is at most a day ahead"
	}
	return invalid("session", wrong)
}

// ImportedMetric returns the start of an imported metric of a session. The session may have been sent before, from another
// zone. So its offset counts, unless the zone agrees with it. Then the zone says whether clocks were changed since the session
// began.
func (z Zones) ImportedMetric(start LocalTime, session Clock) Instant {
	switch {
	case start.HasOffset:
		return start.At(start.Offset)
	case session.Wrong == 0 && offsetOf(session.Start, z.Fixed) == session.Start.Offset:
		return z.first(start, func(at Instant) bool { return !session.before(at) })
	}
	return session.At(start)
}

// first returns the first moment at which the clocks of the zone show t, and that is possible. In the night in which clocks go
// back, they show some times twice. Others they never show.
func (z Zones) first(t LocalTime, possible func(at Instant) bool) Instant {
	at := t.At(offsetAt(t, z.Fixed))
	const change = 3 * time.Hour // greater than any change of clocks
	for _, near := range [...]time.Duration{-change, change} {
		offset := offsetOf(Instant{UTC: at.UTC + near.Nanoseconds()}, z.Fixed)
		if moved := t.At(offset); offsetOf(moved, z.Fixed) == offset && possible(moved) {
			return moved
		}
	}
	return at
}

// offsetOf returns the offset of a zone at a moment.
func offsetOf(at Instant, zone *time.Location) int32 {
	_, offset := at.Time().In(zone).Zone()
	return int32(offset)
}
