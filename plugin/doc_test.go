package plugin_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/plugin"
	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// suite returns a new folder with the files of a suite, by name.
func suite(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// loaded returns the folder of the plugin for PYTHONPATH. Python writes no bytecode there.
func loaded(t *testing.T) string {
	t.Helper()
	return filepath.Join(harness.Root(t), "plugin")
}

// installed returns a folder for PYTHONPATH in which the plugin is installed as a distribution with an entry point.
func installed(t *testing.T) string {
	t.Helper()
	return suite(t, map[string]string{
		plugin.FileName:                             string(plugin.Source),
		"pymon_bridge-0.dist-info/METADATA":         "Metadata-Version: 2.1\nName: pymon-bridge\nVersion: 0\n",
		"pymon_bridge-0.dist-info/entry_points.txt": "[pytest11]\n" + plugin.Module + " = " + plugin.Module + "\n",
	})
}
