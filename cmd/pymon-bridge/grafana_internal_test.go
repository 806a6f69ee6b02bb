package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/grafana"
)

// export runs the command, and returns its exit status and its output.
func export(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	status = (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), append([]string{"grafana", "export"}, args...))
	return status, out.String(), log.String()
}

func TestGrafanaExportWritesEveryFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	files, err := grafana.Files("")
	require.NoError(t, err)
	status, stdout, stderr := export(t, dir)
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, fmt.Sprintf("%s: %d files written, 0 overwritten, 0 unchanged.\n", dir, len(files)), stdout)
	for name, content := range files {
		written, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, string(content), string(written), name)
	}
	status, stdout, _ = export(t, dir)
	assert.Equal(t, 0, status, "a second export")
	assert.Contains(t, stdout, fmt.Sprintf(": 0 files written, 0 overwritten, %d unchanged", len(files)))
}

func TestGrafanaExportOverwritesChangesOnlyWithForce(t *testing.T) {
	dir := t.TempDir()
	status, _, stderr := export(t, dir)
	require.Equal(t, 0, status, stderr)
	changed, removed := filepath.Join(dir, "provisioning/alerting/rules.yaml"), filepath.Join(dir, "dashboards/test.json")
	require.NoError(t, os.WriteFile(changed, []byte("mine"), 0o600))
	require.NoError(t, os.Remove(removed))

	status, stdout, stderr := export(t, dir)
	assert.Equal(t, 1, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "pymon-bridge: nothing was written, because these files exist and differ: "+
		"provisioning/alerting/rules.yaml; use --force to overwrite them, or choose another directory\n", stderr)
	content, err := os.ReadFile(changed)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(content))
	assert.NoFileExists(t, removed, "no other file is written either")

	status, stdout, stderr = export(t, "--force", dir)
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, ": 1 files written, 1 overwritten, ")
}

func TestGrafanaExportForImportWritesOnlyDashboards(t *testing.T) {
	dir := t.TempDir()
	status, stdout, stderr := export(t, dir, "--for-import")
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, ": 6 files written")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no provisioning files, which need a fixed data source")
	content, err := os.ReadFile(filepath.Join(dir, "dashboards/test-suite-overview.json"))
	require.NoError(t, err)
	assert.Contains(t, string(content), "__inputs")
}

func TestGrafanaExportNamesTheBridge(t *testing.T) {
	dir := t.TempDir()
	status, _, stderr := export(t, dir, "--bridge-url", "https://pymon.example.org/")
	require.Equal(t, 0, status, stderr)
	content, err := os.ReadFile(filepath.Join(dir, "dashboards/test.json"))
	require.NoError(t, err)
	assert.Contains(t, string(content), `"query": "https://pymon.example.org"`)
	status, _, stderr = export(t, dir, "--bridge-url", "pymon.example.org")
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, "--bridge-url: expected an address such as https://pymon.example.org")
}

func TestGrafanaExportNeedsADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	status, _, stderr := export(t, file)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, file)
	status, _, stderr = export(t)
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, `expected "<dir>"`)
}
