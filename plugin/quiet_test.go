package plugin_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// options are the options of pytest-monitor with a value each.
var options = map[string]string{
	"--remote-server": "http://127.0.0.1:9", "--tag": "a=b", "--description": "d", "--restrict-scope-to": "module",
	"--component-prefix": "p", "--force-component": "c", "--parametrization-explicit": "", "--no-monitor": "", "--no-gc": "",
	"--db": "x", "--no-db": "",
}

// definesOptions is a conftest with options of its own that have the names of pytest-monitor's.
const definesOptions = `
import pytest

OPTIONS = {%s}

def pytest_addoption(parser):
    for name, value in OPTIONS.items():
        parser.addoption(name, dest="own" + name.replace("-", "_"), action="store" if value else "store_true")

@pytest.fixture
def own(request):
    return {name: request.config.getoption("own" + name.replace("-", "_")) for name in OPTIONS}
`

func conftest(names ...string) string {
	var lines []string
	for _, name := range names {
		lines = append(lines, "'"+name+"': '"+options[name]+"'")
	}
	return strings.Replace(definesOptions, "%s", strings.Join(lines, ", "), 1)
}

// witnessPath is the folder of witness.py.
const witnessPath = "testdata/sample"

// withWitness returns the environment for a suite that does not have the witness itself.
func withWitness(t *testing.T, folders ...string) []string {
	t.Helper()
	here, err := filepath.Abs(witnessPath)
	require.NoError(t, err)
	return []string{"PYTHONPATH=" + strings.Join(append(folders, here), ":"), "PYTEST_ADDOPTS=-p witness"}
}

// TestNothingAskedNothingChanged installs the plugin as a distribution and asks for nothing. The output of pytest, its
// status and the modules that it loads are the same without the plugin.
func TestNothingAskedNothingChanged(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{
		"pytest.ini": "[pytest]\ntestpaths = tests\n",
		"tests/conftest.py": conftest("--remote-server", "--tag", "--description", "--restrict-scope-to", "--component-prefix",
			"--force-component", "--parametrization-explicit", "--no-monitor", "--no-gc", "--db", "--no-db"),
		"tests/test_it.py": "import pytest\n" +
			"@pytest.mark.parametrize('n', [1, 2])\ndef test_own(own, n):\n    print(sorted(own.items()))\n    assert n == 1\n",
	})
	var given []string
	for name, value := range options {
		if given = append(given, name); value != "" {
			given[len(given)-1] += "=" + value
		}
	}
	bare := suite(t, map[string]string{"test_it.py": oneTest})
	for name, args := range map[string][]string{
		"bare, no option":           {"-q"},
		"bare, an option":           {"-q", "--tag", "a=b"},
		"bare, help":                {"--help"},
		"no option":                 {"-q"},
		"options of the conftest":   append(given, "-q"),
		"a separate value":          {"-q", "tests", "--remote-server", "http://127.0.0.1:9"},
		"an option that nobody has": {"-q", "--nobody"},
		"help":                      {"--help"},
		"workers":                   append(given, "-q", "-n", "1"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(folders ...string) (*harness.PytestRun, witness) {
				p := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: append([]string{"-p", "no:monitor"}, args...),
					Env: withWitness(t, folders...)}
				if strings.HasPrefix(name, "bare") {
					p.Suite = bare
				}
				if slices.Contains([]string{"an option that nobody has", "help", "bare, an option", "bare, help"}, name) {
					p.Env = append(p.Env, "WITNESS="+os.DevNull)
					return p.Run(t), witness{}
				}
				w := watch(t, p)
				return w.run, w
			}
			without, before := run()
			with, after := run(installed(t))
			assert.Equal(t, without.ExitCode, with.ExitCode)
			assert.NotContains(t, without.Output(), "Error: ")
			assert.Equal(t, steady(without), steady(with))
			assert.Equal(t, before.Stats, after.Stats)
			assert.Equal(t, before.Modules, slices.DeleteFunc(after.Modules, func(m string) bool { return m == "pymon_bridge" }))
		})
	}
}

var changing = regexp.MustCompile(`[0-9.]+s|0x[0-9a-f]+|/\S*/suite\S*`)

// steady returns what pytest printed without what differs from run to run.
func steady(run *harness.PytestRun) string {
	return changing.ReplaceAllString(run.Output(), "…")
}

const oneTest = "def test_it():\n    pass\n"

// TestMonitorBesideAnEntryPoint installs the plugin beside pytest-monitor, which measures on. On pytest 9.2 pytest-monitor
// alone fails the last test of each module.
func TestMonitorBesideAnEntryPoint(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest})
	monitor := filepath.Join(harness.Root(t), ".cache", "py", harness.Plugin92, "lib")
	found, err := filepath.Glob(filepath.Join(monitor, "*", "site-packages", "pytest_monitor*"))
	require.NoError(t, err)
	require.Len(t, found, 2, "the module and its metadata")
	before := t.TempDir() // pytest-monitor in a folder before that of the plugin: pytest loads it first
	for _, path := range found {
		require.NoError(t, os.Symlink(path, filepath.Join(before, filepath.Base(path))))
	}
	for name, folders := range map[string][]string{
		"alone":        nil,
		"plugin first": {installed(t)},
		"plugin last":  {before, installed(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"--remote-server", server.URL, "--no-db"},
				Env: []string{"PYTHONPATH=" + strings.Join(folders, ":"), "PYMON_URL=" + server.URL}}.Run(t)
			assert.Empty(t, server.tests(t)["test_it.py::test_it"])
			if name == "alone" {
				require.Equal(t, 1, run.ExitCode, "pytest-monitor works again: the mend may go")
				return
			}
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Contains(t, run.Output(), "1 passed")
			assert.Len(t, server.of("metrics"), 1)
			assert.Empty(t, server.of("outcomes"))
		})
	}
}

// TestNamedPluginTakesOver names the plugin with -p, in all the ways that pytest has, beside an installed pytest-monitor,
// and where the plugin is loaded several times.
func TestNamedPluginTakesOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		installed bool
		ini, env  string
		args      []string
	}{
		{name: "command line", args: []string{"-p", "pymon_bridge"}},
		{name: "command line, in one word", args: []string{"-ppymon_bridge"}},
		{name: "PYTEST_ADDOPTS", env: "PYTEST_ADDOPTS=-p pymon_bridge"},
		{name: "addopts", ini: "addopts = -p pymon_bridge"},
		{name: "twice", args: []string{"-p", "pymon_bridge", "-p", "pymon_bridge"}},
		{name: "installed too", installed: true, args: []string{"-p", "pymon_bridge"}},
		{name: "everywhere", installed: true, env: "PYTEST_PLUGINS=pymon_bridge", ini: "addopts = -p pymon_bridge"},
		{name: "no autoload", installed: true, env: "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", args: []string{"-p", "pymon_bridge"}},
		{name: "workers", installed: true, args: []string{"-p", "pymon_bridge", "-n", "1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, path := record(t), loaded(t)
			if tt.installed {
				path = installed(t)
			}
			dir := suite(t, map[string]string{"test_it.py": oneTest, "pytest.ini": "[pytest]\n" + tt.ini + "\n"})
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: append(tt.args, "--remote-server", server.URL, "--tag", "a=b"),
				Env: []string{"PYTHONPATH=" + path, tt.env}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Equal(t, "passed", server.tests(t)["test_it.py::test_it"].text("outcome"))
			assert.Equal(t, "b", server.tags(t)["a"])
			assert.NoFileExists(t, run.Database)
		})
	}
}

// TestConftestsKeepTheirOptions has conftests that define options of the plugin's names. The plugin has the others.
func TestConftestsKeepTheirOptions(t *testing.T) {
	t.Parallel()
	all := slices.Sorted(maps.Keys(options))
	for name, defined := range map[string][]string{
		"server": {"--remote-server"}, "tag": {"--tag"}, "all": all,
		"others": slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == "--tag" || n == "--remote-server" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			dir := suite(t, map[string]string{
				"pytest.ini":         "[pytest]\ntestpaths = checks\n",
				"checks/conftest.py": conftest(defined...),
				"checks/test_it.py":  "def test_own(own):\n    for name, value in own.items():\n        assert value in ('x', True), name\n",
			})
			args := []string{"-p", "pymon_bridge"}
			for _, option := range defined {
				if args = append(args, option); options[option] != "" {
					args = append(args, "x")
				}
			}
			if !slices.Contains(defined, "--tag") {
				args = append(args, "--tag", "x=y")
			}
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: args,
				Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_URL=" + server.URL}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Equal(t, "passed", server.tests(t)["checks/test_it.py::test_own"].text("outcome"))
			if !slices.Contains(defined, "--tag") {
				assert.Equal(t, "y", server.tags(t)["x"])
			}
		})
	}
}

// TestAConftestMayRequireAnOption has an option without which pytest does not run.
func TestAConftestMayRequireAnOption(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest,
		"conftest.py": "def pytest_addoption(parser):\n    parser.addoption('--stage', required=True)\n"})
	for _, python := range pythons() {
		server := record(t)
		run := harness.Pytest{Python: python, Suite: dir, Args: []string{"-p", "pymon_bridge", "--stage", "x", "--remote-server", server.URL},
			Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
		assert.Equal(t, 0, run.ExitCode, run.Output())
		assert.Len(t, server.tests(t), 1)
	}
}

// TestEntryPointIsAskedByAnAddress has the plugin installed, and an address is given.
func TestEntryPointIsAskedByAnAddress(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest, "off.ini": "[pytest]\n"})
	for _, tt := range []struct {
		name string
		url  string
		args []string
		rows int
	}{
		{"variable", "URL", nil, 1},
		{"option", "", []string{"--remote-server", "URL"}, 1},
		{"the option wins", "http://127.0.0.1:9", []string{"--remote-server=URL"}, 1},
		{"no monitor", "URL", []string{"--no-monitor"}, 0},
		{"collect only", "URL", []string{"--collect-only"}, 0},
		{"fixtures", "URL", []string{"--fixtures"}, 0},
		{"plan", "URL", []string{"--setup-plan"}, 0},
		{"version", "URL", []string{"--version"}, 0},
		{"markers", "URL", []string{"--markers"}, 0},
		{"cache", "URL", []string{"--cache-show", "-p", "cacheprovider"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			var args []string
			for _, arg := range append(tt.args, "-p", "no:monitor") {
				args = append(args, strings.Replace(arg, "URL", server.URL, 1))
			}
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: args,
				Env: []string{"PYTHONPATH=" + installed(t), "PYMON_URL=" + strings.Replace(tt.url, "URL", server.URL, 1)}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Len(t, server.tests(t), tt.rows)
			assert.Len(t, server.of("contexts"), tt.rows)
		})
	}
}
