package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The schema of a file may come from somebody else. Its expressions call no function with effects.
func TestNoConnectionTrustsASchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	for _, pragmas := range []string{writerPragmas, readerPragmas, checkerPragmas} {
		pool, err := openURL(path, pragmas, 1, map[string][]string{})
		require.NoError(t, err)
		defer pool.Close()
		trusts := true
		require.NoError(t, pool.QueryRowContext(t.Context(), "PRAGMA trusted_schema").Scan(&trusts))
		assert.False(t, trusts, pragmas)
	}
}
