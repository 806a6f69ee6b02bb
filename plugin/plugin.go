// Package plugin embeds the pytest plugin of this project. The plugin measures tests and sends them to a bridge, in place
// of pytest-monitor. docs/plugin.md describes it for users.
package plugin

import _ "embed"

// FileName is the name of the plugin's file. Python finds the module by it.
const FileName = Module + ".py"

// Module is the name of the Python module, and what follows pytest's -p.
const Module = "pymon_bridge"

// Source is the Python module.
//
//go:embed pymon_bridge.py
var Source []byte
