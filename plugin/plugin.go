// Package plugin embeds the pytest plugin of this project. The plugin measures tests and sends them to a bridge, in place
// of pytest-monitor. docs/plugin.md describes it for users.
package plugin

import (
	_ "embed"
	"os"
	"path/filepath"
)

// Module is the name of the Python module, and what follows pytest's -p.
const Module = "pymon_bridge"

// FileName is the name of the file, by which Python finds the module.
const FileName = Module + ".py"

// Source is the Python module.
//
//go:embed pymon_bridge.py
var Source []byte

// Write writes the module into a directory, which it makes when it is missing. It replaces an older version in one step,
// since pytest may be loading it.
func Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- not a secret
		return err
	}
	file, err := os.CreateTemp(dir, FileName+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails when everything went well
	if _, err = file.Write(Source); err == nil {
		err = file.Chmod(0o644) // #nosec G302 -- not a secret
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(dir, FileName))
}
