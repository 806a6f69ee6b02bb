package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// contentOf returns everything that records say, without what belongs to one file. Contexts arrive when they are imported.
func contentOf(t *testing.T, db *sqlite.DB) (all []string) {
	t.Helper()
	seen := map[string]bool{}
	pending, err := db.Next(t.Context(), "elsewhere", 0, 1000)
	require.NoError(t, err)
	for _, p := range pending {
		received := p.Received
		if p.Context != nil {
			received = time.Time{}
		}
		if p.Session != nil {
			p.Session.Imported = true
			p.Session.Start.UTC = p.Session.Start.Micros() // what is below is that of the project
		}
		line := fmt.Sprintf("%s %+v %+v %+v %+v %+v %v", p.Project, p.Context, p.Session, p.Metric, p.Outcome, p.Pinned, received)
		if p.Session == nil || !seen[line] { // a session that has ended is there twice
			all = append(all, line)
		}
		seen[line] = true
	}
	return all
}

// TestABridgesFileIsImportedAsItIs holds for a file that was closed, for one with a log beside it, and for one that nobody can
// write to.
func TestABridgesFileIsImportedAsItIs(t *testing.T) {
	for _, kind := range []string{"closed", "with a log", "read-only"} {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			from := at(path)
			require.NoError(t, from.Open(t.Context()))
			fill(t, from)
			appendAll(t, from, record(ended("run0", arrival, "-x")))
			if kind == "with a log" {
				t.Cleanup(func() { assert.NoError(t, from.Close()) })
			} else {
				require.NoError(t, from.Close())
			}
			db := open(t, at(copyWithLog(t, path)))
			want := contentOf(t, db)
			if kind == "read-only" {
				require.NoError(t, os.Chmod(filepath.Dir(path), 0o500))
				t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
			}
			before := filesIn(t, filepath.Dir(path))
			recs, skipped := readSource(t, path)
			assert.Empty(t, skipped)
			assert.Len(t, recs, len(want), "each is read once, also a session that has ended")
			into, _ := openNew(t)
			assert.Equal(t, len(want), importAll(t, into, path))
			assert.Equal(t, want, contentOf(t, into))
			assert.Zero(t, importAll(t, into, path), "twice is no more than once")
			assert.Zero(t, importAll(t, db, path), "its own records are there")
			assert.Equal(t, before, filesIn(t, filepath.Dir(path)), "the file stays as it is")
			tokens, err := into.Tokens(t.Context())
			require.NoError(t, err)
			assert.Empty(t, tokens.Valid)
			letters, err := into.DeadLetters(t.Context(), "", 10)
			require.NoError(t, err)
			assert.Empty(t, letters)
		})
	}
}

// TestAFileOfVersion1IsImported makes a file as the first version did.
func TestAFileOfVersion1IsImported(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := at(path)
	db.KnowVersions(1)
	require.NoError(t, db.Open(t.Context()))
	require.NoError(t, db.Close())
	file := raw(t, path)
	for _, statement := range []string{
		"INSERT INTO hashes VALUES (1, 's1', 'shop'), (2, 'machine', 'shop')",
		`INSERT INTO sessions VALUES (1, 1, 'shop', '2026-11-22T12:00:00', 'c0ffee', '', '10.0.0.1', 1763812800000000000, 3600, 's1', 1, '', '', '', 0, 0, '', '', 5)`,
		"INSERT INTO series VALUES (1, 'shop', '', 'tests', 'a', 'a', 'function')",
		"INSERT INTO locations VALUES (1, 'a.py')",
		"INSERT INTO metrics VALUES (2, 1, 1, 2, 1, 1763812801000000000, 3600, 5, 0.5, 0.25, 0.0, 0.5, NULL)",
		"UPDATE sequence SET last = 2",
	} {
		_, err := file.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	into, _ := openNew(t)
	assert.Equal(t, 2, importAll(t, into, path))
	assert.Equal(t, 1, versionOf(t, path), "the file stays as it is")
	s, err := into.Session(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.Equal(t, int32(3600), s.Start.Offset)
}

// TestWhatIsNoFileToImport holds that each fault is named, with what was expected.
func TestWhatIsNoFileToImport(t *testing.T) {
	dir, changed := t.TempDir(), 0
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	made := func(statements ...string) string {
		return pymonFile(t, func(exec func(string, ...any)) {
			for _, statement := range statements {
				exec(statement)
			}
		})
	}
	cut := func(path string, change func(content []byte) []byte) string {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		changed++
		return write(fmt.Sprint("changed", changed), string(change(content)))
	}
	overwritten := func(from, to int) func([]byte) []byte {
		return func(b []byte) []byte { copy(b[from:to], strings.Repeat("\xa5", to-from)); return b }
	}
	dangling := closedFile(t)
	_, err := raw(t, dangling).Exec("PRAGMA foreign_keys = off; DELETE FROM series WHERE id = 3")
	require.NoError(t, err)
	for name, tt := range map[string]struct{ path, want string }{
		"missing":         {filepath.Join(dir, "none"), "does not exist: expected a .pymon file or a bridge's file"},
		"a directory":     {dir, "is a directory: expected a .pymon file or a bridge's file"},
		"empty":           {write("empty", ""), "is no SQLite file"},
		"text":            {write("text", "hello"), `is no SQLite file, it begins with "hello"`},
		"another program": {made("DROP TABLE TEST_METRICS", "DROP TABLE TEST_SESSIONS", "DROP TABLE EXECUTION_CONTEXTS"), "is the SQLite file of another program"},
		"no table":        {made("DROP TABLE EXECUTION_CONTEXTS"), "has no table EXECUTION_CONTEXTS"},
		"no sessions":     {made("DROP TABLE TEST_SESSIONS"), "has no table TEST_SESSIONS"},
		"no column":       {made("ALTER TABLE TEST_METRICS DROP COLUMN MEM_USAGE"), "has no column TEST_METRICS.MEM_USAGE"},
		"a view": {made("ALTER TABLE TEST_METRICS RENAME TO old", "CREATE VIEW Test_Metrics AS SELECT * FROM old"),
			"TEST_METRICS is a view: expected a table"},
		"without rowids": {made("DROP TABLE TEST_SESSIONS", "CREATE TABLE TEST_SESSIONS (SESSION_H TEXT PRIMARY KEY, RUN_DATE, SCM_ID, RUN_DESCRIPTION) WITHOUT ROWID"),
			"TEST_SESSIONS is a table without row ids: expected a table"},
		"a computed column": {made("ALTER TABLE TEST_SESSIONS RENAME TO old", `CREATE TABLE TEST_SESSIONS (SESSION_H TEXT, RUN_DATE TEXT, SCM_ID TEXT,
			RUN_DESCRIPTION TEXT AS (printf('%.*c', 1000000000, 'x')))`), "TEST_SESSIONS.RUN_DESCRIPTION is computed: expected a table"},
		"a rowid of its own": {made("ALTER TABLE TEST_SESSIONS RENAME TO old", "CREATE TABLE TEST_SESSIONS AS SELECT *, '' AS RowId FROM old"), "TEST_SESSIONS has a column ROWID: expected a table"},
		"a newer bridge":     {made("PRAGMA application_id = 0x70796d6e", "PRAGMA user_version = 99"), "was written by a newer pymon-bridge: it has version 99"},
		"cut off":            {cut(generationC, func(b []byte) []byte { return b[:len(b)/2] }), "is damaged"},
		"a page is gone":     {cut(generationC, overwritten(8192, 12288)), "is damaged"},
		"a lost page":        {cut(generationC, losePage), "never used"},
		"the schema":         {cut(generationC, overwritten(100, 4096)), "is damaged"},
		"a bridge's file":    {cut(closedFile(t), func(b []byte) []byte { return b[:len(b)/2] }), "is damaged"},
		"a row is dangling":  {dangling, "is damaged: metrics has a row without its series"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := source(t, tt.path)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, tt.path)
		})
	}
}

func TestColumnsOfALaterVersionDoNotMatter(t *testing.T) {
	recs, skipped := readSource(t, pymonFile(t, func(exec func(string, ...any)) {
		exec("ALTER TABLE TEST_METRICS ADD COLUMN TEST_PASSED boolean")
		addRow(exec, "TEST_PASSED", true)
	}))
	assert.Empty(t, skipped)
	assert.Len(t, recs, 1)
}

// TestAFileThatIsWrittenToIsRefused holds that nothing is imported that fits nothing else.
func TestAFileThatIsWrittenToIsRefused(t *testing.T) {
	path := pymonFile(t, func(exec func(string, ...any)) { addRow(exec) })
	s, err := source(t, path)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path, arrival, arrival))
	err = s.Read(t.Context(), 10, func([]*monitor.Record) error { return nil }, func(string) {})
	require.ErrorContains(t, err, " changed while it was read")
}

// losePage adds a page that no table has, as if one had lost it. Only a check of the whole file sees that.
func losePage(file []byte) []byte {
	const page, count = 4096, 28 // the size of a page, and where the header has their number
	file = append(file, make([]byte, page)...)
	binary.BigEndian.PutUint32(file[count:], uint32(len(file)/page))
	return file
}

// copyWithLog copies a file with its log, if it has one.
func copyWithLog(t *testing.T, path string) string {
	t.Helper()
	to := copyOf(t, path)
	if log, err := os.ReadFile(path + "-wal"); err == nil {
		require.NoError(t, os.WriteFile(to+"-wal", log, 0o600))
	}
	return to
}

// filesIn returns the content of the files of a directory by name, without locks and indexes of logs.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), "-shm") || strings.HasSuffix(entry.Name(), ".lock") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		all[entry.Name()] = string(content)
	}
	return all
}

// TestWhatNoBridgeDecidesIsSkipped holds for a file that somebody changed, as for the rows of `POST /import/`.
func TestWhatNoBridgeDecidesIsSkipped(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := at(path)
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(machine("machine")), record(process("s1", arrival)), record(process("s2", arrival)))
	require.NoError(t, db.Close())
	file := raw(t, path)
	_, err := file.Exec("UPDATE sessions SET run = '' WHERE seq = 2; UPDATE contexts SET env = ''")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	recs, skipped := readSource(t, path)
	assert.Len(t, recs, 1)
	assert.Equal(t, map[string]int{"session: run: expected a non-empty text": 1, "context: env: expected a non-empty text": 1}, skipped)
}
