package compose_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBridgeVariablesAreFlags checks that the program reads every variable of its container. It would silently ignore a
// misspelt variable.
func TestBridgeVariablesAreFlags(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "pymon-bridge")
	build := exec.Command("go", "build", "-o", bin, "./cmd/pymon-bridge")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	help, err := exec.Command(bin, "serve", "--help").CombinedOutput()
	require.NoError(t, err, "%s", help)
	var known []string
	for _, m := range regexp.MustCompile(`\$([A-Z][A-Z_]+)`).FindAllSubmatch(help, -1) {
		known = append(known, string(m[1]))
	}
	require.NotEmpty(t, known)
	for name := range load(t).Services["bridge"].Environment {
		assert.Contains(t, known, name)
	}
	for _, name := range imageVariables(t) {
		assert.Contains(t, known, name)
	}
}

// imageVariables returns the names of the environment variables that the image sets.
func imageVariables(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, c := range finalStage(t).Commands {
		names = append(names, environment(c)...)
	}
	slices.Sort(names)
	require.Equal(t, []string{"PYMON_DATA", "PYMON_LISTEN"}, names)
	return names
}

// TestBuildContextHasTheProgram checks that .dockerignore excludes no file that the build needs.
func TestBuildContextHasTheProgram(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`,
		"./cmd/pymon-bridge", "./grafana")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	ignored := ignore(t)
	files := regexp.MustCompile(`\S+`).FindAllString(string(out), -1)
	require.Greater(t, len(files), 50)
	for _, file := range append(files, filepath.Join(absolute, "go.mod"), filepath.Join(absolute, "go.sum")) {
		name, err := filepath.Rel(absolute, file)
		require.NoError(t, err)
		assert.False(t, ignored(name), name)
	}
	for _, name := range []string{".env", ".cache/bin/influxd", ".git/config", "pymon-bridge-data/journal.db", "pymon-bridge", "sqlite/db_test.go"} {
		assert.True(t, ignored(name), name)
	}
}
