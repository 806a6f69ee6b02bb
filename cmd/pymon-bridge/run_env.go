package main

import (
	"maps"
	"os"
	"slices"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/plugin"
)

// environment are variables by name.
type environment map[string]string

// environmentOf reads variables as a process has them. Of a variable that is there twice, the last one counts.
func environmentOf(all []string) environment {
	e := environment{}
	for _, one := range all {
		if name, value, ok := strings.Cut(one, "="); ok {
			e[name] = value
		}
	}
	return e
}

// list returns the variables as a process takes them, by name.
func (e environment) list() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(e)) {
		all = append(all, name+"="+e[name])
	}
	return all
}

// put puts a value in front of the values that a variable has.
func (e environment) put(name, value, separator string) {
	if old := e[name]; old != "" {
		value += separator + old
	}
	e[name] = value
}

// noProxy makes programs connect to a host directly. A variable that is not there stays so, if the other one is: where both
// are, programs read one of them only.
func (e environment) noProxy(host string) {
	const upper, lower = "NO_PROXY", "no_proxy"
	if e[upper] == "" && e[lower] == "" {
		e[upper] = host
	}
	for _, name := range []string{upper, lower} {
		if old := e[name]; old != "" && old != "*" && old != host { // a star alone is every host
			e[name] = old + "," + host
		}
	}
}

// tagInvocation is the tag by which `run` finds its sessions again. tox and nox make several runs of one command.
const tagInvocation = "pymon_run"

// forTests adds what makes every pytest below send its measurements. Nothing else reaches all of them: `run` knows neither
// the command nor the Python that will run. The plugin takes all of it out again, so that tests do not see it.
func (e environment) forTests(folder string, to client, id string, tags []string) error {
	address, err := to.base()
	if err != nil {
		return err
	}
	before := maps.Clone(e)
	e.put("PYTHONPATH", folder, string(os.PathListSeparator))
	e.put("PYTEST_ADDOPTS", "-p "+plugin.Module, " ")
	e["PYMON_URL"] = address.String()
	e["PYMON_RUN"] = id
	for _, tag := range tags {
		if run, ok := strings.CutPrefix(tag, monitor.TagRun+"="); ok {
			e["PYMON_RUN"] = run
		}
	}
	e["PYMON_TAGS"] = strings.Join(append([]string{tagInvocation + "=" + id}, tags...), "\n")
	delete(e, "PYMON_TOKEN_FILE") // its value is in the variable itself
	if e["PYMON_TOKEN"] = to.Token; to.Token == "" {
		delete(e, "PYMON_TOKEN")
	}
	e.noProxy("127.0.0.1")
	// tox passes no variables on that it does not know. An override with "=" would replace the list of the project.
	e["TOX_OVERRIDE"] = strings.TrimPrefix(e["TOX_OVERRIDE"]+";testenv.pass_env+=PYTHONPATH,PYTEST_ADDOPTS,PYMON_*,NO_PROXY,no_proxy", ";")
	var added []string
	for _, name := range []string{"NO_PROXY", "TOX_OVERRIDE"} {
		if before[name] == "" {
			added = append(added, name)
		}
	}
	e["PYMON_RUN_TAKEOVER"] = strings.Join(added, ",")
	return nil
}

// ofBridge are the variables of this program that the bridge of `run` heeds. Where it listens and whom it admits is decided.
var ofBridge = []string{"PYMON_META_BUCKET", "PYMON_MIN_FREE", "PYMON_MAX_BYTES", "PYMON_JUDGE_SETTINGS", "PYMON_LOG_LEVEL"}

// forBridge removes what a serving bridge must not heed, and sets the destination.
func (e environment) forBridge(influx influxFlags) {
	maps.DeleteFunc(e, func(name, _ string) bool {
		return strings.HasPrefix(name, "PYMON_") && !slices.Contains(ofBridge, name) ||
			strings.HasPrefix(name, "INFLUX_") || strings.HasPrefix(name, "LISTEN_")
	})
	for name, value := range map[string]string{"INFLUX_URL": influx.URL, "INFLUX_TOKEN": influx.Token, "INFLUX_ORG": influx.Org,
		"INFLUX_BUCKET": influx.Bucket, "PYMON_META_BUCKET": influx.MetaBucket} {
		if value != "" {
			e[name] = value
		}
	}
}
