package test_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestVendoredFilesAreThoseThatWereFetched checks the files of others that are in the repository. Each folder has its sums,
// a licence, and nothing else.
func TestVendoredFilesAreThoseThatWereFetched(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"web/static/vendor/uplot", "wheel/licenses/swagger-ui-dist", "test/testdata/axe"} {
		dir := filepath.Join(harness.Root(t), folder)
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		require.NoError(t, err)
		named := []string{"SHA256SUMS"}
		for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
			sum, name, ok := strings.Cut(lines.Text(), "  ")
			require.True(t, ok, lines.Text())
			content, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			is := sha256.Sum256(content)
			assert.Equal(t, sum, hex.EncodeToString(is[:]), "%s/%s", folder, name)
			named = append(named, name)
		}
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		var there []string
		for _, entry := range entries {
			there = append(there, entry.Name())
		}
		assert.ElementsMatch(t, named, there, folder)
		assert.Contains(t, there, "LICENSE", folder)
	}
}
