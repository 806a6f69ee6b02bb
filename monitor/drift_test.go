package monitor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// TestFolders holds which folders a file is in.
func TestFolders(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]string{
		"":                     nil,
		"test_a.py":            nil,
		"./tests/test_a.py":    {"tests"},
		"tests/unit/test_a.py": {"tests/unit", "tests"},
		`tests\unit\test_a.py`: {"tests/unit", "tests"},
		"/srv/tests/test_a.py": {"/srv/tests", "/srv"},
		"../tests/test_a.py":   {"../tests"},
		"..":                   nil,
	} {
		assert.Equal(t, want, monitor.Folders(file), file)
	}
}

// TestAcceptanceCovers holds which tests an acceptance is about.
func TestAcceptanceCovers(t *testing.T) {
	t.Parallel()
	id := monitor.TestID{Component: "core", ItemPath: "tests.unit.test_a", Item: "test_x", ItemVariant: "test_x[1]"}
	const file = "tests/unit/test_a.py"
	for _, c := range []struct {
		a    monitor.AcceptedScope
		want bool
	}{
		{monitor.AcceptedScope{}, true},
		{monitor.AcceptedScope{ItemPath: "tests.unit.test_a", ItemVariant: "test_x[1]"}, true},
		{monitor.AcceptedScope{ItemPath: "tests.unit.test_a", ItemVariant: "test_x[2]"}, false},
		{monitor.AcceptedScope{ItemPath: "test_a", ItemVariant: "test_x[1]"}, false},
		{monitor.AcceptedScope{Part: "core"}, true},
		{monitor.AcceptedScope{Part: "tests/unit"}, true},
		{monitor.AcceptedScope{Part: "tests"}, true},
		{monitor.AcceptedScope{Part: "./tests/"}, true},
		{monitor.AcceptedScope{Part: "tests/unit/test_a.py"}, true},
		{monitor.AcceptedScope{Part: "tests/un"}, false},
		{monitor.AcceptedScope{Part: "unit"}, false},
	} {
		assert.Equal(t, c.want, c.a.Covers(id, file), "%+v", c.a)
		assert.Equal(t, c.want, c.a.Covers(id, strings.ReplaceAll(file, "/", `\`)), "on Windows: %+v", c.a)
		c.a.Part = strings.ReplaceAll(c.a.Part, "/", `\`)
		assert.Equal(t, c.want, c.a.Covers(id, file), "%+v", c.a)
	}
}
