// Package budget reads files with limits for tests, and says how the tests of a run keep to them.
package budget

import (
	"bytes"
	"io"

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
	total limits
	tests []*rule
}

// limits are the limits of a table. 0 is none.
type limits struct {
	wallTime, cpuTime duration
	memory            size
}

// rule has the limits of each test that matches a pattern.
type rule struct {
	limits
	pattern pattern
	at      unstable.Range // where the rule begins

	match matcher
}

const (
	limitKeys = "wall_time, cpu_time or memory"
	allTables = "the table [total], and a table [[tests]] for each pattern"
)

// maxSize is the greatest size of a file in bytes.
const maxSize = 1_000_000

// Read reads a file. name is what errors call it. Of a wrong file it fails with EInvalid, and names the line, the key and what
// was expected.
func Read(name string, from io.Reader) (*File, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxSize {
		return nil, monitor.Errorf(monitor.EInvalid, "%s: expected a file of limits, of at most 1 MB", name)
	}
	r := reader{file: new(File), set: map[field]bool{}}
	r.Reset(bytes.TrimPrefix(content, []byte("\ufeff")))
	w := r.read()
	if w == nil {
		w = r.check()
	}
	if w == nil {
		return r.file, nil
	}
	line := 1
	if w.at.Offset > 0 {
		line = r.Shape(w.at).Start.Line
	}
	return nil, monitor.Errorf(monitor.EInvalid, "%s:%d: %s", name, line, w.problem)
}

// check looks for what the tables lack.
func (r *reader) check() *wrong {
	f := r.file
	if r.total != nil && f.total == (limits{}) {
		return &wrong{*r.total, "total: expected " + limitKeys}
	}
	for _, rule := range f.tests {
		switch {
		case rule.pattern == "":
			return &wrong{rule.at, "tests.pattern: expected " + rule.pattern.expected()}
		case rule.limits == limits{}:
			return &wrong{rule.at, "tests: expected " + limitKeys + " beside the pattern"}
		}
		rule.match = newMatcher(string(rule.pattern))
	}
	if f.total == (limits{}) && len(f.tests) == 0 {
		return &wrong{problem: "no limits: expected " + allTables}
	}
	return nil
}
