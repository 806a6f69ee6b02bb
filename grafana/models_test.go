package grafana_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestDashboardsFitGrafanaModels checks that Grafana's own models know every setting of the dashboards, and that the check
// finds a misspelt setting.
func TestDashboardsFitGrafanaModels(t *testing.T) {
	python := filepath.Join(harness.Root(t), ".cache", "py", "grafana", "bin", "python")
	require.FileExists(t, python, "make python installs the tools for this test")
	check := func(files ...string) (string, error) {
		out, err := exec.Command(python, append([]string{"testdata/check_dashboard.py"}, files...)...).CombinedOutput()
		return string(out), err
	}
	files, err := filepath.Glob("dashboards/*.json")
	require.NoError(t, err)
	out, err := check(files...)
	require.NoError(t, err, out)

	misspelt := filepath.Join(t.TempDir(), "misspelt.json")
	require.NoError(t, os.WriteFile(misspelt, []byte(`{"title": "x", "panels": [{"type": "barchart", "options": {"xFeild": "commit"}}]}`), 0o600))
	out, err = check(misspelt)
	require.Error(t, err)
	assert.Contains(t, out, "xFeild")
}
