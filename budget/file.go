// Package budget reads files with limits for tests, and says how the tests of a run keep to them.
package budget

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"pymon-bridge/monitor"
)

// File has the limits of a file. A file is TOML:
//
//	[total]
//	wall_time = "10m"
//
//	[[tests]]
//	pattern = "tests/unit"
//	wall_time = "500ms"
//	cpu_time = "300ms"
//	memory = "50MiB"
type File struct {
	Total limits `toml:"total"`
	Tests []rule `toml:"tests"`
}

// limits are the limits of a table. 0 is none.
type limits struct {
	WallTime duration `toml:"wall_time"`
	CPUTime  duration `toml:"cpu_time"`
	Memory   size     `toml:"memory"`
}

// rule has the limits of each test that matches a pattern.
type rule struct {
	Pattern string `toml:"pattern"`
	limits         // the library takes its keys for those of the rule

	match   matcher
	matched bool
}

const (
	limitKeys = "wall_time, cpu_time or memory"
	allTables = "the table [total], and a table [[tests]] for each pattern"
)

// Read reads a file. name is what errors call it. It fails with EInvalid, and names the line, the key and what was expected.
func Read(name string, content []byte) (*File, error) {
	f := new(File)
	d := toml.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "%s%w", name, explain(err))
	}
	at := lines(content)
	wrong := func(table string, n int, problem string) error {
		line := 1
		if of := at[table]; n < len(of) {
			line = of[n]
		}
		return monitor.Errorf(monitor.EInvalid, "%s:%d: %s", name, line, problem)
	}
	if of := at["total"]; len(of) > 0 && f.Total == (limits{}) {
		return nil, wrong("total", 0, "total: expected "+limitKeys)
	}
	for i := range f.Tests {
		r := &f.Tests[i]
		switch {
		case strings.TrimSpace(r.Pattern) == "":
			return nil, wrong("tests", i, "tests.pattern: expected a path or a node id, such as \"tests/unit\" or \"*::test_big*\"")
		case r.limits == limits{}:
			return nil, wrong("tests", i, "tests: expected "+limitKeys+" beside the pattern")
		}
		r.match = newMatcher(r.Pattern)
	}
	if f.Total == (limits{}) && len(f.Tests) == 0 {
		return nil, wrong("", 0, "no limits: expected "+allTables)
	}
	return f, nil
}

// explain returns what is wrong, and in which line where that is known.
func explain(err error) error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		first := &strict.Errors[0]
		line, _ := first.Position()
		return fmt.Errorf(":%d: %s: unknown key: expected %s", line, strings.Join(first.Key(), "."), expected(first.Key()))
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := e.Position()
		return fmt.Errorf(":%d: %s", line, strings.TrimPrefix(e.Error(), "toml: "))
	}
	problem, _, mistaken := strings.Cut(strings.TrimPrefix(err.Error(), "toml: "), " into struct field") // a type of this program follows
	if mistaken {
		problem += ": expected " + allTables
	}
	return fmt.Errorf(": %s", problem)
}

// expected says which keys may stand where an unknown one stands.
func expected(key []string) string {
	switch {
	case len(key) > 1 && key[0] == "total":
		return limitKeys
	case len(key) > 1 && key[0] == "tests":
		return "pattern, " + limitKeys
	default:
		return allTables
	}
}

// lines says in which lines tables begin, by their name.
func lines(content []byte) map[string][]int {
	at := map[string][]int{}
	var p unstable.Parser
	for p.Reset(content); p.NextExpression(); {
		e := p.Expression()
		if e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
			continue
		}
		if key := e.Key(); key.Next() {
			name := string(key.Node().Data)
			at[name] = append(at[name], p.Shape(key.Node().Raw).Start.Line)
		}
	}
	return at
}
