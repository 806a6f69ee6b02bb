package monitor

import (
	"fmt"
	"regexp"
	"strconv"
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
	`(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?)?$`)

// ParseTime reads an ISO 8601 date with an optional time of day, fraction and UTC offset, between 1970 and 2200.
// Digits below a microsecond are cut. The error is one sentence on what was expected.
func ParseTime(s string) (LocalTime, error) {
	m := iso8601.FindStringSubmatch(s)
	if m == nil {
		return LocalTime{}, fmt.Errorf("expected an ISO 8601 date such as 2026-01-31T12:00:00.123456")
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v } // the pattern has only digits there
	micros, _ := strconv.Atoi((m[7] + "000000")[:6])
	t := time.Date(n(1), time.Month(n(2)), n(3), n(4), n(5), n(6), micros*1000, time.UTC)
	if t.Month() != time.Month(n(2)) || t.Day() != n(3) || n(4) > 23 || n(5) > 59 || n(6) > 59 {
		return LocalTime{}, fmt.Errorf("expected a date and time of day that exist")
	}
	if n(1) < minYear || n(1) > maxYear {
		return LocalTime{}, fmt.Errorf("expected a date from %d to %d", minYear, maxYear)
	}
	local := LocalTime{Micros: t.UnixMicro(), HasOffset: m[8] != "" || m[9] != ""}
	if m[9] != "" {
		if n(10) > 23 || n(11) > 59 {
			return LocalTime{}, fmt.Errorf("expected a UTC offset below 24 hours")
		}
		local.Offset = int32(n(10)*3600 + n(11)*60)
		if m[9] == "-" {
			local.Offset = -local.Offset
		}
	}
	return local, nil
}

// floorDiv divides rounding down, also for negative a.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
