package harness

import (
	"database/sql"
	"math"
	"testing"

	_ "modernc.org/sqlite" // reads the plugin's own files
)

// PymonMetric is a row of TEST_METRICS as the plugin stored it. Texts are byte strings. == compares two rows.
type PymonMetric struct {
	SessionH, ContextH, ItemStartTime, ItemPath, Item, ItemVariant, ItemFSLoc, Kind, Component string

	TotalTime, UserTime, KernelTime, CPUUsage, MemUsage float64
}

// PymonSession is a row of TEST_SESSIONS.
type PymonSession struct {
	SessionH, RunDate, ScmRef, Description string
}

// PymonContext is a row of EXECUTION_CONTEXTS.
type PymonContext struct {
	H            string
	CPUCount     int64
	CPUFrequency float64
	CPUType      string
	CPUVendor    string
	RAMTotal     int64
	MachineNode  string
	MachineType  string
	MachineArch  string
	SystemInfo   string
	PythonInfo   string
}

// Pymon is the content of a `.pymon` file, in the order of storing.
type Pymon struct {
	Metrics  []PymonMetric
	Sessions []PymonSession
	Contexts []PymonContext
}

// ReadPymon reads a `.pymon` file of pytest-monitor 1.1 or newer.
func ReadPymon(tb testing.TB, path string) Pymon {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	return readTables(tb, db, " ORDER BY rowid")
}

// Stored reads the records in a bridge's data directory, in no order. It uses the views with the plugin's names. A bridge
// may use the directory meanwhile. An absent measurement is NaN.
func Stored(tb testing.TB, data string) Pymon {
	tb.Helper()
	db := openJournal(tb, data, "mode=ro")
	defer func() { _ = db.Close() }() // nothing was written
	return readTables(tb, db, "")
}

func readTables(tb testing.TB, db *sql.DB, order string) Pymon {
	tb.Helper()
	var p Pymon
	// A blob also has the bytes after a NUL. A text does not.
	each(tb, db, `SELECT CAST(SESSION_H AS BLOB), CAST(ENV_H AS BLOB), CAST(ITEM_START_TIME AS BLOB),
		CAST(ITEM_PATH AS BLOB), CAST(ITEM AS BLOB), CAST(ITEM_VARIANT AS BLOB), CAST(ITEM_FS_LOC AS BLOB),
		CAST(KIND AS BLOB), CAST(COALESCE(COMPONENT, '') AS BLOB),
		TOTAL_TIME, USER_TIME, KERNEL_TIME, CPU_USAGE, MEM_USAGE FROM TEST_METRICS`+order,
		func(r *sql.Rows) error {
			p.Metrics = append(p.Metrics, PymonMetric{})
			m := &p.Metrics[len(p.Metrics)-1]
			return r.Scan(&m.SessionH, &m.ContextH, &m.ItemStartTime, &m.ItemPath, &m.Item, &m.ItemVariant,
				&m.ItemFSLoc, &m.Kind, &m.Component, absent{&m.TotalTime}, absent{&m.UserTime}, absent{&m.KernelTime},
				absent{&m.CPUUsage}, absent{&m.MemUsage})
		})
	each(tb, db, `SELECT SESSION_H, RUN_DATE, COALESCE(SCM_ID, ''), CAST(RUN_DESCRIPTION AS BLOB) FROM TEST_SESSIONS`+order,
		func(r *sql.Rows) error {
			p.Sessions = append(p.Sessions, PymonSession{})
			s := &p.Sessions[len(p.Sessions)-1]
			return r.Scan(&s.SessionH, &s.RunDate, &s.ScmRef, &s.Description)
		})
	each(tb, db, `SELECT ENV_H, CPU_COUNT, CPU_FREQUENCY_MHZ, CPU_TYPE, COALESCE(CPU_VENDOR, ''), RAM_TOTAL_MB, MACHINE_NODE,
		MACHINE_TYPE, MACHINE_ARCH, SYSTEM_INFO, PYTHON_INFO FROM EXECUTION_CONTEXTS`+order,
		func(r *sql.Rows) error {
			p.Contexts = append(p.Contexts, PymonContext{})
			c := &p.Contexts[len(p.Contexts)-1]
			return r.Scan(&c.H, &c.CPUCount, &c.CPUFrequency, &c.CPUType, &c.CPUVendor, &c.RAMTotal, &c.MachineNode,
				&c.MachineType, &c.MachineArch, &c.SystemInfo, &c.PythonInfo)
		})
	return p
}

// absent scans a float; NULL becomes NaN.
type absent struct{ into *float64 }

// Scan implements [sql.Scanner].
func (a absent) Scan(v any) error {
	var f sql.NullFloat64
	if err := f.Scan(v); err != nil {
		return err
	}
	if *a.into = f.Float64; !f.Valid {
		*a.into = math.NaN()
	}
	return nil
}

func each(tb testing.TB, db *sql.DB, query string, scan func(*sql.Rows) error) {
	tb.Helper()
	rows, err := db.Query(query)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			tb.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
}
