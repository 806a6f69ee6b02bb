package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/sqlite"
)

// files returns the content of all files of a directory, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(b)
	}
	return all
}

func TestVerifyFindsNothingInASoundFile(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	fillAll(t, db)
	v := verified(t, path)
	assert.Empty(t, v.Findings)
	assert.True(t, v.Served)
	assert.EqualValues(t, 453, v.Records)
	left := killed(t, path)
	before := files(t, filepath.Dir(left))
	v = verified(t, left)
	assert.Empty(t, v.Findings)
	assert.False(t, v.Served)
	assert.EqualValues(t, 453, v.Records, "the records are in the log still")
	assert.Equal(t, before, files(t, filepath.Dir(left)), "nothing was changed")
	require.NoError(t, db.Close())
	assert.Empty(t, verified(t, path).Findings)
}

// A bridge that was stopped in its very first start has promised nothing, and the next start goes on. Other files without tables have
// lost what they had, or are copies that failed.
func TestVerifyTellsAFileOfAFirstStartFromALoss(t *testing.T) {
	t.Parallel()
	begun := filepath.Join(t.TempDir(), sqlite.FileName)
	first := dbAt(begun, utcZones())
	first.AddSchema("stop here")
	require.Error(t, first.Open(t.Context()))
	require.FileExists(t, begun)
	for name, tc := range map[string]struct {
		change func(path string) error
		want   string // empty: nothing is wrong
	}{
		"before it wrote to the file": {func(path string) error { return os.Truncate(path, 0) }, ""},
		"before the tables":           {func(string) error { return nil }, ""},
		"no lock":                     {func(path string) error { return os.Remove(path + ".lock") }, "it has no tables"},
		"no lock and no byte": {func(path string) error { return errors.Join(os.Remove(path+".lock"), os.Truncate(path, 0)) },
			"it has no tables"},
		"the lock says that it had content": {func(path string) error {
			return os.WriteFile(path+".lock", []byte("1\nthe file has content\n"), 0o600)
		}, "it has no tables"},
		"a log is left": {func(path string) error {
			return errors.Join(os.Truncate(path, 0), os.WriteFile(path+"-wal", []byte("x"), 0o600))
		}, "it is empty, but its log pymon.db-wal has 1 bytes"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, sqlite.FileName)
		require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Dir(begun))))
		require.NoError(t, tc.change(path))
		before := files(t, dir)
		v := verified(t, path)
		assert.Equal(t, before, files(t, dir), "%s: nothing was changed", name)
		if tc.want != "" {
			assert.Equal(t, []sqlite.Finding{{Where: "file", What: tc.want}}, v.Findings, name)
			assert.Empty(t, v.Notes, name)
			continue
		}
		assert.Empty(t, v.Findings, name)
		assert.Equal(t, []string{"The file is empty: the bridge was stopped before its first start was complete. The next start goes on."}, v.Notes, name)
		db := dbAt(path, utcZones())
		require.NoError(t, db.Open(t.Context()), name)
		require.NoError(t, db.Close())
		assert.Empty(t, verified(t, path).Notes, name)
	}
}

// TestVerifyNamesWhatIsWrong damages one thing at a time with SQL, where nothing but the programs's own rules is broken.
func TestVerifyNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	path := full(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for statement, want := range map[string]string{
		"UPDATE metrics SET utc_offset = 1 << 40 WHERE seq = 3":                           "record 3: it cannot be read",
		"UPDATE sessions SET exit_status = 'one' WHERE seq = 2":                           "record 2: it cannot be read",
		"DELETE FROM series WHERE id = (SELECT series FROM metrics WHERE seq = 5)":        "refers to a text or a session that is not in the file",
		"DELETE FROM locations WHERE id = (SELECT location FROM outcomes WHERE seq = 8)":  "refers to a text or a session that is not in the file",
		"UPDATE tallies SET metrics = metrics + 1 WHERE session = 2":                      "tallies: session 2",
		"DELETE FROM tallies WHERE session = 2":                                           "tallies: session 2",
		"UPDATE tallies SET total_time = total_time + 1 WHERE session = 2":                "tallies: session 2",
		"UPDATE outcome_tallies SET outcomes = 9 WHERE session = 2":                       "outcome_tallies: session 2",
		"DELETE FROM outcome_tallies WHERE session = 2":                                   "outcome_tallies: session 2",
		"UPDATE zone_maps SET total_time_max = 9.5 WHERE id = 1":                          "zone_maps: the map of zone 1 does not fit the metrics 64 to 127",
		"DELETE FROM zone_maps WHERE id = 2":                                              "zone_maps: the map of zone 2",
		"UPDATE destinations SET dead = 7":                                                "has 7 dead letters by its count, and 1 in the file",
		"UPDATE sequence SET last = 100":                                                  "sequence: the last number is 100",
		"UPDATE reports SET content = 'nonsense' WHERE version = 3":                       "report 3: decode a report",
		"UPDATE tags SET value = 'weekly' WHERE session = 2 AND position = 0":             "record 2: the tags of the session",
		"UPDATE tokens SET hash = x'01' WHERE id = 2":                                     "token 2: its hash has a wrong length",
		"INSERT INTO ends (seq, session) SELECT max(seq) + 1, 99999 FROM ends":            "refers to a text or a session that is not in the file",
		"UPDATE texts SET item_start_time = 3.5 WHERE seq = (SELECT min(seq) FROM texts)": "",
		"DROP TABLE texts": "no such table: texts",
	} {
		damaged := written(t, whole)
		_, err := raw(t, damaged).Exec(statement)
		require.NoError(t, err, statement)
		before := files(t, filepath.Dir(damaged))
		text := ""
		for _, f := range verified(t, damaged).Findings {
			text += f.String() + "\n"
		}
		if want != "" {
			assert.Contains(t, text, want, statement)
		}
		assert.Equal(t, before, files(t, filepath.Dir(damaged)), "nothing was changed")
	}
}

// TestVerifyFindsDamagedPages clears each page of a file in turn. What SQLite's check or the reading of records does not
// find is free, or lists free pages.
func TestVerifyFindsDamagedPages(t *testing.T) {
	path := full(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	p := placesOf(t, path)
	for page := 1; page <= p.pages; page += 13 {
		b := bytes.Clone(whole)
		clear(b[(page-1)*4096:][:4096])
		v := verified(t, written(t, b))
		if p.spill[page] == 0 && p.table[page] != "" {
			assert.NotEmpty(t, v.Findings, "page %d of %s", page, p.table[page])
		}
	}
	for _, b := range [][]byte{nil, []byte("no database"), whole[:len(whole)-4096], whole[:5000]} {
		assert.NotEmpty(t, verified(t, written(t, b)).Findings, "%d bytes", len(b))
	}
}

// Beside a bridge, a large table is not checked in one transaction. Numbers make a table large, and may have gaps.
func TestVerifyBesideABridgeReadsALargeTableInParts(t *testing.T) {
	path := full(t)
	exec := func(statements ...string) {
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		db.SetMaxOpenConns(1)
		for _, s := range statements {
			_, err := db.Exec(s)
			require.NoError(t, err, s)
		}
		require.NoError(t, db.Close())
	}
	exec("UPDATE sequence SET last = 60000")
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(measured("later", "test_later", arrival)))
	v := verified(t, path)
	assert.True(t, v.Served)
	assert.Empty(t, v.Findings)
	assert.EqualValues(t, 454, v.Records)
	require.NoError(t, db.Close())

	roots := map[string]int64{}
	for _, row := range valuesOf(t, raw(t, path), "SELECT name, rootpage FROM sqlite_schema WHERE name IN ('metrics_time', 'metrics_session')") {
		roots[row[0].(string)] = row[1].(int64)
	}
	exec("PRAGMA writable_schema = 1", fmt.Sprintf(`UPDATE sqlite_schema SET rootpage = CASE name WHEN 'metrics_time' THEN %d ELSE %d END
		WHERE name IN ('metrics_time', 'metrics_session')`, roots["metrics_session"], roots["metrics_time"]))
	open(t, dbAt(path, utcZones()))
	v = verified(t, path)
	assert.True(t, v.Served)
	assert.Contains(t, v.Findings, sqlite.Finding{Where: "metrics_session", What: "the index lacks record 3 of the table metrics"})
}

func TestVerifyReadsTheLog(t *testing.T) {
	c := crashed(t)
	for name, change := range map[string]func(log []byte) []byte{
		"":                             func(log []byte) []byte { return log },
		"whole transactions follow it": func(log []byte) []byte { log[32+4120+200] ^= 1; return log },
		"the header of its log":        func(log []byte) []byte { log[3] ^= 8; return log },
		"frames, and only":             func(log []byte) []byte { return log[:32+4120*(c.frames-2)] },
	} {
		path := filepath.Join(t.TempDir(), sqlite.FileName)
		for suffix, b := range c.files {
			if suffix == "-wal" {
				b = change(bytes.Clone(b))
			}
			require.NoError(t, os.WriteFile(path+suffix, b, 0o600))
		}
		v := verified(t, path)
		if name == "" {
			assert.Empty(t, v.Findings)
			continue
		}
		require.NotEmpty(t, v.Findings, name)
		assert.Equal(t, "log", v.Findings[0].Where)
		assert.Contains(t, v.Findings[0].What, name)
	}
}

// A bridge that serves a damaged file refuses everything. Its file can be verified and recovered meanwhile.
func TestADamagedFileIsRecoveredWhileItIsServed(t *testing.T) {
	path := full(t)
	var root int64
	require.NoError(t, raw(t, path).QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'metrics_time'").Scan(&root))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 100), (root-1)*4096)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	var log bytes.Buffer
	db := sqlite.New(path, utcZones(), slog.New(slog.NewTextHandler(&log, nil)))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	eventually(t, "the damage is found", func() bool { return !db.Health().OK })
	v := verified(t, path)
	assert.True(t, v.Served)
	assert.NotEmpty(t, v.Findings)
	result, into, err := recovered(t, path)
	require.NoError(t, err)
	assert.Zero(t, result.Missing, fmt.Sprintf("%+v", result))
	assert.Empty(t, verified(t, into).Findings)
	for minutes := range 31 {
		db.Remind(time.Now().Add(time.Duration(minutes) * time.Minute))
	}
	require.NoError(t, db.Close())
	assert.Equal(t, 3, strings.Count(log.String(), "the journal still accepts no records"), "it goes on saying so: %s", log.String())
}
