package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFilesOfAnyPageSizeAreImported has files of pytest-monitor, with a log beside them and without.
func TestFilesOfAnyPageSizeAreImported(t *testing.T) {
	for _, size := range []int{512, 1024, 4096, 65536} {
		for _, logged := range []bool{false, true} {
			t.Run(fmt.Sprint(size, logged), func(t *testing.T) {
				path := pymonFile(t, func(exec func(string, ...any)) { exec(fmt.Sprint("PRAGMA page_size = ", size)); exec("VACUUM") })
				file := openFile(t, path)
				if logged {
					_, err := file.Exec("PRAGMA journal_mode = wal")
					require.NoError(t, err)
				}
				addRow(func(query string, args ...any) {
					_, err := file.Exec(query, args...)
					require.NoError(t, err)
				})
				t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nosuch")) // no copy is made
				recs, skipped := readSource(t, copyWithLog(t, path))
				assert.Empty(t, skipped)
				assert.Len(t, recs, 1)
			})
		}
	}
}

// TestATransactionThatDidNotEndIsUndone has a file as pytest leaves it when it is killed while it writes: with a journal. The
// file stays as it is.
func TestATransactionThatDidNotEndIsUndone(t *testing.T) {
	path := pymonFile(t, func(exec func(string, ...any)) { addRow(exec) })
	file := openFile(t, path)
	for _, statement := range []string{"PRAGMA cache_size = 2", "BEGIN", "DELETE FROM TEST_METRICS"} {
		_, err := file.Exec(statement)
		require.NoError(t, err)
	}
	for range 500 { // more than the cache takes, so the file is written to
		addRow(func(query string, args ...any) {
			_, err := file.Exec(query, args...)
			require.NoError(t, err)
		})
	}
	killed := copyOf(t, path)
	journal, err := os.ReadFile(path + "-journal")
	require.NoError(t, err)
	require.NotEmpty(t, journal)
	require.NoError(t, os.WriteFile(killed+"-journal", journal, 0o600))
	before := filesIn(t, filepath.Dir(killed))
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	s, err := source(t, killed)
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.Records)
	require.NoError(t, s.Close())
	assert.Equal(t, before, filesIn(t, filepath.Dir(killed)))
	assert.Empty(t, filesIn(t, temporary))
}

// openFile opens a file with one connection.
func openFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	file, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, file.Close()) })
	file.SetMaxOpenConns(1)
	return file
}
