package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/sqlite"
)

// TestASessionThatIsDatedAheadIsSkipped holds for a file of pytest-monitor and for one of a bridge, with what the session measured.
// A test that sets the clock forward is a test of its session.
func TestASessionThatIsDatedAheadIsSkipped(t *testing.T) {
	now := time.Now()
	starts := map[string]time.Time{"old": now.AddDate(-1, 0, 0), "zone": now.Add(14 * time.Hour), "ahead": now.AddDate(1, 0, 0)}
	ofPytest := pymonFile(t, func(exec func(string, ...any)) {
		for h, start := range starts {
			exec("INSERT INTO TEST_SESSIONS VALUES (?, ?, NULL, '{}')", h, local(start, 0))
			exec("INSERT INTO TEST_METRICS VALUES (?, 'm', ?, 'tests', 'a', 'a', 'a.py', 'function', '', 1, 1, 0, 1, 1)", h, local(start, time.Minute))
		}
		exec("INSERT INTO TEST_METRICS VALUES ('old', 'm', '2190-01-01T00:00:00', 'tests', 'b', 'b', 'a.py', 'function', '', 1, 1, 0, 1, 1)")
	})
	ofBridge := filepath.Join(t.TempDir(), sqlite.FileName)
	db := at(ofBridge)
	require.NoError(t, db.Open(t.Context()))
	for h, start := range starts {
		s, m := imported(process(h, start), time.UTC), imported(measured(h, "a", start.Add(time.Minute)), time.UTC)
		appendAll(t, db, s, m)
	}
	appendAll(t, db, imported(measured("old", "b", now.AddDate(100, 0, 0)), time.UTC))
	require.NoError(t, db.Close())
	for _, path := range []string{ofPytest, ofBridge} {
		recs, skipped := readSource(t, path)
		assert.Equal(t, map[string]int{"session: run_date: expected a date that is at most a day ahead": 1,
			"metric: session_h: expected a session whose date is at most a day ahead": 1}, skipped)
		var got []string
		for _, rec := range recs {
			if rec.Session != nil {
				got = append(got, rec.Session.SessionH)
			} else if rec.Metric != nil {
				got = append(got, fmt.Sprint(rec.Metric.SessionH, " ", rec.Metric.Item))
			}
		}
		assert.ElementsMatch(t, []string{"old", "zone", "old a", "zone a", "old b"}, got)
	}
}
