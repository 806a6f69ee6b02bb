package sqlite_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// TestFrozenRunsAreOrderedByArrival has runs of which a test suite has set the date. The operator learns how wrong it is.
func TestFrozenRunsAreOrderedByArrival(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := sqlite.New(path, utcZones(), slog.New(slog.NewTextHandler(&log, nil)))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	dates := []string{"2020-01-01T00:00:00.9", "2020-01-01T00:00:00.5", "2026-11-22T12:30:00", "2020-01-01T00:00:00.1"}
	for i, date := range dates {
		s := process(date, arrival)
		s.RunDate = date
		rec := record(s)
		rec.Received = arrival.Add(time.Duration(i) * 15 * time.Minute)
		appendAll(t, db, rec)
		assert.Equal(t, date, s.RunDate, "the text as sent")
	}
	runs, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	require.Len(t, runs, 4)
	for i, run := range runs {
		assert.Equal(t, dates[3-i], run.ID)
		assert.Equal(t, arrival.Add(time.Duration(3-i)*15*time.Minute).UnixMicro(), run.Started/1000)
	}
	require.NoError(t, db.Close()) // it logs while it is open
	assert.Equal(t, 3, strings.Count(log.String(), "the date of a session is wrong"))
	assert.Contains(t, log.String(), "difference=60420h15m0s", "from the date to the arrival of the second session")
}

// elsewhere returns a metric of a test that shows the time in New York, in a session of UTC.
func elsewhere(item string, received time.Time) *monitor.Record {
	rec := record(measured("s1", item, arrival.Add(time.Minute-5*time.Hour)))
	rec.Received = received
	return rec
}

// TestClocksOfTestsAreLoggedOnce checks that a suite that changes the zone makes one line and not thousands.
func TestClocksOfTestsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	db := sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), utcZones(), slog.New(slog.NewTextHandler(&log, nil)))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(process("s1", arrival)), elsewhere("test_a", arrival.Add(61*time.Second)))
	appendAll(t, db, elsewhere("test_a", arrival.Add(61*time.Second)), elsewhere("test_b", arrival.Add(62*time.Second)))
	require.NoError(t, db.Close())
	assert.Equal(t, 1, strings.Count(log.String(), "the clock of a test is not the clock of its session"))
	assert.Contains(t, log.String(), "difference=5h0m0s")
}

// TestRepeatsAreFoundWhenTheirWrongTimeHasCome posts metrics again when the clock of their session shows the time that
// they had by a wrong clock. Then they look like new ones.
func TestRepeatsAreFoundWhenTheirWrongTimeHasCome(t *testing.T) {
	wrong := arrival.Add(10 * time.Hour)
	ahead := func(received time.Time) *monitor.Record { // a zone, since 10 hours are one
		rec := record(measured("s1", "test_a", wrong))
		rec.Received = received
		return rec
	}
	frozen := func(received time.Time) *monitor.Record {
		rec := record(measured("s1", "test_b", wrong.Add(7*time.Minute)))
		rec.Received = received
		return rec
	}
	soon := arrival.Add(time.Second)
	for _, tt := range []struct {
		name   string
		posted [][]*monitor.Record // in transactions
		again  *monitor.Record
	}{
		{"another zone", [][]*monitor.Record{{record(process("s1", arrival)), ahead(soon)}}, ahead(wrong.Add(time.Second))},
		{"another zone, before the session", [][]*monitor.Record{{ahead(soon)}, {record(process("s1", arrival))}}, ahead(wrong.Add(time.Second))},
		{"frozen", [][]*monitor.Record{{record(process("s1", arrival)), frozen(soon)}}, frozen(wrong.Add(7*time.Minute + time.Second))},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %t", tt.name, restart), func(t *testing.T) {
				db, path := newDB(t, utcZones())
				require.NoError(t, db.Open(t.Context()))
				for _, recs := range tt.posted {
					appendAll(t, db, copies(recs)...)
				}
				if restart {
					require.NoError(t, db.Close())
					db = dbAt(path, utcZones())
					require.NoError(t, db.Open(t.Context()))
				}
				rec := copies([]*monitor.Record{tt.again})[0]
				appendAll(t, db, rec)
				assert.True(t, rec.Repeat)
				assert.WithinDuration(t, arrival, rec.Metric.At.Time(), time.Second)
				require.NoError(t, db.Close())
			})
		}
	}
}

// TestOutcomesOfWrongClocksLieInTheirSession checks that outcomes follow the rules of metrics.
func TestOutcomesOfWrongClocksLieInTheirSession(t *testing.T) {
	db, _ := openNew(t)
	rec := record(became("s1", "tests/test_shop.py::test_pay", arrival.AddDate(-6, 0, 0)))
	rec.Received = arrival.Add(time.Minute)
	appendAll(t, db, record(process("s1", arrival)), rec)
	assert.WithinDuration(t, rec.Received, rec.Outcome.At.Time(), time.Second)
}
