package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// eventually waits until done returns true. what says what it waits for.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, time.Minute, time.Millisecond, what)
}

// checked waits until the file has passed the check in the background.
func checked(t *testing.T, db *sqlite.DB) {
	t.Helper()
	eventually(t, "the background check ends", func() bool { return db.Health().Detail == "accepting" })
}

func TestOpenKeepsEverything(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	want := mixed(t, db)
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 7}))
	require.NoError(t, db.Close())

	db = open(t, dbAt(path, utcZones()))
	assert.Len(t, next(t, db), len(want))
	cursor, err := db.Cursor(t.Context(), dest)
	require.NoError(t, err)
	assert.Equal(t, uint64(7), cursor)
	more := record(measured("s1", "test_more", arrival))
	appendAll(t, db, more)
	assert.Equal(t, uint64(31), more.Seq, "the sequence goes on after all records, those from a destination too")
	checked(t, db)
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	open(t, dbAt(filepath.Join(dir, sqlite.FileName), utcZones()))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.NotEmpty(t, entries)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, e.Name())
	}
}

func TestOpenTakesOddPaths(t *testing.T) {
	path := filepath.Join(t.TempDir(), "50% ünï #1?x=y&mode=memory", sqlite.FileName)
	db := open(t, dbAt(path, utcZones()))
	appendAll(t, db, record(machine("m")))
	assert.FileExists(t, path)
	assert.Positive(t, size(path))
}

// TestOpenAfterKill opens the file and the log of a process that was killed between two commits.
func TestOpenAfterKill(t *testing.T) {
	db, path := openNew(t)
	want := mixed(t, db)
	for name, cut := range map[string]int64{"whole": 0, "torn commit": 1, "torn header": 4100} {
		t.Run(name, func(t *testing.T) {
			before := size(path + "-wal")
			acknowledged := len(next(t, db))
			appendAll(t, db, record(measured("s1", "torn "+name, arrival)))
			left := killed(t, path)
			require.Greater(t, size(path+"-wal"), before)
			expected := acknowledged + 1
			if cut > 0 {
				require.NoError(t, os.Truncate(left+"-wal", size(left+"-wal")-cut))
				expected = acknowledged
			}
			after := open(t, dbAt(left, utcZones()))
			assert.Len(t, next(t, after), expected)
			rec := record(measured("s1", "after", arrival))
			appendAll(t, after, rec)
			assert.Len(t, next(t, after), expected+1)
			checked(t, after)
		})
	}
	assert.GreaterOrEqual(t, len(next(t, db)), len(want))
}

// killed copies an open file and its log from the disk, and returns the path of the copy.
func killed(t *testing.T, path string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), sqlite.FileName)
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(left+suffix, content, 0o600))
	}
	return left
}

func TestOpenRefusesAFileThatAnotherBridgeServes(t *testing.T) {
	_, path := openNew(t)
	err := dbAt(path, utcZones()).Open(t.Context())
	require.Error(t, err)
	assert.Equal(t, fmt.Sprintf("%s is in use by another pymon-bridge (process %d): stop it, or use another data directory",
		filepath.Dir(path), os.Getpid()), err.Error())
}

// A command may have the file for a moment.
func TestOpenWaitsAMomentForTheFile(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	closed := make(chan error)
	time.AfterFunc(100*time.Millisecond, func() { closed <- db.Close() })
	next := dbAt(path, utcZones())
	assert.NoError(t, next.Open(t.Context()))
	require.NoError(t, <-closed)
	require.NoError(t, next.Close())
}

func TestCloseReleasesTheFile(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Close(), "never opened")
	require.NoError(t, db.Open(t.Context()))
	require.NoError(t, db.Close())
	assert.False(t, db.Health().OK)
	assert.Equal(t, monitor.EUnavailable,
		monitor.ErrorCode(db.Append(t.Context(), []*monitor.Record{record(machine("m"))})))
	_, err := db.Next(t.Context(), dest, 0, 1)
	assert.Error(t, err)
	open(t, dbAt(path, utcZones()))
}

func TestOpenDoesNotChangeStrangeFiles(t *testing.T) {
	garbage := []byte("this was never a database")
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want []string
	}{
		"garbage": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, garbage, 0o600))
		}, []string{"is damaged: it is no SQLite file", "this was never a", "pymon-bridge recover --data "}},
		"short": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("SQL"), 0o600))
		}, []string{"is damaged", `"SQL"`}},
		"emptied beside its log": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			require.NoError(t, os.WriteFile(path+"-wal", garbage, 0o600))
		}, []string{"is damaged: it is empty, but its log pymon.db-wal has 25 bytes"}},
		"another program's": {func(t *testing.T, path string) {
			_, err := raw(t, path).Exec("CREATE TABLE cookies (name TEXT)")
			require.NoError(t, err)
		}, []string{"SQLite file of another program", "nothing was changed"}},
		"newer": {func(t *testing.T, path string) {
			make1(t, path)
			_, err := raw(t, path).Exec("PRAGMA user_version = 99")
			require.NoError(t, err)
		}, []string{"newer pymon-bridge (schema version 99, this one knows 2)", "pymon.db"}},
		"truncated": {func(t *testing.T, path string) {
			make1(t, path)
			require.NoError(t, os.Truncate(path, size(path)-4096))
		}, []string{"is damaged", "malformed", "-recovered"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			c.make(t, path)
			before, err := os.ReadFile(path)
			if !errors.Is(err, os.ErrNotExist) {
				require.NoError(t, err)
			}
			err = dbAt(path, utcZones()).Open(t.Context())
			require.Error(t, err)
			for _, want := range c.want {
				assert.Contains(t, err.Error(), want)
			}
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(before, after), "the file is unchanged")
		})
	}
}

// make1 makes a file with some records and no log.
func make1(t *testing.T, path string) {
	t.Helper()
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	mixed(t, db)
	require.NoError(t, db.Close())
}

func TestDamageInsideTheFileIsFoundInTheBackground(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	make1(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	var root int64
	require.NoError(t, raw(t, path).QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'metrics_time'").Scan(&root))
	_, err = f.WriteAt(make([]byte, 100), (root-1)*4096)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	eventually(t, "the damage is found", func() bool { return !db.Health().OK })
	h := db.Health()
	assert.True(t, h.Required)
	assert.Contains(t, h.Detail, "is damaged")
	assert.Contains(t, h.Detail, "pymon-bridge recover --data ")
	err = db.Append(t.Context(), []*monitor.Record{record(machine("m"))})
	assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err), "a damaged file may lose it")

	// Commands beside the bridge know it, and write nothing.
	beside := dbAt(path, utcZones())
	require.NoError(t, beside.OpenShared(t.Context()))
	defer beside.Close()
	eventually(t, "the lock file says it", func() bool { return beside.Damage() != "" })
	assert.Equal(t, h.Detail, beside.Damage())
	for name, add := range map[string]func() error{
		"replay": func() error { _, err := beside.AddReplay(t.Context(), monitor.Replay{}); return err },
		"delete": func() error { _, err := beside.AddDeletion(t.Context(), "shop"); return err },
		"status": func() error { _, err := beside.AskStatus(t.Context()); return err },
		"drop":   func() error { _, err := beside.DropLetters(t.Context(), monitor.LetterQuery{}); return err },
	} {
		err := add()
		assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err), name)
		assert.ErrorContains(t, err, "nothing was done", name)
		assert.ErrorContains(t, err, h.Detail, name)
	}
	var commands int
	require.NoError(t, raw(t, path).QueryRow("SELECT count(*) FROM commands").Scan(&commands))
	assert.Zero(t, commands)

	require.NoError(t, db.Close())
	lock, err := os.ReadFile(path + ".lock")
	require.NoError(t, err)
	assert.NotContains(t, string(lock), "is damaged", "whoever opens the file next looks for himself")
}

func TestAFailedCommitIsFollowedByACheck(t *testing.T) {
	db, _ := openNew(t)
	checked(t, db)
	kept := record(measured("s1", "test_a", arrival))
	appendAll(t, db, kept)

	db.BreakCommits(errors.New("disk I/O error (5)"))
	lost := record(measured("s2", "test_b", arrival))
	err := db.Append(t.Context(), []*monitor.Record{lost})
	assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
	assert.Contains(t, err.Error(), "disk I/O error (5)")
	var e *monitor.Error
	require.ErrorAs(t, err, &e)
	assert.Positive(t, e.RetryAfter)
	assert.Zero(t, lost.Seq)

	db.BreakCommits(nil)
	eventually(t, "the file is used again", func() bool { return db.Health().OK })
	appendAll(t, db, lost)
	assert.Equal(t, uint64(2), lost.Seq)
	assert.Len(t, next(t, db), 2)
}

func TestCloseWhileFailed(t *testing.T) {
	db, _ := openNew(t)
	db.BreakCommits(errors.New("disk I/O error"))
	assert.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m"))}))
	assert.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m"))}))
}
