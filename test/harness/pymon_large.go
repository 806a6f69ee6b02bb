package harness

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// LargePymon makes a `.pymon` file with a session every six hours, each with the same tests. It returns its path.
func LargePymon(tb testing.TB, sessions, tests int) string {
	tb.Helper()
	return LargePymonFrom(tb, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), sessions, tests)
}

// LargePymonFrom makes such a file whose first session starts at a time.
func LargePymonFrom(tb testing.TB, start time.Time, sessions, tests int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), ".pymon")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(off)")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the last statement has told its errors
	tx, err := db.Begin()
	if err != nil {
		tb.Fatal(err)
	}
	exec := func(query string, args ...any) {
		if _, err := tx.Exec(query, args...); err != nil {
			tb.Fatal(err)
		}
	}
	exec(`CREATE TABLE TEST_SESSIONS (SESSION_H varchar(64) primary key, RUN_DATE varchar(64), SCM_ID varchar(128), RUN_DESCRIPTION json)`)
	exec(`CREATE TABLE EXECUTION_CONTEXTS (ENV_H varchar(64) primary key, CPU_COUNT integer, CPU_FREQUENCY_MHZ integer, CPU_TYPE varchar(64),
		CPU_VENDOR varchar(256), RAM_TOTAL_MB integer, MACHINE_NODE varchar(512), MACHINE_TYPE varchar(32), MACHINE_ARCH varchar(16),
		SYSTEM_INFO varchar(256), PYTHON_INFO varchar(512))`)
	exec(`CREATE TABLE TEST_METRICS (SESSION_H varchar(64), ENV_H varchar(64), ITEM_START_TIME varchar(64), ITEM_PATH varchar(4096),
		ITEM varchar(2048), ITEM_VARIANT varchar(2048), ITEM_FS_LOC varchar(2048), KIND varchar(64), COMPONENT varchar(512),
		TOTAL_TIME float, USER_TIME float, KERNEL_TIME float, CPU_USAGE float, MEM_USAGE float)`)
	exec(`INSERT INTO EXECUTION_CONTEXTS VALUES ('machine', 8, 2300, '', 'Intel', 32000, 'build-01', 'x86_64', '64bit',
		'Linux - 6.1.0', '3.11.7 (main)')`)
	row, err := tx.Prepare("INSERT INTO TEST_METRICS VALUES (?, 'machine', ?, ?, ?, ?, ?, 'function', 'shop', ?, ?, 0.01, 0.9, 3.5)")
	if err != nil {
		tb.Fatal(err)
	}
	for s := range sessions {
		at, h := start.Add(time.Duration(s)*6*time.Hour), fmt.Sprintf("%032x", s+1)
		exec("INSERT INTO TEST_SESSIONS VALUES (?, ?, ?, ?)", h, at.Format(Isoformat), fmt.Sprintf("%040x", s+1), `{"branch": "main"}`)
		for i := range tests {
			at = at.Add(50137 * time.Microsecond)
			seconds := 0.05 + float64((i*7919+s*104729)%1000)/1e5
			if _, err := row.Exec(h, at.Format(Isoformat), fmt.Sprint("tests.test_mod", i/20), fmt.Sprint("test_", i),
				fmt.Sprintf("test_%d[a, %d]", i, i%7), fmt.Sprintf("tests/test_mod%d.py", i/20), seconds, seconds*0.8); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
	return path
}
