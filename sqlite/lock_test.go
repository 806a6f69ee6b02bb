package sqlite_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"pymon-bridge/sqlite"
)

// A lock that is kept goes to the next program in the process. Nobody gets it between the two.
func TestAKeptLockIsHandedOver(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	kept, err := db.KeepLock()
	require.NoError(t, err)
	defer unix.Close(kept)
	require.NoError(t, db.Close())
	assert.True(t, dbAt(path, utcZones()).ServedNow())
	assert.ErrorIs(t, dbAt(path, utcZones()).Open(t.Context()), sqlite.ErrServed)
	next := dbAt(path, utcZones())
	next.Lock = kept
	require.NoError(t, next.Open(t.Context()))
	appendAll(t, next, record(measured("s1", "test_a", arrival)))

	// The lock of a file that is not there any more protects nothing.
	require.NoError(t, os.Remove(path+".lock"))
	assertGone(t, next.Close())
	again := dbAt(path, utcZones())
	again.Lock = kept
	open(t, again)
	assert.True(t, dbAt(path, utcZones()).ServedNow())
}

// A command beside does not look at the file between two programs.
func TestCommandsWaitForTheProgramThatGetsTheLock(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	kept, err := db.KeepLock()
	require.NoError(t, err)
	require.NoError(t, db.Close())
	text, err := os.ReadFile(path + ".lock")
	require.NoError(t, err)
	assert.Contains(t, string(text), "it is being opened")
	looked := make(chan error)
	beside, next := dbAt(path, utcZones()), dbAt(path, utcZones())
	go func() { looked <- beside.OpenShared(t.Context()) }()
	next.Lock = kept
	open(t, next)
	require.NoError(t, unix.Close(kept))
	require.NoError(t, <-looked)
	assert.True(t, beside.Served())
	require.NoError(t, beside.Close())
}

// A data directory may come with a repository, and its files may be links to files elsewhere.
func TestLinksAreRefused(t *testing.T) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		elsewhere := filepath.Join(t.TempDir(), "bashrc")
		require.NoError(t, os.WriteFile(elsewhere, []byte("precious"), 0o600))
		db, path := newDB(t, utcZones())
		require.NoError(t, os.Symlink(elsewhere, path+suffix))
		for _, err := range []error{db.Open(t.Context()), db.OpenShared(t.Context())} {
			assert.ErrorContains(t, err, path+suffix+" is a symbolic link: expected a file")
		}
		into, quiet := filepath.Join(t.TempDir(), sqlite.FileName), slog.New(slog.DiscardHandler)
		progress := func(int64, int64) {}
		_, verified := sqlite.Verify(t.Context(), path, progress)
		_, recovered := sqlite.Recover(t.Context(), path, into, quiet, progress)
		_, imported := sqlite.OpenSource(t.Context(), path, quiet)
		_, _, checked := sqlite.VersionOf(t.Context(), path)
		for i, err := range []error{verified, recovered, imported, checked, sqlite.Backup(t.Context(), path, into, false, progress)} {
			assert.ErrorContains(t, err, path+suffix+" is a symbolic link: expected a file", "%d", i)
		}
		content, err := os.ReadFile(elsewhere)
		require.NoError(t, err)
		assert.Equal(t, "precious", string(content))
	}
	whole, path := newDB(t, utcZones()) // the directory may be a link
	require.NoError(t, whole.Open(t.Context()))
	require.NoError(t, whole.Close())
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(filepath.Dir(path), link))
	open(t, dbAt(filepath.Join(link, sqlite.FileName), utcZones()))
	latest := filepath.Join(t.TempDir(), "latest.db") // and so may a copy
	copied := latest + ".copy"
	require.NoError(t, sqlite.Backup(t.Context(), path, copied, false, func(int64, int64) {}))
	require.NoError(t, os.Symlink(copied, latest))
	_, err := sqlite.Verify(t.Context(), latest, func(int64, int64) {})
	require.NoError(t, err)
}
