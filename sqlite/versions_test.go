package sqlite_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// TestFilesOfEarlierVersionsOpen opens a file that each released version wrote, and brings it up to date. All of them have the
// same run of pytest.
func TestFilesOfEarlierVersionsOpen(t *testing.T) {
	changes, err := os.ReadFile(filepath.Join("..", "CHANGELOG.md"))
	require.NoError(t, err)
	names := []string{"schema-1"} // no release had the first version of the schema
	for _, released := range regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+), \d{4}-\d\d-\d\d$`).FindAllStringSubmatch(string(changes), -1) {
		names = append(names, released[1]) // docs/release.md says how its file is made
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			unpack(t, filepath.Join("testdata", name+".db.gz"), path)
			written, err := os.ReadFile(path)
			require.NoError(t, err)
			before, known, err := sqlite.VersionOf(t.Context(), path)
			require.NoError(t, err)
			assert.Positive(t, before)
			assert.LessOrEqual(t, before, known)
			unchanged, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, string(written) == string(unchanged), "to ask for the version changes nothing")

			db := at(path)
			require.NoError(t, db.Open(t.Context()))
			assert.Equal(t, known, versionOf(t, path))
			var runs []*monitor.Run
			for run, err := range db.Runs(t.Context(), monitor.RunQuery{}, monitor.Page{}) {
				require.NoError(t, err)
				runs = append(runs, run)
			}
			require.Len(t, runs, 1)
			assert.Equal(t, "shop", runs[0].Project)
			assert.Equal(t, "main", runs[0].Sessions[0].Branch)
			assert.Len(t, runs[0].Sessions, 3)
			tests := 0
			for m, err := range db.Metrics(t.Context(), monitor.MetricQuery{}, monitor.Page{}) {
				require.NoError(t, err)
				assert.NotEmpty(t, m.Item)
				tests++
			}
			assert.Equal(t, 10, tests)
			assert.NotEmpty(t, everything(t, db), "every question has an answer")
			tokens, err := db.Tokens(t.Context())
			require.NoError(t, err)
			assert.Len(t, tokens.Valid, 1)
			appendAll(t, db, record(measured("later", "test_more", arrival)))
			checked(t, db)
			require.NoError(t, db.Close())
			verified, err := sqlite.Verify(t.Context(), path, func(_, _ int64) {})
			require.NoError(t, err)
			assert.Empty(t, verified.Findings)
		})
	}
}

// unpack writes the content of a compressed file to path.
func unpack(t *testing.T, from, path string) {
	t.Helper()
	packed, err := os.Open(from)
	require.NoError(t, err)
	defer packed.Close()
	content, err := gzip.NewReader(packed)
	require.NoError(t, err)
	text, err := io.ReadAll(content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}
