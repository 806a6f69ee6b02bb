package monitor

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// Instant is a moment. It is decided once, at acceptance.
type Instant struct {
	UTC    int64 // nanoseconds since 1970-01-01T00:00:00Z; for the digits below a microsecond see [PointTime]
	Offset int32 // offset of the client's clock from UTC at that moment, in seconds east of Greenwich
}

// Time returns the moment in UTC, rounded down to the microsecond.
func (i Instant) Time() time.Time { return time.UnixMicro(i.Micros()).UTC() }

// Micros returns the moment in whole microseconds since 1970 in UTC, rounded down.
func (i Instant) Micros() int64 { return floorDiv(i.UTC, 1000) }

// LocalText returns the moment on the client's clock as Python's datetime.isoformat() prints it. It has a fraction of
// six digits, or no fraction when it is zero. pytest-monitor sends times in this form.
func (i Instant) LocalText() string {
	t := time.UnixMicro(i.Micros() + int64(i.Offset)*1e6).UTC()
	if t.Nanosecond() == 0 {
		return t.Format(isoformat)
	}
	return t.Format(isoformat + ".000000")
}

// Plus returns the moment that is the given number of seconds later. An absent number counts as 0. A client may send any float. A moment
// after the last one that an int64 can hold becomes the last one. A moment before 1970 becomes the beginning of 1970.
func (i Instant) Plus(seconds float64) Instant {
	took := seconds * 1e9
	switch {
	case took >= math.MaxInt64, took > 0 && i.UTC > 0 && int64(took) > math.MaxInt64-i.UTC:
		i.UTC = math.MaxInt64
	case took < 0 && took <= -float64(i.UTC):
		i.UTC = 0
	case !math.IsNaN(took):
		i.UTC += int64(took)
	}
	return i
}

// LocalTime is a date and a time of day as a client sent them. Most clients send no offset from UTC.
type LocalTime struct {
	Micros    int64 // the time on the client's clock, in microseconds since 1970-01-01T00:00 on the same clock
	Offset    int32 // seconds east of Greenwich, if HasOffset
	HasOffset bool
}

// At returns the moment at which a clock with the given offset shows t. The digits below a microsecond are 0.
func (t LocalTime) At(offset int32) Instant {
	return Instant{UTC: (t.Micros - int64(offset)*1e6) * 1000, Offset: offset}
}

// Dates are accepted from 1970 to 2199. An InfluxDB query must name a range, and these years are its ends.
const (
	minYear = 1970
	maxYear = 2199
)

var iso8601 = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})` +
	`(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$`)

// ParseTime reads an ISO 8601 date from 1970 to 2199 with an optional time of day, fraction and UTC offset. It cuts off
// digits below a microsecond. The error says in one sentence what was expected.
func ParseTime(s string) (LocalTime, error) {
	if t, ok := parseIsoformat(s); ok {
		return t, nil
	}
	m := iso8601.FindStringSubmatch(s)
	if m == nil {
		return LocalTime{}, fmt.Errorf("expected an ISO 8601 date such as 2026-01-31T12:00:00.123456")
	}
	year, month, day, hour, minute, second := atoi(m[1]), time.Month(atoi(m[2])), atoi(m[3]), atoi(m[4]), atoi(m[5]), atoi(m[6])
	micros, zone := atoi((m[7] + "000000")[:6]), m[8]
	t := time.Date(year, month, day, hour, minute, second, micros*1000, time.UTC)
	if t.Month() != month || t.Day() != day || hour > 23 || minute > 59 || second > 59 {
		return LocalTime{}, fmt.Errorf("expected a date and time of day that exist")
	}
	if year < minYear || year > maxYear {
		return LocalTime{}, fmt.Errorf("expected a date from %d to %d", minYear, maxYear)
	}
	local := LocalTime{Micros: t.UnixMicro(), HasOffset: zone != ""}
	if len(zone) > 1 {
		digits := strings.ReplaceAll(zone[1:], ":", "") + "00"
		hours, minutes := atoi(digits[:2]), atoi(digits[2:4])
		if hours > 23 || minutes > 59 {
			return LocalTime{}, fmt.Errorf("expected a UTC offset below 24 hours")
		}
		local.Offset = int32(hours*3600 + minutes*60)
		if zone[0] == '-' {
			local.Offset = -local.Offset
		}
	}
	return local, nil
}

// isoformat is the form that Python's datetime.isoformat() prints, with a fraction or without, and all clients send.
const isoformat = "2006-01-02T15:04:05"

// parseIsoformat reads this form in a tenth of the time that the regular expression takes. ok is false for everything else.
func parseIsoformat(s string) (_ LocalTime, ok bool) {
	if len(s) != len(isoformat) && len(s) != len(isoformat+".000000") || s[len("2006-01-02T15")] != ':' {
		return LocalTime{}, false
	}
	t, err := time.Parse(isoformat, s)
	return LocalTime{Micros: t.UnixMicro()}, err == nil && t.Year() >= minYear && t.Year() <= maxYear
}

// atoi reads a number of digits. An empty text is 0.
func atoi(digits string) (n int) {
	for i := range len(digits) {
		n = 10*n + int(digits[i]-'0')
	}
	return n
}

// floorDiv divides and rounds down, also for negative a.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
