package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDashboardsAreCurrent checks that the files are equal to the output of the code, and that there are no other files.
func TestDashboardsAreCurrent(t *testing.T) {
	files, err := filepath.Glob("../dashboards/*.json")
	require.NoError(t, err)
	var want []string
	for _, d := range all() {
		file := filepath.Join("..", "dashboards", d.file+".json")
		want = append(want, file)
		content, err := render(d)
		require.NoError(t, err)
		shipped, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.True(t, string(content) == string(shipped), "%s is not current: go generate ./grafana", file)
	}
	assert.ElementsMatch(t, want, files)
}
