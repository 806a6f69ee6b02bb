package monitor

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// Instant is a moment that was fixed once, at acceptance.
type Instant struct {
	UTC    int64 // nanoseconds since 1970-01-01T00:00:00Z; digits below a microsecond identify, see [PointTime]
	Offset int32 // the client's offset from UTC at that moment, in seconds east of Greenwich
}

// Time returns the moment in UTC to the microsecond.
func (i Instant) Time() time.Time { return time.UnixMicro(i.Micros()).UTC() }

// Micros returns the moment in whole microseconds since 1970 in UTC.
func (i Instant) Micros() int64 { return floorDiv(i.UTC, 1000) }

// LocalText returns the moment as Python's datetime.isoformat() prints it for the client's local clock, which is
// how pytest-monitor sends times: a fraction of six digits, or none when it is zero.
func (i Instant) LocalText() string {
	t := time.UnixMicro(i.Micros() + int64(i.Offset)*1e6).UTC()
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04:05.000000")
}

// Plus returns the moment so many seconds later, an absent number being none. A client may send any float: what would be
// after the last nanosecond there is becomes that one, and what would be before 1970 becomes its beginning.
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

// LocalTime is a date and time of day as a client wrote it: mostly without a zone.
type LocalTime struct {
	Micros    int64 // the clock's reading, in microseconds since 1970-01-01T00:00 on the same clock
	Offset    int32 // seconds east of Greenwich, if HasOffset
	HasOffset bool
}

// At returns the moment of a clock that is offset seconds ahead of UTC, without identifying nanoseconds.
func (t LocalTime) At(offset int32) Instant {
	return Instant{UTC: (t.Micros - int64(offset)*1e6) * 1000, Offset: offset}
}

// Dates are accepted from 1970 up to 2200: InfluxDB queries must name a range, and these are its ends.
const (
	minYear = 1970
	maxYear = 2199
)

var iso8601 = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})` +
	`(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$`)

// ParseTime reads an ISO 8601 date with an optional time of day, fraction and UTC offset, between 1970 and 2200.
// Digits below a microsecond are cut. The error is one sentence on what was expected.
func ParseTime(s string) (LocalTime, error) {
	date, fraction, zone, ok := splitISO8601(s)
	if !ok {
		return LocalTime{}, fmt.Errorf("expected an ISO 8601 date such as 2026-01-31T12:00:00.123456")
	}
	year, month, day, hour, minute, second := date[0], time.Month(date[1]), date[2], date[3], date[4], date[5]
	t := time.Date(year, month, day, hour, minute, second, fraction*1000, time.UTC)
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

// isoformat is what Python's datetime.isoformat() prints, which is what all clients send; a digit stands for any.
const isoformat = "0000-00-00T00:00:00.000000"

// splitISO8601 returns year to second, the microseconds, and the zone as written. The form that clients send is
// recognised without the pattern, which takes ten times as long.
func splitISO8601(s string) (date [6]int, micros int, zone string, ok bool) {
	if like(s, isoformat) || like(s, isoformat[:19]) {
		date = [6]int{atoi(s[:4]), atoi(s[5:7]), atoi(s[8:10]), atoi(s[11:13]), atoi(s[14:16]), atoi(s[17:19])}
		if len(s) == len(isoformat) {
			micros = atoi(s[20:])
		}
		return date, micros, "", true
	}
	m := iso8601.FindStringSubmatch(s)
	if m == nil {
		return date, 0, "", false
	}
	for i := range date {
		date[i] = atoi(m[1+i])
	}
	return date, atoi((m[7] + "000000")[:6]), m[8], true
}

// like says whether s has the digits and separators of a form.
func like(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (form[i] == '0') || !digit && s[i] != form[i] {
			return false
		}
	}
	return true
}

// atoi reads digits; nothing is 0.
func atoi(digits string) (n int) {
	for i := range len(digits) {
		n = 10*n + int(digits[i]-'0')
	}
	return n
}

// floorDiv divides rounding down, also for negative a.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
