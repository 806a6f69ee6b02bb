package e2e_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// A new program keeps its data in a newer version of the file. It gets the file only when the operator says so. When it cannot
// bring the file up to date, the program before serves on. An older program does not change the newer file.
func TestAnUpgradeToANewerVersionOfTheFile(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "pymon-bridge")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: copyProgram(t, own)})
	posts := newPoster(bridge.URL)
	before := newMachine()
	posts.mustPost(t, "/contexts/", before.contextJSON())
	require.NoError(t, os.Rename(nextProgram(t), own))
	change := func(statement string) {
		file, err := sql.Open("sqlite", filepath.Join(bridge.Data, "pymon.db"))
		require.NoError(t, err)
		_, err = file.Exec(statement)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	upgrade := func(exit int, says string, flags ...string) {
		result := harness.RunProgram(t, nil, append([]string{"upgrade", "--data", bridge.Data}, flags...)...)
		assert.Equal(t, exit, result.ExitCode)
		assert.Contains(t, result.Stdout+result.Stderr, says)
		posts.mustPost(t, "/contexts/", newMachine().contextJSON())
	}
	upgrade(1, "has version 2, and pymon-bridge 0.1.0 brings it to version 3. Older programs cannot serve it then. "+
		"Make a copy with `pymon-bridge backup`, and then type `pymon-bridge upgrade --migrate`")
	change("ALTER TABLE sessions ADD COLUMN later INTEGER")
	upgrade(1, "duplicate column name: later", "--migrate")
	change("ALTER TABLE sessions DROP COLUMN later")
	upgrade(0, "has taken the place of 0.1.0", "--migrate")
	assert.Equal(t, http.StatusOK, request{method: http.MethodGet, path: "/contexts/" + before.context}.send(t, bridge.URL).status)

	assert.Equal(t, 0, bridge.Stop().ExitCode())
	file, err := os.ReadFile(filepath.Join(bridge.Data, "pymon.db"))
	require.NoError(t, err)
	for _, command := range []string{"serve", "serve --check", "token list"} {
		older := harness.RunProgram(t, nil, append(strings.Fields(command), "--data", bridge.Data)...)
		assert.Equal(t, 1, older.ExitCode, command)
		assert.Contains(t, older.Stderr, "it was written by a newer pymon-bridge (schema version 3, this one knows 2): nothing was changed. "+
			"Use that program, or the backup from before it", command)
	}
	after, err := os.ReadFile(filepath.Join(bridge.Data, "pymon.db"))
	require.NoError(t, err)
	assert.True(t, string(file) == string(after), "an older program changes nothing")
}

// nextProgram builds a program with one version of the file more, and returns its path.
func nextProgram(t *testing.T) string {
	t.Helper()
	dir, source := t.TempDir(), filepath.Join(harness.Root(t), "sqlite", "schema.go")
	text, err := os.ReadFile(source)
	require.NoError(t, err)
	const versions = "{schema1, schema2}"
	require.Contains(t, string(text), versions)
	text = []byte(strings.Replace(string(text), versions, `{schema1, schema2, "ALTER TABLE sessions ADD COLUMN later INTEGER"}`, 1))
	replacement, overlay, program := filepath.Join(dir, "schema.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "pymon-bridge")
	require.NoError(t, os.WriteFile(replacement, text, 0o600))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: replacement}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, list, 0o600))
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./cmd/pymon-bridge")
	build.Dir = harness.Root(t)
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}
