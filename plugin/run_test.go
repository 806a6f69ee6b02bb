package plugin_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestTheEndSaysWhetherTheRunIsWhole ends runs in many ways.
func TestTheEndSaysWhetherTheRunIsWhole(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{
		"test_it.py": "import os, pytest\n@pytest.mark.parametrize('n', range(3))\ndef test_it(n):\n" +
			"    if 'ACT' in os.environ:\n        exec(os.environ['ACT'])\n" +
			"@pytest.mark.slow\ndef test_slow():\n    pass\n",
		"k.ini":       "[pytest]\naddopts = -k test_it --deselect test_it.py::test_slow\nmarkers = slow\n",
		"pytest.ini":  "[pytest]\nmarkers = slow\n",
		"broken/x.py": "import nothing_of_this_name\n",
		"other/x.py":  oneTest,
		"conftest.py": "import os, pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_keyboard_interrupt():\n" +
			"    if 'twice' in os.environ.get('ACT', ''):\n        raise KeyboardInterrupt\n",
		"it/v/cache/lastfailed":    `{"test_it.py::test_slow": true}`,
		"other/v/cache/lastfailed": `{"other/x.py::test_it": true}`,
	})
	for _, tt := range []struct {
		name                          string
		args                          []string
		act                           string // code of the first tests
		status, collected, deselected int
		partial                       any
	}{
		{"whole", nil, "", 0, 4, 0, nil},
		{"whole with workers", []string{"-n", "2"}, "", 0, 4, 0, nil},
		{"a marker", []string{"-m", "not slow"}, "", 0, 4, 1, nil},
		{"a marker, with workers", []string{"-m", "not slow", "-n", "2"}, "", 0, 4, 1, nil},
		{"the project's own choice", []string{"-c", "k.ini"}, "", 0, 4, 1, nil},
		{"failures", nil, "assert 0", 1, 4, 0, nil},
		{"stop at the first failure, which there is not", []string{"-x"}, "", 0, 4, 0, nil},
		{"stop at the first failure", []string{"-x"}, "assert n != 1", 1, 4, 0, "-x"},
		{"stop at the second failure", []string{"--maxfail=2"}, "assert 0", 1, 4, 0, "--maxfail"},
		{"-k", []string{"-k", "slow"}, "", 0, 4, 3, "-k"},
		{"no test is left", []string{"-k", "nothing"}, "", 5, 4, 4, "-k"},
		{"--deselect", []string{"--deselect", "test_it.py::test_slow"}, "", 0, 4, 1, "--deselect"},
		{"node ids", []string{"test_it.py::test_slow"}, "", 0, 1, 0, "node ids"},
		{"--lf, nothing has failed", []string{"--lf", "-p", "cacheprovider"}, "", 0, 4, 0, nil},
		{"--lf", []string{"--lf", "-p", "cacheprovider", "-o", "cache_dir=it"}, "", 0, 1, 0, "--lf"},
		{"--lf leaves a file out", []string{"--lf", "-p", "cacheprovider", "-o", "cache_dir=other", "test_it.py", "other/x.py"}, "", 0, 1, 0, "--lf"},
		{"--stepwise, nothing has failed", []string{"--stepwise", "-p", "cacheprovider", "-p", "stepwise"}, "", 0, 4, 0, nil},
		{"--stepwise stops", []string{"--stepwise", "-p", "cacheprovider", "-p", "stepwise"}, "assert n != 1", 2, 4, 0, "interrupted"},
		{"--stepwise leaves tests out", []string{"--stepwise", "-p", "cacheprovider", "-p", "stepwise", "-m", "not slow"}, "", 0, 4, 1, "--stepwise"},
		{"interrupted", nil, "raise KeyboardInterrupt", 2, 4, 0, "interrupted"},
		{"interrupted again while pytest stops", nil, "raise KeyboardInterrupt  # twice", 0, 4, 0, "interrupted"},
		{"pytest.exit", nil, "pytest.exit('enough', 0)", 0, 4, 0, "interrupted"},
		{"a module that cannot be read", []string{"test_it.py", "broken/x.py"}, "", 2, 4, 0, "interrupted"},
		{"no such file", []string{"nothing.py"}, "", 4, 0, 0, "usage error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			p := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: append([]string{"-p", "pymon_bridge", "--remote-server", server.URL}, tt.args...),
				Env: []string{"PYTHONPATH=" + loaded(t)}}
			if tt.act != "" {
				p.Env = append(p.Env, "ACT="+tt.act)
			}
			run := p.Run(t)
			if !strings.HasPrefix(tt.name, "interrupted") { // some versions of pytest end themselves with the signal
				assert.Equal(t, tt.status, run.ExitCode, run.Output())
			}
			session := server.session(t)
			assert.EqualValues(t, tt.status, session["exit_status"])
			assert.EqualValues(t, tt.collected, session["collected"], run.Output())
			assert.EqualValues(t, tt.deselected, session["deselected"])
			assert.Equal(t, tt.partial, session["partial"])
			assert.Equal(t, "m2", session["method"])
			assert.EqualValues(t, 0, session["utc_offset"])
		})
	}
}

// TestHardEnds ends the process in the middle of a test.
func TestHardEnds(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": `
import os, time, pytest

@pytest.mark.parametrize("n", range(60))
def test_first(n):
    pass

def test_takes_more_than_a_second():
    time.sleep(2.5)

def test_ends():
    os._exit(7)

def test_last():
    pass
`})
	for workers, status := range map[int]int{0: 7, 1: 1} {
		t.Run(strconv.Itoa(workers), func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL,
				"-n", strconv.Itoa(workers)}, Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
			assert.Equal(t, status, run.ExitCode, run.Output())
			tests := server.tests(t)
			if workers == 0 {
				assert.Len(t, tests, 61, "all until the end")
				assert.NotContains(t, server.session(t), "exit_status")
				return
			}
			assert.Len(t, tests, 63, "a new worker goes on")
			crashed := tests["test_it.py::test_ends"]
			assert.Equal(t, "failed", crashed["outcome"])
			assert.Equal(t, "test_ends", crashed["item"])
			assert.Equal(t, "test_it", crashed["item_path"])
			assert.Nil(t, crashed["total_time"])
			assert.Nil(t, server.session(t)["partial"])
		})
	}
}

// TestAForkedChildSendsNothing has a test whose child process goes on as if it were pytest.
func TestAForkedChildSendsNothing(t *testing.T) {
	t.Parallel()
	server := record(t)
	dir := suite(t, map[string]string{"test_it.py": `
import os

def test_begins():
    pass

def test_forks():
    child = os.fork()
    if child == 0:
        raise SystemExit("the child goes on")
    os.waitpid(child, 0)

def test_in_both():
    pass
`})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
		Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Contains(t, run.Output(), "1 failed, 2 passed", "the child")
	assert.Contains(t, run.Output(), "3 passed", "the parent")
	tests := server.tests(t)
	assert.Equal(t, []string{"test_it.py::test_begins", "test_it.py::test_forks", "test_it.py::test_in_both"}, slices.Sorted(maps.Keys(tests)))
	assert.Equal(t, "passed", tests["test_it.py::test_forks"]["outcome"])
	assert.EqualValues(t, 0, server.session(t)["exit_status"])
}

// TestSessionsHaveTags gives the facts of CI systems, of the environment and of the command line.
func TestSessionsHaveTags(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": oneTest})
	github := []string{"GITHUB_RUN_ID=77", "GITHUB_RUN_ATTEMPT=2", "GITHUB_RUN_NUMBER=5", "GITHUB_REF_NAME=main", "GITHUB_SHA=c0ffee"}
	for _, tt := range []struct {
		name   string
		env    []string
		args   []string
		tags   map[string]any // "run" is compared when it is here
		commit string
	}{
		{"nothing", nil, nil, map[string]any{}, ""},
		{"GitHub", github, nil, map[string]any{"__ci__": "github", "run": "github-77-2", "branch": "main", "pipeline_branch": "main",
			"pipeline_build_no": "5"}, "c0ffee"},
		{"a pull request", append(github, "GITHUB_HEAD_REF=fix", "GITHUB_BASE_REF=main", "GITHUB_REF_NAME=9/merge"), nil, map[string]any{
			"__ci__": "github", "run": "github-77-2", "branch": "fix", "pipeline_branch": "fix", "pipeline_build_no": "5"}, "c0ffee"},
		{"the main branch of a fork", append(github, "GITHUB_HEAD_REF=main", "GITHUB_BASE_REF=main"), nil, map[string]any{
			"__ci__": "github", "run": "github-77-2", "branch": "main of a fork", "pipeline_branch": "main of a fork",
			"pipeline_build_no": "5"}, "c0ffee"},
		{"a tag of git", append(github, "GITHUB_REF_TYPE=tag"), nil, map[string]any{"__ci__": "github", "run": "github-77-2",
			"pipeline_build_no": "5"}, "c0ffee"},
		{"GitLab", []string{"CI_PIPELINE_ID=8", "CI_PIPELINE_IID=3", "CI_COMMIT_BRANCH=main", "CI_COMMIT_SHA=c0ffee"}, nil, map[string]any{
			"__ci__": "gitlabci", "run": "gitlabci-8", "branch": "main", "pipeline_branch": "main", "pipeline_build_no": "3"}, "c0ffee"},
		{"Jenkins", []string{"BUILD_TAG=jenkins-shop-9", "BUILD_NUMBER=9", "GIT_BRANCH=origin/main", "GIT_COMMIT=c0ffee"}, nil, map[string]any{
			"__ci__": "jenkinsci", "run": "jenkinsci-jenkins-shop-9", "branch": "main", "pipeline_branch": "main",
			"pipeline_build_no": "9"}, "c0ffee"},
		{"Azure", []string{"BUILD_BUILDID=4", "BUILD_BUILDNUMBER=2026.4", "BUILD_SOURCEBRANCH=refs/heads/a/b", "BUILD_SOURCEVERSION=c0ffee"}, nil,
			map[string]any{"__ci__": "azure", "run": "azure-4", "branch": "a/b", "pipeline_branch": "a/b", "pipeline_build_no": "2026.4"}, "c0ffee"},
		{"CircleCI", []string{"CIRCLE_WORKFLOW_ID=w", "CIRCLE_BUILD_NUM=6", "CIRCLE_BRANCH=main", "CIRCLE_SHA1=c0ffee"}, nil, map[string]any{
			"__ci__": "circleci", "run": "circleci-w", "branch": "main", "pipeline_branch": "main", "pipeline_build_no": "6"}, "c0ffee"},
		{"Buildkite", []string{"BUILDKITE_BUILD_ID=b", "BUILDKITE_RETRY_COUNT=1", "BUILDKITE_BUILD_NUMBER=6", "BUILDKITE_BRANCH=main",
			"BUILDKITE_COMMIT=c0ffee"}, nil, map[string]any{"__ci__": "buildkite", "run": "buildkite-b-1", "branch": "main",
			"pipeline_branch": "main", "pipeline_build_no": "6"}, "c0ffee"},
		{"tests that are run again", append(github, "PYMON_TAGS=branch=other"), []string{"-k", "test_it"}, map[string]any{"__ci__": "github",
			"branch": "other", "pipeline_branch": "main", "pipeline_build_no": "5"}, "c0ffee"},
		{"the environment", append(github, "PYMON_RUN=r", "PYMON_TAGS=branch=a\n\nx=y=z", "TOX_ENV_NAME=py311"), nil, map[string]any{
			"__ci__": "github", "run": "r-py311", "branch": "a", "x": "y=z", "pipeline_branch": "main", "pipeline_build_no": "5"}, "c0ffee"},
		{"the command line", append(github, "PYMON_RUN=r", "PYMON_TAGS=branch=a"), []string{"--tag", "branch=b", "--tag", "run=c", "--tag", "bare",
			"--description", "d"}, map[string]any{"__ci__": "github", "run": "c", "branch": "b", "bare": "", "description": "d",
			"pipeline_branch": "main", "pipeline_build_no": "5"}, "c0ffee"},
		{"nox", []string{"PYMON_RUN=r", "NOX_CURRENT_SESSION=tests-3.11"}, nil, map[string]any{"run": "r-tests-3.11"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: append([]string{"-p", "pymon_bridge", "--remote-server", server.URL}, tt.args...),
				Env: append([]string{"PYTHONPATH=" + loaded(t)}, tt.env...)}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			session, tags := server.session(t), server.tags(t)
			if _, ok := tt.tags["run"]; !ok {
				assert.Equal(t, session["session_h"], tags["run"], "a run of its own")
				delete(tags, "run")
			}
			assert.Equal(t, tt.tags, tags)
			assert.Equal(t, tt.commit, session["scm_ref"])
		})
	}
	t.Run("git", func(t *testing.T) {
		t.Parallel()
		server := record(t)
		run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Git: true, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
			Env: append([]string{"PYTHONPATH=" + loaded(t)}, github...)}.Run(t)
		assert.Equal(t, run.ScmRef, server.session(t)["scm_ref"])
		assert.NotContains(t, server.tags(t), "dirty", "a CI system checks out what is committed")
	})
}

// TestChangesThatAreNotCommittedAreATag has what people and programs change in a checkout.
func TestChangesThatAreNotCommittedAreATag(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		changed, text string
		args          []string
		dirty         any
	}{
		"nothing":                 {"pytest.ini", "[pytest]\n", nil, nil},
		"a test":                  {"sub/test_it.py", oneTest + "# changed\n", nil, "yes"},
		"another file":            {"pytest.ini", "[pytest]\naddopts = -q\n", nil, "yes"},
		"a new test":              {"new/test_new 日.py", oneTest, nil, "yes"},
		"the output of a program": {"report.xml", "<a/>", nil, nil},
		"a test, and a tag":       {"sub/test_it.py", oneTest + "# changed\n", []string{"--tag", "dirty="}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := suite(t, map[string]string{"sub/test_it.py": oneTest, "pytest.ini": "[pytest]\n"})
			for _, args := range [][]string{{"init", "--quiet"}, {"add", "."},
				{"-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message", "Suite"}} {
				out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			write(t, filepath.Join(dir, tt.changed), tt.text)
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Env: []string{"PYTHONPATH=" + loaded(t)},
				Args: append([]string{"-p", "pymon_bridge", "--remote-server", server.URL, "sub"}, tt.args...)}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Equal(t, tt.dirty, server.tags(t)["dirty"])
		})
	}
}

// TestTestsDoNotSeeTheCommandRun has the environment of `pymon-bridge run`. A pytest that a test starts is not measured,
// and finds nothing of it.
func TestTestsDoNotSeeTheCommandRun(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{
		"test_it.py": `
import os, subprocess, sys

def test_environment():
    assert not [n for n in os.environ if n.startswith("PYMON_") and n != "PYMON_INSIDE"]
    assert os.environ["PYTHONPATH"] == "/elsewhere"
    assert os.environ["PYTEST_ADDOPTS"] == "-q"
    assert "EXTRA" not in os.environ

def test_nested():
    done = subprocess.run([sys.executable, "-m", "pytest", "inner", "-p", "no:monitor"], stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout
    assert "pymon_bridge" not in done.stdout.decode()

def test_nested_in_this_process():
    code = "import pytest, sys; sys.exit(pytest.main(['inner', '-p', 'no:monitor']))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
`,
		"inner/test_inner.py": "import sys\ndef test_inner():\n    assert 'pymon_bridge' not in sys.modules\n",
	})
	for _, workers := range []string{"0", "2"} {
		t.Run(workers, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"test_it.py", "-n", workers, "--tag", "a=b"}, Env: []string{
				"PYTHONPATH=" + strings.Join([]string{loaded(t), "/elsewhere"}, ":"), "PYTEST_ADDOPTS=-p pymon_bridge -q",
				"PYMON_URL=" + server.URL, "PYMON_TOKEN=t", "PYMON_RUN=r", "PYMON_TAGS=x=y", "PYMON_RUN_TAKEOVER=EXTRA,NOTHING", "EXTRA=1"}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Len(t, server.tests(t), 3)
			assert.Equal(t, map[string]any{"run": "r", "x": "y", "a": "b"}, server.tags(t))
		})
	}
}

// TestPytestInsideAPytestIsNotMeasured has the address in the environment. The command line of the inner pytest may ask
// for it.
func TestPytestInsideAPytestIsNotMeasured(t *testing.T) {
	t.Parallel()
	server, other := record(t), record(t)
	dir := suite(t, map[string]string{
		"test_it.py": `
import os, subprocess, sys

def run(*args):
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "pymon_bridge", "inner", *args]).returncode

def test_nested():
    assert run() == 0

def test_asks():
    assert run("--remote-server", os.environ["OTHER"]) == 0

def test_asks_in_this_process():
    import pytest
    assert pytest.main(["second", "-p", "pymon_bridge", "--remote-server", os.environ["OTHER"]]) == 0
    assert os.environ["PYMON_INSIDE"]
`,
		"inner/test_inner.py": oneTest, "second/test_second.py": oneTest,
	})
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "test_it.py"},
		Env: []string{"PYTHONPATH=" + loaded(t), "PYMON_URL=" + server.URL, "OTHER=" + other.URL}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.Len(t, server.tests(t), 3)
	assert.Len(t, other.tests(t), 2)
}

// TestAProgramMayRunPytestTwice has a program that runs pytest two times, in the environment of `pymon-bridge run` and with
// an address alone.
func TestAProgramMayRunPytestTwice(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{
		"test_it.py": `
import os, subprocess, sys

def test_twice():
    code = "import pytest; assert pytest.main(['inner/test_a.py']) == 0; assert pytest.main(['inner/test_b.py']) == 0"
    env = dict(os.environ, PYTHONPATH=os.environ["FOLDER"], PYTEST_ADDOPTS="-p pymon_bridge", PYMON_URL=os.environ["URL"])
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
`,
		"inner/test_a.py": oneTest, "inner/test_b.py": oneTest,
	})
	for _, variable := range []string{"PYMON_RUN_TAKEOVER=", "NOTHING="} {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			server := record(t)
			run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "no:monitor", "test_it.py"},
				Env: []string{"FOLDER=" + loaded(t), "URL=" + server.URL, variable}}.Run(t)
			assert.Equal(t, 0, run.ExitCode, run.Output())
			assert.Equal(t, []string{"inner/test_a.py::test_it", "inner/test_b.py::test_it"}, slices.Sorted(maps.Keys(server.tests(t))))
			assert.Len(t, server.of("sessions"), 4, "two sessions, with their ends")
		})
	}
}
