package sqlite_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// removals are ways to take the files away from a serving bridge. Each gets the path of the file.
var removals = map[string]func(t *testing.T, path string){
	"file removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	"file replaced by its copy": func(t *testing.T, path string) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+".copy", content, 0o600))
		require.NoError(t, os.Rename(path+".copy", path))
	},
	"log removed":   func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-wal")) },
	"index removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path+"-shm")) },
	"log replaced": func(t *testing.T, path string) {
		require.NoError(t, os.WriteFile(path+".copy", nil, 0o600))
		require.NoError(t, os.Rename(path+".copy", path+"-wal"))
	},
	"lock removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path+".lock")) },
	"directory renamed": func(t *testing.T, path string) {
		require.NoError(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".moved"))
	},
}

// openLogged opens a DB in a directory that a test may rename. The DB writes its log to the buffer.
func openLogged(t *testing.T) (*sqlite.DB, string, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "data", sqlite.FileName)
	db := sqlite.New(path, utcZones(), slog.New(slog.NewTextHandler(&log, nil)))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	t.Cleanup(func() { _ = db.Close() })
	checked(t, db)
	return db, path, &log
}

func assertGone(t *testing.T, err error) {
	t.Helper()
	assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
	assert.ErrorContains(t, err, "was removed or replaced while the bridge served it")
}

func TestNothingIsAcceptedIntoFilesThatAreGone(t *testing.T) {
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			db, path, log := openLogged(t)
			appendAll(t, db, record(measured("s1", "before", arrival)))
			remove(t, path)
			for _, item := range []string{"first", "second"} {
				lost := record(measured("s1", item, arrival))
				assertGone(t, db.Append(t.Context(), []*monitor.Record{lost}))
				assert.Zero(t, lost.Seq)
			}
			h := db.Health()
			assert.False(t, h.OK)
			assert.Contains(t, h.Detail, "was removed or replaced")
			assertGone(t, db.Close())
			assert.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log)
		})
	}
}

func TestGoneFilesAreNoticedWithoutAWrite(t *testing.T) {
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, path, _ := openLogged(t)
			remove(t, path)
			eventually(t, "Health names the loss", func() bool { return !db.Health().OK })
			assert.Contains(t, db.Health().Detail, "was removed or replaced")
		})
	}
	t.Run("closed at once", func(t *testing.T) {
		db, path, _ := openLogged(t)
		require.NoError(t, os.Remove(path))
		assertGone(t, db.Close())
	})
}

// A directory that cannot be read for a moment is not a removed file.
func TestFilesThatCannotBeSeenForAMoment(t *testing.T) {
	db, path, _ := openLogged(t)
	dir := filepath.Dir(path)
	require.NoError(t, os.Rename(dir, dir+".moved"))
	require.NoError(t, os.Symlink(dir, dir)) // a loop
	err := db.Append(t.Context(), []*monitor.Record{record(measured("s1", "hidden", arrival))})
	assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
	assert.ErrorContains(t, err, "does not tell whether")
	assert.False(t, db.Health().OK)
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Rename(dir+".moved", dir))
	eventually(t, "records are accepted again", func() bool { return db.Health().OK })
	appendAll(t, db, record(measured("s1", "seen", arrival)))
	require.NoError(t, db.Close())
}

func TestFilesAreWatchedAfterAFailedCommit(t *testing.T) {
	for _, suffix := range []string{"-wal", "-shm"} {
		db, path, _ := openLogged(t)
		db.BreakCommits(errors.New("disk I/O error"))
		require.Error(t, db.Append(t.Context(), []*monitor.Record{record(measured("s1", "failed", arrival))}))
		db.BreakCommits(nil)
		eventually(t, "records are accepted again", func() bool { return db.Health().OK })
		require.NoError(t, os.Remove(path+suffix))
		assertGone(t, db.Append(t.Context(), []*monitor.Record{record(measured("s1", "lost", arrival))}))
	}
}

func TestAFileRemovedAfterAFailedCommitIsNotOpenedAgain(t *testing.T) {
	db, path, _ := openLogged(t)
	appendAll(t, db, record(measured("s1", "before", arrival)))
	db.BreakCommitsUntilReopen(errors.New("disk I/O error"))
	removals["file replaced by its copy"](t, path)
	require.Error(t, db.Append(t.Context(), []*monitor.Record{record(measured("s1", "lost", arrival))}))
	db.BreakCommits(nil)
	assertGone(t, db.Reopen())
	assert.Contains(t, db.Health().Detail, "was removed or replaced")
	assertGone(t, db.Append(t.Context(), []*monitor.Record{record(measured("s1", "lost", arrival))}))
	assertGone(t, db.Close())
}

// Another program's connection to the log, and its end, remove nothing.
func TestFilesStayWhileOthersReadThem(t *testing.T) {
	db, path, _ := openLogged(t)
	for n := range 3 {
		other := dbAt(path, utcZones())
		require.NoError(t, other.OpenShared(t.Context()))
		_, err := other.AddToken(t.Context(), monitor.Token{Project: "shop", Hash: [32]byte{byte(n)}})
		require.NoError(t, err)
		require.NoError(t, other.Close())
		appendAll(t, db, record(measured("s1", "test", arrival)))
	}
	require.NoError(t, db.Close())
}
