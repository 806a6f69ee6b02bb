package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// smallProject is a project with four tests.
var smallProject = map[string]string{
	"test_shop.py": `
import os, pytest

def test_cart():
    assert "PYMON_URL" not in os.environ and "pymon" not in os.environ.get("PYTEST_ADDOPTS", "")

def test_list():
    held = bytearray(40 << 20)

def test_pay():
    assert False

@pytest.mark.skip
def test_ship():
    pass
`,
	"Makefile": "test:\n\tpython -m pytest -q\n",
	"noxfile.py": `
import nox

@nox.session(venv_backend="none")
@nox.parametrize("django", [4, 5])
def tests(session, django):
    session.run("python", "-m", "pytest", "-q")
`,
}

// fourTests is what the summary says of this project.
const fourTests = ": 2 passed, 1 failed, 1 skipped\n"

// newProject writes the files of a Python project, which is a git repository.
func newProject(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "project")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o700))
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// runCommand returns the command `pymon-bridge run` in a project. The programs of a Python environment are on its PATH.
func runCommand(t *testing.T, dir, python string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	bin := filepath.Join(harness.Root(t), ".cache", "py", python, "bin")
	_, err := os.Stat(bin)
	require.NoError(t, err, "these tests need what `make python` installs")
	cmd := exec.Command(harness.Program(t), append([]string{"run"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + filepath.Dir(dir), "LANG=C.UTF-8",
		"PYTHONDONTWRITEBYTECODE=1"}, env...)
	return cmd
}

// pymonRun runs `pymon-bridge run` in a project to its end.
func pymonRun(t *testing.T, dir, python string, env []string, args ...string) harness.Result {
	t.Helper()
	cmd := runCommand(t, dir, python, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	late := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the state has the result
	require.True(t, late.Stop(), "it still runs: %s\n%s", stdout.String(), stderr.String())
	r := harness.Result{ExitCode: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	log, _ := os.ReadFile(filepath.Join(dir, ".pymon-bridge", "run.log"))
	assert.NotContains(t, r.Stderr+string(log), "panic:")
	return r
}

// The exit status is that of the command, and every test is measured.
func TestRunMeasuresEveryWayToStartPytest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		python  string
		env     []string
		command []string
		status  int
		says    []string // of the summary
	}{
		"pytest":              {"runners", nil, []string{"pytest", "-q"}, 1, nil},
		"python -m pytest":    {"runners", nil, []string{"python", "-m", "pytest"}, 1, nil},
		"xdist":               {"runners", nil, []string{"pytest", "-n", "2"}, 1, nil},
		"coverage":            {"runners", nil, []string{"coverage", "run", "--data-file=../cov", "-m", "pytest"}, 1, nil},
		"make":                {"runners", nil, []string{"make", "test"}, 2, nil},
		"a shell":             {"runners", nil, []string{"sh", "-c", "pytest; exit 7"}, 7, nil},
		"nox":                 {"runners", nil, []string{"nox"}, 1, []string{"tests(django=4): 4 tests", "tests(django=5): 4 tests"}},
		"pytest-monitor":      {harness.Pytest91, nil, []string{"pytest", "-p", "no:cacheprovider"}, 1, nil},
		"options of the user": {"runners", []string{"PYTEST_ADDOPTS=--maxfail=5"}, []string{"pytest"}, 1, nil},
		"no other plugins":    {"runners", []string{"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"}, []string{"pytest"}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newProject(t, smallProject)
			r := pymonRun(t, dir, tc.python, tc.env, append([]string{"--"}, tc.command...)...)
			assert.Equal(t, tc.status, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
			assert.Regexp(t, `  hungriest  [34][0-9.]+ MiB +test_shop.py::test_list\n`, r.Stderr)
			for _, says := range append(tc.says, fourTests, "  broken     failed      test_shop.py::test_pay\n", "learning: at least 10 more runs are needed", "kept in "+filepath.Join(dir, ".pymon-bridge")) {
				assert.Contains(t, r.Stderr, says)
			}
			_, err := os.Stat(filepath.Join(dir, ".pymon"))
			assert.ErrorIs(t, err, os.ErrNotExist, "pytest-monitor did not measure too")
		})
	}
}

// tox passes no variables on that it does not know, and makes an environment of Python for each of its own.
func TestRunMeasuresTox(t *testing.T) {
	t.Parallel()
	dir := newProject(t, smallProject)
	python := filepath.Join(harness.Root(t), ".cache", "py", "runners", "bin", "python")
	ini := "[tox]\nenv_list = a, b\n[testenv]\nskip_install = true\npass_env = SHOP\nallowlist_externals = *\n" +
		"commands =\n    " + python + " -c \"import os; assert os.environ['SHOP'] == 'open'\"\n    " + python + " -m pytest -q\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tox.ini"), []byte(ini), 0o600))
	r := pymonRun(t, dir, "runners", []string{"SHOP=open", "TOX_OVERRIDE=testenv.pass_env+=PATIENCE"}, "--", "tox", "run-parallel")
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	for _, environment := range []string{"a", "b"} {
		assert.Regexp(t, `pymon-bridge: `+environment+`: 4 tests, [^:]+ in tests: 2 passed, 1 failed, 1 skipped\n`, r.Stderr)
	}
}

// pytests that tests start are nobody's business.
func TestRunMeasuresTheOutermostPytestOnly(t *testing.T) {
	t.Parallel()
	dir := newProject(t, map[string]string{"inner.py": "def test_inner(): pass\n", "test_outer.py": `
import os, subprocess, sys, pytest

@pytest.mark.parametrize("isolated", [[], ["-I"]])
def test_outer(isolated):
    assert not [name for name in os.environ if "pymon" in os.environ[name] and name != "PYTEST_CURRENT_TEST"]
    subprocess.run([sys.executable, *isolated, "-m", "pytest", "-p", "no:cacheprovider", "inner.py"], check=True)
`})
	r := pymonRun(t, dir, "runners", nil, "pytest")
	assert.Equal(t, 0, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Contains(t, r.Stderr, ": 2 passed\n")
	assert.NotContains(t, r.Stderr, "inner")
}

func TestRunSaysWhenNothingWasMeasured(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		python  string
		command []string
		status  int
		says    string
	}{
		"no pytest":     {"runners", []string{"true"}, 0, "starts no pytest"},
		"isolated":      {"runners", []string{"python", "-I", "-m", "pytest"}, 4, "pip install pymon-bridge"},
		"an old pytest": {"pytest61", []string{"pytest", "--assert=plain"}, 1, "pytest is older than 6.2"},
		"a dead bridge": {"runners", []string{"sh", "-c", "kill -9 $(cut -d' ' -f1 .pymon-bridge/run.bridge); PYMON_WAIT=0 pytest"}, 1,
			"The reasons may be:\n  - They could not be delivered. Then the output of pytest says so.\n"},
		"no tests":           {"runners", []string{"pytest", "-k", "nothing"}, 5, "no test ran"},
		"a wrong option":     {"runners", []string{"pytest", "--wrong"}, 4, "a wrong option"},
		"a full disk":        {"runners", []string{"env", "PYMON_WAIT=0", "pytest"}, 1, "the bridge is not well, so nothing was measured: [-]journal: "},
		"an unknown command": {"runners", []string{"no-such-program"}, 127, "pymon-bridge: no-such-program: command not found\n"},
		"an unknown path":    {"runners", []string{"./no-such-program"}, 127, "pymon-bridge: ./no-such-program: command not found\n"},
		"no program":         {"runners", []string{"./test_shop.py"}, 126, "pymon-bridge: ./test_shop.py: cannot be executed: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newProject(t, smallProject)
			var env []string
			if name == "a full disk" {
				env = append(env, "PYMON_MIN_FREE=1024TiB")
			}
			r := pymonRun(t, dir, tc.python, env, append([]string{"--"}, tc.command...)...)
			assert.Equal(t, tc.status, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
			assert.Contains(t, r.Stderr, tc.says)
			if tc.status == 0 {
				r := pymonRun(t, dir, tc.python, nil, append([]string{"--check", "--"}, tc.command...)...)
				assert.Equal(t, 2, r.ExitCode)
				assert.Contains(t, r.Stderr, "could not judge: nothing was measured")
			}
		})
	}
}

// A summary of an earlier run says nothing about this one. Where there is none, the files say why. A file that cannot be
// written is named with the setting that chose it.
func TestRunLeavesNoOldSummary(t *testing.T) {
	t.Parallel()
	dir := newProject(t, smallProject)
	summary, step := filepath.Join(dir, "summary.md"), filepath.Join(dir, "step.md")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"true"}, "<!-- pymon-bridge default -->\n### ⚠️ no summary: `no measurements arrived`\n"},
		{[]string{"no-such-program"}, ""},
		{[]string{"--url", "http://127.0.0.1:1", "true"}, "<!-- pymon-bridge default -->\n### ⚠️ no summary: "},
	} {
		require.NoError(t, os.WriteFile(summary, []byte("of an earlier run\n"), 0o600))
		require.NoError(t, os.WriteFile(step, nil, 0o600))
		pymonRun(t, dir, "runners", []string{"GITHUB_STEP_SUMMARY=" + step}, append([]string{"--summary", summary}, tc.args...)...)
		for _, file := range []string{summary, step} {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(text[:min(len(tc.want), len(text))]))
			assert.NotContains(t, string(text), "earlier")
		}
	}
	r := pymonRun(t, dir, "runners", []string{"GITHUB_STEP_SUMMARY=" + dir}, "--summary", filepath.Join(dir, "no", "such"), "true")
	assert.Equal(t, 0, r.ExitCode)
	assert.Contains(t, r.Stderr, "pymon-bridge: --summary: open "+dir+"/no/such: ")
	assert.Contains(t, r.Stderr, "pymon-bridge: GITHUB_STEP_SUMMARY: open "+dir+": ")
}

// What no test can put right is said before the tests.
func TestRunSaysWhatIsWrongBeforeTheTests(t *testing.T) {
	t.Parallel()
	dir := newProject(t, smallProject)
	for says, tc := range map[string]struct{ env, args []string }{
		"--summary: expected a file, but " + dir + " is a directory":            {nil, []string{"--summary", dir}},
		"--rerun-file: expected a file, but " + dir + " is a directory":         {nil, []string{"--rerun-file", dir}},
		"make a temporary folder for the plugin (TMPDIR names another place): ": {[]string{"TMPDIR=" + dir + "/no"}, nil},
	} {
		r := pymonRun(t, dir, "runners", tc.env, append(tc.args, "touch", "tests")...)
		assert.Equal(t, 125, r.ExitCode, says)
		assert.Contains(t, r.Stderr, "pymon-bridge: "+says)
		assert.NoFileExists(t, filepath.Join(dir, "tests"))
	}
}

// An error is said once, and shows the address without the question.
func TestRunSaysAnErrorOnce(t *testing.T) {
	t.Parallel()
	r := pymonRun(t, newProject(t, smallProject), "runners", nil, "--check", "--url", "http://127.0.0.1:1", "true")
	assert.Equal(t, 2, r.ExitCode, r.Stderr)
	assert.Equal(t, 1, strings.Count(r.Stderr, "no bridge answers at http://127.0.0.1:1: start one"), r.Stderr)
	assert.Contains(t, r.Stderr, "pymon-bridge: could not judge: there is no summary\n")
}

func TestRunWritesMarkdown(t *testing.T) {
	t.Parallel()
	dir := newProject(t, smallProject)
	step := filepath.Join(dir, "step.md")
	require.NoError(t, os.WriteFile(step, []byte("of another step\n"), 0o600))
	r := pymonRun(t, dir, "runners", []string{"GITHUB_STEP_SUMMARY=" + step}, "--summary", "summary.md", "--data", "kept", "--project", "shop",
		"--tag", "branch=main", "--tag", "note=a, b", "pytest")
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	own, err := os.ReadFile(filepath.Join(dir, "summary.md"))
	require.NoError(t, err)
	assert.Regexp(t, `^<!-- pymon-bridge shop -->\n### ❌ 4 tests, .* in tests: 2 passed, 1 failed, 1 skipped\n`, string(own))
	both, err := os.ReadFile(step)
	require.NoError(t, err)
	assert.Equal(t, "of another step\n"+string(own), string(both))
	ignored, err := os.ReadFile(filepath.Join(dir, "kept", ".gitignore"))
	require.NoError(t, err)
	assert.Equal(t, "*\n", string(ignored))
	// Another bridge serves the directory later. It needs no token.
	bridge := harness.StartBridge(t, harness.BridgeConfig{Data: filepath.Join(dir, "kept")})
	resp, err := http.Get(bridge.URL + "/p/shop/api/v1/sessions/?with_flags=note")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	sessions, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for _, tag := range []string{`{"name":"branch","value":"main"}`, `{"name":"note","value":"a, b"}`} {
		assert.Contains(t, string(sessions), tag)
	}
}

func TestRunSendsToABridge(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	token := strings.TrimSpace(harness.RunProgram(t, nil, "token", "add", "shop", "--data", bridge.Data).Stdout)
	dir := newProject(t, smallProject)
	r := pymonRun(t, dir, "runners", []string{"PYMON_URL=" + bridge.URL, "PYMON_TOKEN=" + token}, "--project", "shop", "pytest")
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Contains(t, r.Stderr, fourTests)
	_, err := os.Stat(filepath.Join(dir, ".pymon-bridge"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	// Without the right to read there is no summary, and without a bridge no measurement. The tests run all the same.
	writes := strings.TrimSpace(harness.RunProgram(t, nil, "token", "add", "shop", "--scope", "write", "--data", bridge.Data).Stdout)
	r = pymonRun(t, dir, "runners", []string{"PYMON_TOKEN=" + writes}, "--url", bridge.URL+"/p/shop", "pytest")
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Contains(t, r.Stderr, "no summary: ")
	assert.Contains(t, r.Stderr, "scope read")
	bridge.Stop()
	r = pymonRun(t, dir, "runners", []string{"PYMON_WAIT=0"}, "--url", bridge.URL, "pytest")
	assert.Equal(t, 1, r.ExitCode, "%s%s", r.Stdout, r.Stderr)
	assert.Contains(t, r.Stderr, "no summary: no bridge answers at "+bridge.URL)
}
