package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A virtual environment that is not activated has the tests' programs beside ours, but not on PATH.
func TestCommandsBesideTheProgramAreFoundLast(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	name, path := "suite-"+rand.Text(), t.TempDir()
	t.Setenv("PATH", path)
	start := func(command string) (status int, err error) {
		child, err := startChild(&Main{}, make(chan os.Signal, 1), []string{command}, nil)
		if err != nil {
			return 0, err
		}
		return child.wait(), nil
	}
	_, err = start(name)
	assert.ErrorContains(t, err, name+": command not found")

	beside := filepath.Join(filepath.Dir(program), name)
	require.NoError(t, os.WriteFile(beside, []byte("#!/bin/sh\nexit 3\n"), 0o700))
	defer os.Remove(beside)
	status, err := start(name)
	require.NoError(t, err)
	assert.Equal(t, 3, status)
	_, err = start("./" + name)
	assert.ErrorContains(t, err, "command not found", "a path is taken as it is")

	require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\nexit 4\n"), 0o700))
	status, err = start(name)
	require.NoError(t, err)
	assert.Equal(t, 4, status, "PATH comes first")
}
