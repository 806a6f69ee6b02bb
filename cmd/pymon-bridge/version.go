package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is the version of this program and of the data that it writes. No other place states it. From 0.1.0 on, a newer
// version reads the data of every older version.
const version = "0.1.0"

type versionCmd struct{}

func (versionCmd) Help() string {
	return `
    pymon-bridge version
    pymon-bridge --version`
}

func (versionCmd) Run(m *Main) error {
	_, err := fmt.Fprintln(m.Stdout, versionLine())
	return err
}

func versionLine() string {
	from := ""
	if revision := commit(debug.ReadBuildInfo()); revision != "" {
		from = "commit " + revision + ", "
	}
	return fmt.Sprintf("pymon-bridge %s (%s%s, %s/%s)", version, from, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commit returns the commit that the program was built from. It is empty when the source was not a git checkout.
func commit(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return ""
	}
	var revision, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}
