package sqlite_test

import (
	"crypto/md5"
	"database/sql"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

const generationC = "testdata/gen-c-1.6.6.pymon"

// source opens a file to import it.
func source(t *testing.T, path string) (*sqlite.Source, error) {
	t.Helper()
	s, err := sqlite.OpenSource(t.Context(), path, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
	}
	return s, err
}

// readSource returns what a file has, and why records of it are skipped.
func readSource(t *testing.T, path string) (recs []*monitor.Record, skipped map[string]int) {
	t.Helper()
	s, err := source(t, path)
	require.NoError(t, err)
	skipped = map[string]int{}
	require.NoError(t, s.Read(t.Context(), 7, func(batch []*monitor.Record) error {
		assert.LessOrEqual(t, len(batch), 7)
		recs = append(recs, batch...)
		return nil
	}, func(reason string) { skipped[reason]++ }))
	return recs, skipped
}

// importAll stores what a file has in a project.
func importAll(t *testing.T, db *sqlite.DB, path string) (added int) {
	t.Helper()
	recs, skipped := readSource(t, path)
	require.Empty(t, skipped)
	for _, rec := range recs {
		if !rec.Placed() {
			rec.Project = "shop"
		}
	}
	appendAll(t, db, recs...)
	for _, rec := range recs {
		if !rec.Repeat {
			added++
		}
	}
	return added
}

// TestImportedFilesAreEqualRowByRow compares the plugin's own tables with the views of the same names.
func TestImportedFilesAreEqualRowByRow(t *testing.T) {
	for file, rows := range map[string]int{"gen-b-1.3.0-1.5.1.pymon": 41, "gen-c-1.6.6.pymon": 105} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join("testdata", file)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			db, to := openNew(t)
			assert.Positive(t, importAll(t, db, path))
			assert.Zero(t, importAll(t, db, path), "twice is no more than once")
			own, views := raw(t, path+"?mode=ro"), raw(t, to)
			for table := range pluginTables {
				assert.ElementsMatch(t, dump(t, own, table), dump(t, views, table), table)
			}
			assert.Len(t, dump(t, views, "TEST_METRICS"), 1+rows)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before, after, "the file stays as it is")
		})
	}
}

// TestImportOfVersion10 holds that rows without a session get one, and names as later versions write them.
func TestImportOfVersion10(t *testing.T) {
	recs, skipped := readSource(t, "testdata/gen-a-1.0.1.pymon")
	assert.Empty(t, skipped)
	require.Len(t, recs, 1+1+23)
	s := recs[1].Session
	assert.Equal(t, fmt.Sprintf("%x", md5.Sum([]byte("2026-11-22T16:39:41.595605"))), s.SessionH, "as later versions make it")
	names := map[[3]string]bool{}
	for _, rec := range recs[2:] {
		assert.Equal(t, s.SessionH, rec.Metric.SessionH)
		names[[3]string{rec.Metric.ItemPath, rec.Metric.Item, rec.Metric.ItemVariant}] = true
	}
	for _, name := range [][3]string{{"tests.test_c_classes", "test_param", "test_param[a]"}, {"tests", "test_c_classes", ""},
		{"test_flat_nopkg", "test_ok", "test_ok"}, {"", "test_flat_nopkg", ""}} {
		assert.True(t, names[name], name)
	}
	db, path := openNew(t)
	assert.Equal(t, len(recs), importAll(t, db, "testdata/gen-a-1.0.1.pymon"))
	assert.Zero(t, importAll(t, db, "testdata/gen-a-1.0.1.pymon"))
	measured := func(path string) (rows []string) {
		found, err := raw(t, path).Query(`SELECT ENV_H || ITEM_START_TIME || KIND || COMPONENT, TOTAL_TIME, USER_TIME, KERNEL_TIME,
			CPU_USAGE, MEM_USAGE FROM TEST_METRICS`)
		require.NoError(t, err)
		defer found.Close()
		for found.Next() {
			var text string
			var v [5]float64
			require.NoError(t, found.Scan(&text, &v[0], &v[1], &v[2], &v[3], &v[4]))
			rows = append(rows, fmt.Sprint(text, v))
		}
		return rows
	}
	assert.ElementsMatch(t, measured("testdata/gen-a-1.0.1.pymon?mode=ro"), measured(path))
}

// TestSessionsOfAFileAreRunsAsTheyWereLive holds for a run of pytest-xdist without a tag, and plain runs at short intervals.
func TestSessionsOfAFileAreRunsAsTheyWereLive(t *testing.T) {
	db, _ := openNew(t)
	path := pymonFile(t, func(exec func(string, ...any)) {
		session := func(h, second string) {
			exec("INSERT INTO TEST_SESSIONS VALUES (?, ?, 'c0ffee', '{}')", h, "2026-01-02T10:00:"+second)
		}
		// The rows and the sessions are in no order.
		addRow(exec, "ITEM_START_TIME", "2026-01-02T10:00:05", "SESSION_H", "plain", "TOTAL_TIME", 1.0)
		addRow(exec, "ITEM_START_TIME", "2026-01-02T10:00:32", "SESSION_H", "w1", "TOTAL_TIME", 9.0)
		addRow(exec, "ITEM_START_TIME", "2026-01-02T10:00:03", "SESSION_H", "plain", "TOTAL_TIME", 0.5)
		session("w2", "31.5")
		session("plain", "02")
		session("next", "07")
		session("controller", "30")
		session("w1", "31")
	})
	recs, _ := readSource(t, path)
	assert.Len(t, recs, 5+3, "each is read once")
	importAll(t, db, path)
	for session, run := range map[string]string{"plain": "plain", "next": "next", "controller": "controller", "w1": "controller", "w2": "controller"} {
		of, _, err := db.RunOf(t.Context(), "shop", session)
		require.NoError(t, err)
		assert.Equal(t, run, of, session)
	}
	assert.Zero(t, importAll(t, db, path))
}

func TestOddValuesOfAFile(t *testing.T) {
	const huge = 5 << 20
	for name, tt := range map[string]struct {
		column string
		value  any
		reason string // why the row is skipped; empty for a row that is imported
		want   any
	}{
		"NUL":             {"ITEM", "a\x00b", "", "a\x00b"},
		"a newline":       {"ITEM", "a\nb", "", "a\nb"},
		"lone surrogate":  {"ITEM", "a\xed\xb3\xbf", "", "a\xed\xb3\xbf"},
		"surrogate pair":  {"ITEM", "\xed\xa0\xbd\xed\xb8\x80", "metric: item: expected a text in UTF-8, got a text", nil},
		"Latin-1":         {"ITEM", "\xff", "metric: item: expected a text in UTF-8, got a text", nil},
		"bytes":           {"ITEM", []byte("a"), "metric: item: expected a text, got bytes", nil},
		"no text":         {"ITEM", nil, "metric: item: expected a text, got null", nil},
		"a huge text":     {"ITEM", strings.Repeat("x", huge), "metric: expected at most 4 MiB", nil},
		"no component":    {"COMPONENT", nil, "", ""},
		"no date":         {"ITEM_START_TIME", "yesterday", "metric: item_start_time: expected an ISO 8601 date such as 2026-01-31T12:00:00.123456", nil},
		"the year 1":      {"ITEM_START_TIME", "0001-01-01T00:00:00", "metric: item_start_time: expected a date from 1970 to 2199", nil},
		"not a number":    {"TOTAL_TIME", nil, "", math.NaN()},
		"infinity":        {"TOTAL_TIME", math.Inf(1), "", math.NaN()},
		"a whole number":  {"TOTAL_TIME", int64(3), "", 3.0},
		"a text":          {"TOTAL_TIME", "slow", "metric: total_time: expected a number, got a text", nil},
		"text of numbers": {"TOTAL_TIME", "0.5", "", 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			recs, skipped := readSource(t, pymonFile(t, func(exec func(string, ...any)) {
				addRow(exec, tt.column, tt.value)
				addRow(exec, "ITEM_START_TIME", "2026-01-02T00:00:00")
			}))
			if tt.reason != "" {
				assert.Equal(t, map[string]int{tt.reason: 1}, skipped)
				require.Len(t, recs, 1)
				return
			}
			assert.Empty(t, skipped)
			require.Len(t, recs, 2)
			m := recs[0].Metric
			got := map[string]any{"ITEM": m.Item, "COMPONENT": m.Component, "TOTAL_TIME": m.TotalTime}[tt.column]
			if f, ok := tt.want.(float64); ok {
				assert.True(t, monitor.SameFloat(f, got.(float64)), got)
				return
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestOddSessionsAndContextsOfAFile(t *testing.T) {
	recs, skipped := readSource(t, pymonFile(t, func(exec func(string, ...any)) {
		for i, description := range []any{`{"a": `, 2024, 1.5, nil, "é", `{"run": "7"}`} {
			exec("INSERT INTO TEST_SESSIONS VALUES (?, '2026-01-02T00:00:00', NULL, ?)", fmt.Sprint("s", i), description)
		}
		exec("INSERT INTO TEST_SESSIONS VALUES ('bad', 'soon', '', '{}')")
		exec("INSERT INTO TEST_SESSIONS VALUES ('many', '2026-01-02T00:00:00', '', ?)", tooMany())
		const context = "INSERT INTO EXECUTION_CONTEXTS VALUES (?, ?, NULL, NULL, NULL, 1.0, 'n', 't', 'a', 's', 'p')"
		exec(context, "c1", 8)
		exec(context, "c2", "eight")
	}))
	assert.Equal(t, map[string]int{"context: cpu_count: expected a whole number, got a text": 1,
		"session: run_date: expected an ISO 8601 date such as 2026-01-31T12:00:00.123456": 1,
		"session: description: expected at most 256 tags":                                 1}, skipped)
	var descriptions []string
	for _, rec := range recs[1:] {
		descriptions = append(descriptions, rec.Session.Description)
	}
	assert.Equal(t, []string{`{"a": `, "2024", "1.5", "", "é", `{"run": "7"}`}, descriptions)
	assert.Equal(t, int64(1), recs[0].Context.RAMTotal)
	assert.True(t, recs[1].Session.ScmRef.Null)
}

// tooMany returns a description with one tag more than a session may have.
func tooMany() string {
	tags := make([]string, monitor.MaxTags+1)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"t%d": ""`, i)
	}
	return "{" + strings.Join(tags, ", ") + "}"
}

// pymonFile makes a file with the tables of pytest-monitor 1.6.
func pymonFile(t *testing.T, fill func(exec func(query string, args ...any))) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".pymon")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	rows, err := raw(t, generationC+"?mode=ro").Query("SELECT sql FROM sqlite_schema WHERE type = 'table'")
	require.NoError(t, err)
	defer rows.Close()
	exec := func(query string, args ...any) {
		t.Helper()
		_, err := db.Exec(query, args...)
		require.NoError(t, err)
	}
	for rows.Next() {
		var statement string
		require.NoError(t, rows.Scan(&statement))
		exec(statement)
	}
	fill(exec)
	return path
}

// addRow adds a row of TEST_METRICS. columns are names and values that differ from the usual ones. A string with bytes that
// are no text in UTF-8 is stored as a text all the same.
func addRow(exec func(query string, args ...any), columns ...any) {
	row := map[string]any{"SESSION_H": "s1", "ENV_H": "c1", "ITEM_START_TIME": "2026-01-02T10:00:00", "ITEM_PATH": "tests.test_shop",
		"ITEM": "test_a", "ITEM_VARIANT": "test_a", "ITEM_FS_LOC": "tests/test_shop.py", "KIND": "function", "COMPONENT": "",
		"TOTAL_TIME": 0.25, "USER_TIME": 0.2, "KERNEL_TIME": 0.1, "CPU_USAGE": 1.2, "MEM_USAGE": 3.5}
	for i := 0; i < len(columns); i += 2 {
		row[columns[i].(string)] = columns[i+1]
	}
	var names []string
	var values []any
	for name, value := range row {
		names, values = append(names, name), append(values, value)
	}
	exec("INSERT INTO TEST_METRICS ("+strings.Join(names, ", ")+") VALUES (?"+strings.Repeat(", ?", len(names)-1)+")", values...)
}
