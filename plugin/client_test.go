package plugin_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// TestWrongRowsOfAListLoseNoOthers lets one row of a list be one that the bridge refuses.
func TestWrongRowsOfAListLoseNoOthers(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	dir := suite(t, map[string]string{
		"test_it.py": "import pytest\n@pytest.mark.parametrize('n', range(120))\ndef test_it(n):\n    pass\n",
		"conftest.py": `
import pymon_bridge

real = pymon_bridge.Client.add

def add(self, path, row):
    real(self, path, dict(row, total_time="x") if row.get("nodeid") == "test_it.py::test_it[3]" else row)

pymon_bridge.Client.add = add
pymon_bridge.Client.flush = lambda self: None  # all at the end, in two lists
`})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", bridge.URL},
		Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.Contains(t, run.Output(), "pymon-bridge: 1 of the results did not arrive at "+bridge.URL+": 400 {")
	assert.Contains(t, run.Output(), "1 of 100 rows are invalid, 99 are stored")
	assert.Len(t, harness.Stored(t, bridge.Data).Metrics, 119)
}

// TestASlowBridgeGetsFewRequests gives the client a clock, and a bridge that answers after 1.5 seconds.
func TestASlowBridgeGetsFewRequests(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": `
import pymon_bridge

def test_it(monkeypatch):
    now, sent = [0.0], []
    monkeypatch.setattr(pymon_bridge.Clock, "perf", staticmethod(lambda: now[0]))
    client = pymon_bridge.Client("http://127.0.0.1:1", None)

    def post(path, body, limit):
        now[0] += 1.5
        sent.append(now[0])
        return 201, ""

    client.post = post
    for _ in range(120):
        now[0] += 0.5
        client.add("metrics/", {})
        client.flush_when_due()
    assert len(sent) in (4, 5), sent
    assert now[0] < 60 * 1.15
`})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "no:monitor"}, Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
}

// TestGroupsOfWorkersAreNoPartOfANodeID distributes groups of tests over workers.
func TestGroupsOfWorkersAreNoPartOfANodeID(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": `
import os, pytest

@pytest.mark.xdist_group("g1")
@pytest.mark.parametrize("a", ["x@y", "z"])
def test_it(a):
    pass

@pytest.mark.xdist_group("g2")
def test_ends():
    os._exit(3)

def test_free():
    pass
`})
	server := record(t)
	run := harness.Pytest{Python: harness.Plugin84, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL,
		"-n", "2", "--dist", "loadgroup", "--max-worker-restart", "0"}, Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 1, run.ExitCode, run.Output())
	assert.Equal(t, []string{"test_it.py::test_ends", "test_it.py::test_free", "test_it.py::test_it[x@y]", "test_it.py::test_it[z]"},
		slices.Sorted(maps.Keys(server.tests(t))))
}

// TestAServerThatLiesBreaksNoTest answers with a number of 5,000 digits, which Python reads as no number, and with an answer that
// never ends.
func TestAServerThatLiesBreaksNoTest(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"a number of 5,000 digits": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("9", 5000)+" of 2 rows are invalid, 1 are stored", http.StatusBadRequest)
		},
		"an answer without an end": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			for line := []byte(strings.Repeat("x", 64<<10)); ; {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(answer)
			defer server.Close()
			dir := suite(t, map[string]string{"test_it.py": "def test_a():\n    pass\ndef test_b():\n    pass\n"})
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
				Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_WAIT=0"}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Contains(t, run.Output(), "2 passed")
			assert.Contains(t, run.Output(), "2 of the results did not arrive")
			assert.NotContains(t, run.Output(), "Error")
		})
	}
}
