package plugin_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// sameRows are function tests that pass, with what pytest-monitor has names, markers and scopes for.
var sameRows = map[string]string{
	"pytest.ini":       "[pytest]\nmarkers = monitor_skip_test\n",
	"shop/__init__.py": "", "shop/test_cart.py": `
import pytest

pytest_monitor_component = "cart"

def test_it():
    pass

class TestA:
    def test_it(self):
        pass

    class TestB:
        def test_it(self):
            pass

@pytest.mark.parametrize("value", ["a-b", -1, 1e-9, "é", "[x]", None, ""])
def test_ids(value):
    pass

@pytest.mark.monitor_skip_test
def test_not_measured():
    pass

@pytest.mark.monitor_skip_test_if(True)
def test_not_measured_if():
    pass

@pytest.mark.monitor_skip_test_if(False)
def test_measured_if():
    pass

@pytest.mark.monitor_skip_test
@pytest.mark.monitor_test
def test_both_markers():
    pass

@pytest.mark.xfail
def test_xpasses():
    pass
`,
	"test_bare.py": `
import pytest

pytestmark = pytest.mark.monitor_skip_test

def test_not_measured():
    pass

@pytest.mark.monitor_test
def test_measured():
    pass

@pytest.mark.monitor_test_if(True)
def test_measured_if():
    pass
`,
}

// names are the fields that both plugins have in common: times, memory and the hash of the context differ.
func names(rows []row) (all []string) {
	for _, r := range rows {
		var text []string
		for _, name := range []string{"item_path", "item", "item_variant", "item_fs_loc", "kind", "component"} {
			text = append(text, name+"="+r.text(name))
		}
		all = append(all, strings.Join(text, " "))
	}
	return all
}

// TestRowsHaveTheNamesOfPytestMonitor measures a suite with both plugins, with each option that changes rows.
func TestRowsHaveTheNamesOfPytestMonitor(t *testing.T) {
	t.Parallel()
	dir := suite(t, sameRows)
	for _, args := range [][]string{
		nil,
		{"--restrict-scope-to", "function,module"},
		{"--restrict-scope-to=module"},
		{"--component-prefix", "web"},
		{"--force-component", "all"},
		{"--parametrization-explicit"},
		{"--import-mode=importlib"},
		{"--no-gc", "--no-db", "--db=x", "--description=d", "--tag=a=b"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			server, theirs := record(t), record(t)
			run := harness.Pytest{Suite: dir, Args: append([]string{"--no-db", "--remote-server", theirs.URL}, args...)}.Run(t)
			require.Equal(t, 0, run.ExitCode, run.Output())
			run = harness.Pytest{Suite: dir, Args: append([]string{"-p", "pymon_bridge", "--remote-server", server.URL}, args...),
				Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
			require.Equal(t, 0, run.ExitCode, run.Output())

			assert.NotEmpty(t, theirs.of("metrics"))
			assert.ElementsMatch(t, names(theirs.of("metrics")), names(server.of("metrics")))
			assert.Len(t, server.tests(t), 18)
			for _, name := range []string{"description", "a"} {
				assert.Equal(t, theirs.tags(t)[name], server.tags(t)[name])
			}
			context, other := server.of("contexts")[0], theirs.of("contexts")[0]
			for _, name := range []string{"cpu_count", "cpu_type", "cpu_vendor", "ram_total", "machine_type", "machine_arch", "system_info", "python_info"} {
				assert.Equal(t, other[name], context[name], name)
			}
			for _, metric := range server.of("metrics") {
				assert.Positive(t, metric.number("total_time"))
				assert.NotNil(t, metric["cpu_usage"])
			}
		})
	}
	for _, args := range [][]string{{"--force-component", "a", "--component-prefix", "b"}} {
		server := record(t)
		run := harness.Pytest{Suite: dir, Args: append([]string{"-p", "pymon_bridge", "--remote-server", server.URL}, args...),
			Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
		assert.Equal(t, 4, run.ExitCode)
		assert.Contains(t, run.Output(), "--force-component and --component-prefix exclude each other")
	}
}

// TestMeasurements measures known work, on clocks that lie and in another time zone.
func TestMeasurements(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{
		"conftest.py": "import freezegun\nfreezegun.freeze_time('2001-02-03', tick=False).start()\n",
		"test_it.py": `
import ctypes, time, pytest

def wait(seconds):
    """Sleeps whatever the clocks of Python say."""
    ctypes.CDLL(None).usleep(int(seconds * 1000000))

@pytest.fixture
def slow():
    wait(0.3)
    yield
    wait(0.2)

def test_sleeps(slow):
    wait(0.1)

def test_works():
    n = 0
    for _ in range(3000000):
        n += 1

def test_60():
    block = bytearray(60 * 2**20)

def test_30():
    block = bytearray(30 * 2**20)

def test_holds():
    global held
    held = bytearray(20 * 2**20)

def test_empty():
    pass
`})
	server := record(t)
	began := time.Now()
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
		Env: []string{"PYTHONPATH=" + loaded(t), "TZ=Asia/Kolkata"}}.Run(t)
	ended := time.Now()
	require.Equal(t, 0, run.ExitCode, run.Output())
	test := func(name string) row { return server.tests(t)["test_it.py::"+name] }

	assert.GreaterOrEqual(t, test("test_sleeps").number("setup_time"), 0.3)
	assert.GreaterOrEqual(t, test("test_sleeps").number("total_time"), 0.1)
	assert.GreaterOrEqual(t, test("test_sleeps").number("teardown_time"), 0.2)
	assert.Less(t, test("test_sleeps").number("user_time"), 0.1, "of the call alone")
	assert.Positive(t, test("test_works").number("user_time"))
	assert.InDelta(t, (test("test_works").number("user_time")+test("test_works").number("kernel_time"))/test("test_works").number("total_time"),
		test("test_works").number("cpu_usage"), 1e-6)

	for name, mib := range map[string]float64{"test_60": 60, "test_30": 30, "test_holds": 20, "test_empty": 0} {
		assert.InDelta(t, mib, test(name).number("mem_test"), 1, name)
		assert.Equal(t, test(name)["mem_test"], test(name)["mem_usage"], name)
		assert.Greater(t, test(name).number("mem_peak"), mib+5, name)
	}

	session := server.session(t)
	assert.EqualValues(t, 5*3600+1800, session["utc_offset"])
	india := time.FixedZone("", 5*3600+1800)
	last := began
	for _, text := range []string{session.text("run_date"), test("test_sleeps").text("item_start_time"), test("test_works").text("item_start_time"),
		test("test_empty").text("item_start_time")} {
		at, err := time.ParseInLocation("2006-01-02T15:04:05.000000", text, india)
		require.NoError(t, err)
		assert.WithinRange(t, at, last.Add(-time.Millisecond), ended)
		last = at
	}
}

// TestTooOldAPytestIsLeftAlone has a pytest that says that it is older than what the plugin needs.
func TestTooOldAPytestIsLeftAlone(t *testing.T) {
	t.Parallel()
	server := record(t)
	dir := suite(t, map[string]string{"test_it.py": oneTest,
		"old.py": "import pytest\npytest.__version__ = '6.1.2'\n"})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "no:monitor", "-p", "old", "-p", "pymon_bridge", "test_it.py"},
		Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_URL=" + server.URL}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.Contains(t, run.Output(), "pymon-bridge: nothing is measured: this needs Python 3.8 and pytest 6.2, or newer")
	assert.Empty(t, server.asked())
}

// TestMemoryIsAbsentWhereTheKernelDoesNotTell has a system without Linux's record of the peak. The bridge keeps all the
// rest.
func TestMemoryIsAbsentWhereTheKernelDoesNotTell(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest, "conftest.py": `
import pymon_bridge

def refuse(*args):
    raise PermissionError(args)

pymon_bridge.Memory.restart = refuse
`})
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", bridge.URL,
		"--restrict-scope-to=function,module"}, Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
	metrics := harness.Stored(t, bridge.Data).Metrics
	require.Len(t, metrics, 2)
	for _, m := range metrics {
		assert.True(t, math.IsNaN(m.MemUsage))
		assert.Positive(t, m.TotalTime)
	}
}

// TestWorkersTellTheirMachine has a worker on a machine that the controller is not on.
func TestWorkersTellTheirMachine(t *testing.T) {
	t.Parallel()
	server := record(t)
	dir := suite(t, map[string]string{"test_it.py": oneTest + "def test_fails():\n    assert 0\n", "conftest.py": `
import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.cpu_count = lambda: 99
`})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL, "-n", "1"},
		Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 1, run.ExitCode, run.Output())
	contexts := map[string]float64{}
	for _, c := range server.of("contexts") {
		contexts[c.text("h")] = c.number("cpu_count")
	}
	assert.Len(t, contexts, 2)
	assert.Len(t, server.tests(t), 2)
	for _, test := range server.tests(t) {
		assert.EqualValues(t, 99, contexts[test.text("context_h")])
	}
}
