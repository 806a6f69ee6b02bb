package monitor_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
)

func TestParseTime(t *testing.T) {
	utc := func(s string) int64 {
		at, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return at.UnixMicro()
	}
	tests := []struct {
		text   string
		micros int64
		offset int32
		zoned  bool
	}{
		{"2026-11-22T16:03:14.727395", utc("2026-11-22T16:03:14.727395Z"), 0, false},
		{"2026-11-22T16:36:00", utc("2026-11-22T16:36:00Z"), 0, false},
		{"2026-11-22 16:36:00", utc("2026-11-22T16:36:00Z"), 0, false},
		{"2026-11-22T16:36", utc("2026-11-22T16:36:00Z"), 0, false},
		{"2026-11-22", utc("2026-11-22T00:00:00Z"), 0, false},
		{"2021-02-09T13:48:58.5", utc("2021-02-09T13:48:58.5Z"), 0, false},
		{"2021-02-09T13:48:58.123456789", utc("2021-02-09T13:48:58.123456Z"), 0, false},
		{"2021-02-09T13:48:58Z", utc("2021-02-09T13:48:58Z"), 0, true},
		{"2021-02-09T13:48:58+05:30", utc("2021-02-09T13:48:58Z"), 19800, true},
		{"2021-02-09T13:48:58.25-0330", utc("2021-02-09T13:48:58.25Z"), -12600, true},
		{"2021-02-09T13:48:58+01", utc("2021-02-09T13:48:58Z"), 3600, true},
		{"1970-01-01T00:00:00", 0, 0, false},
		{"2199-12-31T23:59:59.999999", utc("2199-12-31T23:59:59.999999Z"), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := monitor.ParseTime(tt.text)
			require.NoError(t, err)
			assert.Equal(t, monitor.LocalTime{Micros: tt.micros, Offset: tt.offset, HasOffset: tt.zoned}, got)
		})
	}
	for _, text := range []string{"", "now", "2026", "2026-1-2", "2026-02-29", "2026-13-01", "2026-01-00", "2026-01-01T24:00:00",
		"2026-01-01T12:60", "2026-01-01T12:00:60", "2026-01-01T12:00:00.", "2026-01-01T12:00:00+24:00", "2026-01-01T12:00:00 ",
		"2026-01-01T1:00:00.1234567", "1969-12-31T23:59:59", "2200-01-01T00:00:00", "2200-01-01", "２０２６-01-01", "2026-01-01T12:00:00\n"} {
		_, err := monitor.ParseTime(text)
		assert.Error(t, err, "%q", text)
	}
}

// For every instant and every offset, ParseTime reads what LocalText prints.
func TestLocalTextIsIsoformat(t *testing.T) {
	assert.Equal(t, "1970-01-01T05:30:00", monitor.Instant{UTC: 321, Offset: 19800}.LocalText(), "no fraction when it is zero")
	assert.Equal(t, "1970-01-01T00:00:00.000020", monitor.Instant{UTC: 20_999}.LocalText())
	rapid.Check(t, func(t *rapid.T) {
		at := monitor.Instant{
			UTC:    rapid.Int64Range(86400e9, 7e18).Draw(t, "utc"),
			Offset: 900 * rapid.Int32Range(-48, 56).Draw(t, "offset"),
		}
		parsed, err := monitor.ParseTime(at.LocalText())
		require.NoError(t, err)
		got := parsed.At(at.Offset)
		assert.Equal(t, at.Micros(), got.Micros())
		assert.Equal(t, at.LocalText(), got.LocalText())
		assert.Equal(t, at.Micros(), at.Time().UnixMicro())
	})
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func local(t *testing.T, s string) monitor.LocalTime {
	t.Helper()
	l, err := monitor.ParseTime(s)
	require.NoError(t, err)
	return l
}

func TestZonesSession(t *testing.T) {
	const hour = int32(3600)
	kolkata := hour*5 + 1800
	arrival := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		zones  monitor.Zones
		date   string
		last   *int32
		offset int32
	}{
		{"UTC client", monitor.Zones{Server: time.UTC}, "2026-11-22T11:59:59.9", nil, 0},
		{"Kolkata", monitor.Zones{Server: time.UTC}, "2026-11-22T17:29:59.9", nil, kolkata},
		{"New York", monitor.Zones{Server: zone(t, "Asia/Kolkata")}, "2026-11-22T06:59:59.5", nil, -5 * hour},
		{"Kathmandu", monitor.Zones{Server: time.UTC}, "2026-11-22T17:44:59.5", nil, hour*5 + 2700},
		{"furthest east", monitor.Zones{Server: time.UTC}, "2026-11-23T02:00:00", nil, 14 * hour},
		{"furthest west", monitor.Zones{Server: time.UTC}, "2026-11-22T00:00:00", nil, -12 * hour},
		{"the server's zone, although late", monitor.Zones{Server: time.UTC}, "2026-11-22T11:55:30", nil, 0},
		{"the clock is ahead", monitor.Zones{Server: time.UTC}, "2026-11-22T12:04:00", nil, 0},
		{"late in another zone", monitor.Zones{Server: time.UTC}, "2026-11-22T17:26:00", nil, kolkata},
		{"13 minutes late is no zone, so the project's last offset", monitor.Zones{Server: time.UTC}, "2026-11-22T11:47:00", &kolkata, kolkata},
		{"13 minutes late is no zone, so the server's", monitor.Zones{Server: zone(t, "Europe/Paris")}, "2026-11-22T11:47:00", nil, hour},
		{"imported years later", monitor.Zones{Server: zone(t, "Europe/Paris")}, "2021-07-01T11:47:00", nil, 2 * hour},
		{"fixed zone", monitor.Zones{Server: time.UTC, Fixed: zone(t, "America/New_York")}, "2026-07-01T12:00:00", nil, -4 * hour},
		{"offset in the text", monitor.Zones{Server: time.UTC, Fixed: time.UTC}, "2026-07-01T12:00:00+09:00", nil, 9 * hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.offset, tt.zones.Session(local(t, tt.date), arrival, tt.last).Offset)
		})
	}
}

func TestZonesOrphan(t *testing.T) {
	utc := monitor.Zones{Server: time.UTC}
	arrival := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	assert.Equal(t, int32(19800), utc.Orphan(local(t, "2026-11-22T17:00:00"), 1800, arrival, nil).Offset, "a test of half an hour")
	assert.Equal(t, arrival.Add(-time.Second), utc.Orphan(local(t, "2020-01-01T00:00:00"), 1, arrival, nil).Time(), "frozen")
	assert.Equal(t, int32(0), utc.Orphan(local(t, "2026-11-22T11:59:59"), 1e300, arrival, nil).Offset, "absurd durations count as 0")
}

func TestPlusStaysWithinTheRange(t *testing.T) {
	const start = 1_800_000_000_000_000_321
	for _, tt := range []struct {
		utc     int64
		seconds float64
		want    int64
	}{
		{start, 0.25, start + 250_000_000},
		{start, -1.5, start - 1_500_000_000},
		{start, 0, start},
		{start, math.NaN(), start},
		{start, 7e9, start + 7_000_000_000_000_000_000},
		{start, 7.5e9, math.MaxInt64},
		{start, math.MaxFloat64, math.MaxInt64},
		{start, math.Inf(1), math.MaxInt64},
		{start, -1e10, 0},
		{start, -math.MaxFloat64, 0},
		{start, math.Inf(-1), 0},
		{-3_600_000_000_000, 0, -3_600_000_000_000}, // midnight of the first day, an hour east of Greenwich
		{-3_600_000_000_000, 2, -3_598_000_000_000},
		{-3_600_000_000_000, math.MaxFloat64, math.MaxInt64},
	} {
		got := monitor.Instant{UTC: tt.utc, Offset: 3600}.Plus(tt.seconds)
		assert.Equal(t, monitor.Instant{UTC: tt.want, Offset: 3600}, got, "%d and %v s", tt.utc, tt.seconds)
	}
}
