package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// verified returns what a verification found.
func verified(t *testing.T, path string) *sqlite.Verification {
	t.Helper()
	v, err := sqlite.Verify(t.Context(), path, quiet)
	require.NoError(t, err)
	return v
}

func TestABackupIsTheFileAsItWas(t *testing.T) {
	for name, served := range map[string]bool{"beside a bridge": true, "of a file that nobody serves": false} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			require.NoError(t, db.Open(t.Context()))
			fillAll(t, db)
			if !served {
				require.NoError(t, db.Close())
			}
			into := filepath.Join(t.TempDir(), "copy.db")
			require.NoError(t, sqlite.Backup(t.Context(), path, into, false, quiet))
			if served {
				appendAll(t, db, record(measured("later", "test_later", arrival)))
				require.NoError(t, db.Close())
				require.NotEqual(t, content(t, path), content(t, into))
				path = into
			}
			info, err := os.Stat(into)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode())
			files, err := os.ReadDir(filepath.Dir(into))
			require.NoError(t, err)
			assert.Len(t, files, 1, "no other file is left")
			v := verified(t, into)
			assert.Empty(t, v.Findings)
			assert.EqualValues(t, 453, v.Records)
			assert.Equal(t, content(t, path), content(t, into))
			var vacuum int
			require.NoError(t, raw(t, into).QueryRow("PRAGMA auto_vacuum").Scan(&vacuum))
			assert.Equal(t, 2, vacuum, "incremental")
			assert.Len(t, next(t, open(t, dbAt(into, utcZones()))), 453, "a bridge can open it")
		})
	}
}

func TestABackupReplacesNothingUnlessItIsTold(t *testing.T) {
	path := full(t)
	into := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(into, []byte("precious"), 0o644))
	err := sqlite.Backup(t.Context(), path, into, false, quiet)
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	b, err := os.ReadFile(into)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(b))
	require.NoError(t, sqlite.Backup(t.Context(), path, into, true, quiet))
	assert.Empty(t, verified(t, into).Findings)
	for _, suffix := range []string{"", ".lock"} {
		err := sqlite.Backup(t.Context(), path, path+suffix, true, quiet)
		assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err), "the file itself")
	}
	require.NoError(t, os.Symlink(filepath.Dir(path), into+"-dir"))
	for _, dir := range []string{filepath.Dir(path), into + "-dir"} {
		for _, suffix := range []string{"-wal", "-shm", "-journal"} { // SQLite would take it for its own
			into := filepath.Join(dir, filepath.Base(path)+suffix)
			err := sqlite.Backup(t.Context(), path, into, false, quiet)
			assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err), suffix)
			assert.NoFileExists(t, into)
		}
	}
	assert.Empty(t, verified(t, path).Findings)
	assert.Error(t, sqlite.Backup(t.Context(), filepath.Join(t.TempDir(), "none.db"), filepath.Join(t.TempDir(), "copy.db"), false, quiet))
}

// A directory that nobody can write to has a file with a log, and no lock. SQLite would make an index of the log.
func TestVerifyAndBackupOfAFileThatNobodyServesMakeNoFiles(t *testing.T) {
	db, served := openNew(t)
	fillAll(t, db)
	dir := t.TempDir()
	path := filepath.Join(dir, sqlite.FileName)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(served + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+suffix, b, 0o400))
	}
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { assert.NoError(t, os.Chmod(dir, 0o700)) })
	before := files(t, dir)
	v := verified(t, path)
	assert.Empty(t, v.Findings)
	assert.EqualValues(t, 453, v.Records)
	into := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, sqlite.Backup(t.Context(), path, into, false, quiet))
	assert.Equal(t, v, verified(t, into))
	assert.Equal(t, before, files(t, dir))
}
