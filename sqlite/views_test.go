package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

var pluginTables = map[string][]string{
	"TEST_SESSIONS": {"SESSION_H", "RUN_DATE", "SCM_ID", "RUN_DESCRIPTION"},
	"TEST_METRICS": {"SESSION_H", "ENV_H", "ITEM_START_TIME", "ITEM_PATH", "ITEM", "ITEM_VARIANT", "ITEM_FS_LOC",
		"KIND", "COMPONENT", "TOTAL_TIME", "USER_TIME", "KERNEL_TIME", "CPU_USAGE", "MEM_USAGE"},
	"EXECUTION_CONTEXTS": {"ENV_H", "CPU_COUNT", "CPU_FREQUENCY_MHZ", "CPU_TYPE", "CPU_VENDOR", "RAM_TOTAL_MB",
		"MACHINE_NODE", "MACHINE_TYPE", "MACHINE_ARCH", "SYSTEM_INFO", "PYTHON_INFO"},
}

// TestViewsEqualThePluginsOwnFile appends the records of `.pymon` files from real runs of pytest-monitor. Then it
// compares the views with the plugin's tables: every row and every value with its storage class.
func TestViewsEqualThePluginsOwnFile(t *testing.T) {
	for file, rows := range map[string]int{"gen-b-1.3.0-1.5.1.pymon": 41, "gen-c-1.6.6.pymon": 105} {
		t.Run(file, func(t *testing.T) {
			original := raw(t, copyOf(t, filepath.Join("testdata", file)))
			db, path := openNew(t)
			recs := recordsOf(t, original)
			appendAll(t, db, recs...)
			again := recordsOf(t, original)
			for _, rec := range again {
				rec.Received = arrival.Add(1000 * time.Hour)
			}
			appendAll(t, db, again...)
			for _, rec := range again {
				assert.True(t, rec.Repeat)
			}
			views := raw(t, path)
			for table, columns := range pluginTables {
				want, got := dump(t, original, table), dump(t, views, table)
				assert.Equal(t, columns, got[0])
				assert.Equal(t, want, got, table)
				if table == "TEST_METRICS" {
					assert.Len(t, got, 1+rows)
				}
			}
		})
	}
}

func TestViewsShowEachHashOnce(t *testing.T) {
	db, path := openNew(t)
	for _, project := range []string{"zoo", "art"} {
		c, s := record(machine("machine")), record(process("s1", arrival))
		c.Project, s.Project = project, project
		c.Context.MachineNode, s.Session.Description = project, project
		appendAll(t, db, c, s)
	}
	views := raw(t, path)
	var node, description string
	require.NoError(t, views.QueryRow("SELECT MACHINE_NODE FROM EXECUTION_CONTEXTS WHERE ENV_H = 'machine'").Scan(&node))
	require.NoError(t, views.QueryRow("SELECT RUN_DESCRIPTION FROM TEST_SESSIONS").Scan(&description))
	assert.Equal(t, []string{"zoo", "zoo"}, []string{node, description}, "the records that were accepted first")
	assert.Len(t, dump(t, views, "EXECUTION_CONTEXTS"), 2)
	assert.Len(t, dump(t, views, "TEST_SESSIONS"), 2)
}

func TestViewsRebuildTimes(t *testing.T) {
	db, path := openNew(t)
	texts := []string{
		"1970-01-01T00:00:00", "1970-01-01T00:00:00.000001", "2026-03-29T02:30:00.120000", "2199-12-31T23:59:59.999999",
		"1970-01-01T00:00:00.5+14:00", "2026-11-22 12:00:00", "2026-11-22",
	}
	for _, text := range texts {
		m := measured("s1", "test_a", arrival)
		m.ItemStartTime = text
		appendAll(t, db, record(m))
	}
	got := dump(t, raw(t, path), "TEST_METRICS")
	require.Len(t, got, 1+len(texts))
	for i, text := range texts {
		assert.Equal(t, "text:"+text, got[1+i][2])
	}
	for i, p := range next(t, db) {
		assert.Equal(t, texts[i], p.Metric.ItemStartTime)
	}
}

// dump returns the names of a table's columns, and then every row. Each value has its storage class before it.
func dump(t *testing.T, db *sql.DB, table string) [][]string {
	t.Helper()
	columns := pluginTables[table]
	query := "SELECT "
	for i, c := range columns {
		if i > 0 {
			query += ", "
		}
		query += c + ", typeof(" + c + ")"
	}
	rows, err := db.Query(query + " FROM " + table)
	require.NoError(t, err)
	defer rows.Close()
	all, err := db.Query("SELECT * FROM " + table + " LIMIT 0")
	require.NoError(t, err)
	defer all.Close()
	names, err := all.Columns()
	require.NoError(t, err)
	out := [][]string{names}
	for rows.Next() {
		values := make([]any, 2*len(columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		var row []string
		for i := range columns {
			row = append(row, fmt.Sprintf("%v:%v", values[2*i+1], values[2*i]))
		}
		out = append(out, row)
	}
	require.NoError(t, rows.Err())
	return out
}

// recordsOf reads a `.pymon` file as the records that its run would post.
func recordsOf(t *testing.T, file *sql.DB) []*monitor.Record {
	t.Helper()
	var recs []*monitor.Record
	read := func(query string, scan func(rows *sql.Rows) any) {
		rows, err := file.Query(query)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			recs = append(recs, record(scan(rows)))
		}
		require.NoError(t, rows.Err())
	}
	read("SELECT * FROM EXECUTION_CONTEXTS", func(rows *sql.Rows) any {
		c := new(monitor.Context)
		require.NoError(t, rows.Scan(&c.H, &c.CPUCount, &c.CPUFrequency, &c.CPUType, &c.CPUVendor.String, &c.RAMTotal,
			&c.MachineNode, &c.MachineType, &c.MachineArch, &c.SystemInfo, &c.PythonInfo))
		return c
	})
	read("SELECT * FROM TEST_SESSIONS", func(rows *sql.Rows) any {
		s := new(monitor.Session)
		require.NoError(t, rows.Scan(&s.SessionH, &s.RunDate, &s.ScmRef.String, &s.Description))
		return s
	})
	read("SELECT * FROM TEST_METRICS", func(rows *sql.Rows) any {
		m := new(monitor.Metric)
		require.NoError(t, rows.Scan(&m.SessionH, &m.ContextH, &m.ItemStartTime, &m.ItemPath, &m.Item, &m.ItemVariant,
			&m.ItemFSLoc, &m.Kind, &m.Component, &m.TotalTime, &m.UserTime, &m.KernelTime, &m.CPUUsage, &m.MemUsage))
		return m
	})
	return recs
}

// copyOf copies a file to a directory of the test, and returns the path of the copy.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	require.NoError(t, os.WriteFile(to, content, 0o600))
	return to
}
