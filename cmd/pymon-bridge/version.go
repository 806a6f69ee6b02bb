package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (see the Makefile); builds by `go install` take it from the module.
var version = ""

type versionCmd struct{}

// Run prints the version, the Go release and the platform.
func (versionCmd) Run(m *Main) error {
	_, err := fmt.Fprintf(m.Stdout, "pymon-bridge %s (%s, %s/%s)\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// programVersion returns the version in words: "devel" for a build of which none is known.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
