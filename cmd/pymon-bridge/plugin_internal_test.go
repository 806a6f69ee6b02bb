package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/plugin"
)

func TestPluginIsWritten(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (status int, out, log bytes.Buffer) {
		status = (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), append([]string{"plugin"}, args...))
		return status, out, log
	}
	dir := filepath.Join(t.TempDir(), "new", "dir")
	file := filepath.Join(dir, "pymon_bridge.py")
	for range 2 {
		status, out, log := run("--write", dir)
		require.Zero(t, status, log.String())
		assert.Equal(t, file+" is written. Use it with: PYTHONPATH="+dir+" pytest -p pymon_bridge --remote-server URL\n", out.String())
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, plugin.Source, written)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing is left over")
		require.NoError(t, os.WriteFile(file, []byte("an older version"), 0o600))
	}
	status, _, log := run("--write", file)
	assert.Equal(t, 1, status)
	assert.Contains(t, log.String(), "--write: ")
	status, _, log = run()
	assert.Equal(t, 2, status)
	assert.Contains(t, log.String(), "--write")
}
