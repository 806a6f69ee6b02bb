package monitor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestParseZone(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]int{"Asia/Kolkata": 19800, "UTC": 0, "+05:30": 19800, "-03": -10800, "+0545": 20700, "+14:00": 50400} {
		z, err := monitor.ParseZone(name)
		require.NoError(t, err, name)
		_, got := time.Date(2026, 1, 2, 0, 0, 0, 0, z).Zone()
		assert.Equal(t, offset, got, name)
	}
	for _, name := range []string{"", "Mars/Base", "+15:00", "-1", "+5:30", "+05:30x", "../etc/passwd", "CETX"} {
		_, err := monitor.ParseZone(name)
		assert.EqualError(t, err, "expected a name of the IANA database such as Europe/Paris, or an offset such as +05:30", name)
	}
}

// TestImportedTimesOfANightWhenClocksChange holds for times that the clocks of Paris show twice, or never.
func TestImportedTimesOfANightWhenClocksChange(t *testing.T) {
	t.Parallel()
	zones := monitor.Zones{Server: time.UTC}.Importing(zone(t, "Europe/Paris"))
	for text, want := range map[string]string{
		"2026-10-25T02:30:00":       "2026-10-25T00:30:00Z", // the first of two
		"2026-10-25T03:30:00":       "2026-10-25T02:30:00Z",
		"2026-03-29T02:30:00":       "2026-03-29T00:30:00Z", // never
		"2026-03-29T03:30:00":       "2026-03-29T01:30:00Z",
		"2026-10-25T02:30:00+05:00": "2026-10-24T21:30:00Z",
	} {
		local, err := monitor.ParseTime(text)
		require.NoError(t, err)
		assert.Equal(t, want, zones.Imported(local).Time().Format(time.RFC3339), text)
	}
}
