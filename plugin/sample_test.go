package plugin_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// witness is what pytest itself says of a run: testdata/sample/witness.py writes it.
type witness struct {
	Status  int
	Stats   map[string][]string // node ids by category
	Modules []string            // Python's modules at the end

	run *harness.PytestRun
}

// watch runs pytest with the witness.
func watch(t *testing.T, p harness.Pytest) (w witness) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "witness.json")
	p.Env = append(p.Env, "WITNESS="+file)
	w.run = p.Run(t)
	text, err := os.ReadFile(file)
	require.NoError(t, err, w.run.Output())
	require.NoError(t, json.Unmarshal(text, &w))
	assert.Equal(t, w.Status, w.run.ExitCode)
	return w
}

// outcomes returns the outcome that each test of a run has.
func (w witness) outcomes() map[string]string {
	all := map[string]string{}
	for _, c := range []struct{ category, outcome string }{
		{"passed", "passed"}, {"skipped", "skipped"}, {"xfailed", "xfailed"}, {"xpassed", "xpassed"}, {"error", "error"},
		{"failed", "failed"}, {"subtest failed", "failed"}, {"subtest subtests failed", "failed"},
	} {
		for _, id := range w.Stats[c.category] {
			all[id] = c.outcome
		}
	}
	return all
}

// TestResultsAreThoseWithoutThePlugin runs a suite with tests of every kind, and tests that do bad things to their process.
// pytest says the same with the plugin and without it, and the plugin says the same as pytest.
func TestResultsAreThoseWithoutThePlugin(t *testing.T) {
	t.Parallel()
	for _, python := range pythons() {
		for _, workers := range []string{"0", "2"} {
			t.Run(filepath.Base(strings.TrimSuffix(python, "/bin/python"))+" with workers "+workers, func(t *testing.T) {
				t.Parallel()
				server := record(t)
				p := harness.Pytest{Python: python, Suite: "testdata/sample",
					Args: []string{"-p", "no:monitor", "-n", workers, "--dist", "loadfile"}}
				without := watch(t, p)
				p.Args = append(p.Args, "-p", "pymon_bridge", "--remote-server", server.URL)
				p.Env = []string{"PYTHONPATH=" + loaded(t)}
				with := watch(t, p)

				assert.Equal(t, without.Status, with.Status)
				assert.Equal(t, without.Stats, with.Stats)
				assert.NotContains(t, with.run.Output(), "pymon-bridge:", "a warning")
				sent := map[string]string{}
				for id, test := range server.tests(t) {
					sent[id] = test.text("outcome")
				}
				assert.Equal(t, with.outcomes(), sent)
				assertMeasured(t, server, with)
				session := server.session(t)
				assert.EqualValues(t, with.Status, session["exit_status"])
				assert.EqualValues(t, len(sent), session["collected"])
				assert.Contains(t, session, "partial")
				assert.Nil(t, session["partial"])
			})
		}
	}
}

// assertMeasured checks the rows of the sample.
func assertMeasured(t *testing.T, server *recorder, w witness) {
	t.Helper()
	session, contexts := server.session(t), map[string]bool{}
	for _, c := range server.of("contexts") {
		contexts[c.text("h")] = true
	}
	for id, test := range server.tests(t) {
		assert.Equal(t, session["session_h"], test["session_h"])
		assert.True(t, contexts[test.text("context_h")], id)
		assert.GreaterOrEqual(t, test.text("item_start_time"), session.text("run_date"), id)
		assert.Less(t, test.number("total_time"), 60.0, id)
		if slices.Contains(w.Stats["passed"], id) && !strings.HasSuffix(id, "test_is_not_measured") {
			assert.Positive(t, test.number("total_time"), id)
			assert.Contains(t, test, "mem_peak")
		}
		if strings.HasPrefix(id, "test_kinds.py::test_") && !strings.Contains(id, "test_kinds.wrong") && !strings.Contains(id, "test_kinds.double") {
			assert.Equal(t, "kinds", test["component"], id)
		}
	}
	tests := server.tests(t)
	assert.Nil(t, tests["test_kinds.py::test_is_not_measured"]["total_time"])
	assert.NotContains(t, server.of("metrics"), tests["test_kinds.py::test_is_not_measured"])
	assert.NotContains(t, fmt.Sprint(server.of("metrics")), "outcome:failed", "a failed test is no measurement to compare with")
	if len(w.Stats["rerun"]) > 0 {
		assert.EqualValues(t, 2, tests["test_kinds.py::test_passes_at_the_second_attempt"]["attempts"])
		assert.Less(t, tests["test_kinds.py::test_passes_at_the_second_attempt"].number("total_time"), 0.5, "of the last attempt")
		assert.EqualValues(t, 3, tests["test_kinds.py::test_set_up_at_the_third_attempt"]["attempts"])
		assert.EqualValues(t, 2, tests["test_kinds.py::test_torn_down_at_the_second_attempt"]["attempts"])
		assert.EqualValues(t, 2, tests["test_kinds.py::test_never_passes"]["attempts"])
	}
}

// pythons returns the environments with which the sample runs: those of `make python`, or the paths in PYMON_PYTHONS,
// which `make test-matrix` sets.
func pythons() []string {
	if list := os.Getenv("PYMON_PYTHONS"); list != "" {
		return strings.Fields(list)
	}
	return []string{harness.Plugin84, harness.Plugin92}
}
