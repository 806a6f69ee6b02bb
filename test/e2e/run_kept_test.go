package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Everything is in InfluxDB when the command has ended, the report too. While InfluxDB is away, the command says what is
// kept, and the next one delivers it.
func TestRunDeliversToInfluxDB(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	dir := newProject(t, smallProject)
	bucket := harness.Unique("pytest")
	env := func(url string) []string {
		return []string{"INFLUX_URL=" + url, "INFLUX_TOKEN=" + influx.Token, "INFLUX_ORG=" + influx.Org, "INFLUX_BUCKET=" + bucket,
			"PYMON_META_BUCKET=" + harness.Unique("meta")}
	}
	r := pymonRun(t, dir, "runners", env("http://127.0.0.1:1"), "--influx-wait", "100ms", "pytest")
	assert.Equal(t, 1, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, fourTests)
	assert.Regexp(t, `pymon-bridge: \d+ records are not in InfluxDB yet; they are kept in \S+, and the next run with this directory delivers them`, r.Stderr)

	r = pymonRun(t, dir, "runners", env(influx.URL), "--influx-wait", "2m", "pytest")
	assert.Equal(t, 1, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, "pymon-bridge: InfluxDB has everything; ")
	assert.Len(t, influx.Points(bucket, "test_metrics"), 4, "two tests passed, twice")
	assert.Len(t, influx.Points(bucket, "test_outcomes"), 8)
	assert.NotEmpty(t, influx.Points(bucket, "runs"), "the report")

	r = pymonRun(t, dir, "runners", []string{"INFLUX_URL=" + influx.URL}, "pytest")
	assert.Equal(t, 2, r.ExitCode, r.Stdout)
	assert.Contains(t, r.Stderr, "--influx-token: expected an API token")
}

// commitAll makes a repository of a project, with one commit.
func commitAll(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".git")))
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."},
		{"-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message", "Suite"}} {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// A bridge that starts judges the runs of the last minute again, and delivers only the reports that change. `run` waits for what
// InfluxDB does not have, and not for those.
func TestRunWaitsForWhatInfluxDBLacks(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	dir := newProject(t, map[string]string{"test_shop.py": "def test_pay(): pass\n"})
	commitAll(t, dir)
	bucket := harness.Unique("pytest")
	for run := range 3 {
		r := pymonRun(t, dir, "runners", []string{"INFLUX_URL=" + influx.URL, "INFLUX_TOKEN=" + influx.Token, "INFLUX_ORG=" + influx.Org,
			"INFLUX_BUCKET=" + bucket, "PYMON_META_BUCKET=" + bucket + "_meta"}, "--influx-wait", "2m", "pytest")
		assert.Equal(t, 0, r.ExitCode, r.Stderr)
		assert.Contains(t, r.Stderr, "pymon-bridge: InfluxDB has everything; ")
		assert.Len(t, influx.Points(bucket, "runs"), run+1)
	}
}

// together is a project whose test waits until the tests of both commands have begun. The second then waits until the first
// has ended.
var together = map[string]string{"test_it.py": `
import os, pathlib, time

def wait(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.02)

def test_begin():
    pathlib.Path(os.environ["ME"]).touch()
    wait("first")
    wait("second")

def test_end():
    if os.environ["ME"] == "second":
        wait("ended")
`}

// Two commands at once on one directory share a bridge. It lives until the last has left. What asks about a project that is not in
// the directory learns which ones are.
func TestRunsAtOnceShareABridge(t *testing.T) {
	t.Parallel()
	dir := newProject(t, together)
	start := func(name, project string) *harness.Process {
		return harness.StartProcess(t, runCommand(t, dir, "runners", []string{"ME=" + name}, "--project", project, "pytest", "-p", "no:cacheprovider"))
	}
	first, second := start("first", "shop"), start("second", "bank")
	assert.Equal(t, 0, first.Wait().ExitCode(), first.Output())
	assert.Contains(t, first.Output(), ": 2 passed\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ended"), nil, 0o600))
	assert.Equal(t, 0, second.Wait().ExitCode(), second.Output())
	assert.Contains(t, second.Output(), ": 2 passed\n")
	data := filepath.Join(dir, ".pymon-bridge")
	assertNoBridge(t, data)
	for says, commands := range map[string][][]string{
		"has no runs":                        {{"runs"}, {"top"}, {"show", "test_end"}, {"check"}, {"accept", "--test", "test_end", "--note", "new"}},
		"has no run that measured something": {{"accept", "--all", "--note", "new"}},
	} {
		for _, args := range commands {
			r := harness.RunProgram(t, nil, append(args, "--data", data)...)
			assert.Contains(t, r.Stderr, `: project "default" `+says+"; there are the projects bank, shop (404 Not Found)\n", args)
			assert.NotContains(t, r.Stderr, "--run", args)
			assert.NotZero(t, r.ExitCode, args)
		}
	}
}

// A `run` that is killed leaves no bridge behind, and the next one finds the directory free.
func TestTheBridgeEndsWhenItsRunIsKilled(t *testing.T) {
	t.Parallel()
	dir := newProject(t, interrupted)
	p := harness.StartProcess(t, runCommand(t, dir, "runners", nil, "pytest", "-p", "no:cacheprovider"))
	waitForFile(t, p, filepath.Join(dir, "ready"))
	_, url := bridgeOf(t, dir)
	resp, err := http.Get(url + "/api/v1/sessions/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, "another user of this machine has no token")
	p.Kill()
	assertNoBridge(t, filepath.Join(dir, ".pymon-bridge"))
	r := pymonRun(t, dir, "runners", nil, "pytest", "-k", "test_before")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Regexp(t, `pymon-bridge: 1 test, .* in tests: 1 passed; not the whole suite \(-k\)`, r.Stderr)
}

// A test that fails and passes on one commit is flaky, and the summary says how often it passes.
func TestRunNamesFlakyTests(t *testing.T) {
	t.Parallel()
	dir := newProject(t, map[string]string{"test_shop.py": "import os\n\ndef test_pay(): assert 'LUCK' in os.environ\n\ndef test_list(): pass\n"})
	commitAll(t, dir)
	assert.Equal(t, 1, pymonRun(t, dir, "runners", nil, "pytest").ExitCode)
	r := pymonRun(t, dir, "runners", []string{"LUCK=1"}, "pytest")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Regexp(t, `  flaky      passes 50% +test_shop.py::test_pay\n`, r.Stderr)
	assert.NotRegexp(t, `  flaky .*test_list`, r.Stderr)
	ignored, err := exec.Command("git", "-C", dir, "status", "--porcelain").Output()
	require.NoError(t, err)
	assert.NotContains(t, string(ignored), ".pymon-bridge")
}

// dying is a project whose tests take a tenth of a second each until a file says that they may end.
var dying = map[string]string{"test_it.py": `
import pathlib, pytest, time

@pytest.mark.parametrize("n", range(600))
def test_it(n):
    pathlib.Path("ready").touch()
    if not pathlib.Path("end").exists():
        time.sleep(0.1)
`}

// Where the bridge is killed, the tests go on, and the summary has what arrived before.
func TestRunGoesOnWhenItsBridgeIsKilled(t *testing.T) {
	t.Parallel()
	dir := newProject(t, dying)
	p := harness.StartProcess(t, runCommand(t, dir, "runners", []string{"PYMON_WAIT=0"}, "pytest", "-p", "no:cacheprovider"))
	waitForFile(t, p, filepath.Join(dir, "ready"))
	require.Eventually(t, func() bool { return harness.CountMetrics(t, filepath.Join(dir, ".pymon-bridge")) > 0 }, time.Minute, 10*time.Millisecond)
	pid, _ := bridgeOf(t, dir)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "end"), nil, 0o600))
	assert.Equal(t, 0, p.Wait().ExitCode(), p.Output())
	assert.Contains(t, p.Output(), "600 passed")
	assert.Contains(t, p.Output(), "of the results did not arrive")
	assert.Regexp(t, `pymon-bridge: [1-9]\d* tests?, .* in tests: [1-9]\d* passed; not the whole suite \(`, p.Output())
	assertNoBridge(t, filepath.Join(dir, ".pymon-bridge"))
}

// What a later pytest of the command measured is lost without a trace in the bridge. So nobody may take the rest for the whole.
func TestRunDoesNotPassWhenItsBridgeWasKilledBetweenPytests(t *testing.T) {
	t.Parallel()
	dir := newProject(t, map[string]string{"test_first.py": "def test_first(): pass\n", "test_second.py": "def test_second(): pass\n"})
	command := "pytest -q test_first.py; kill -9 $(cut -d' ' -f1 .pymon-bridge/run.bridge); PYMON_WAIT=0 pytest -q test_second.py"
	r := pymonRun(t, dir, "runners", []string{"PYMON_WAIT=0"}, "--check", "--", "sh", "-c", command)
	assert.Equal(t, 2, r.ExitCode, r.Stderr)
	assert.Regexp(t, `pymon-bridge: 1 test, .* in tests: 1 passed; not the whole suite \(the bridge ended before the command`, r.Stderr)
	assert.Contains(t, r.Stderr, "could not judge: the bridge ended before the command did, so results may be missing")
	log, err := os.ReadFile(filepath.Join(dir, ".pymon-bridge", "run.log"))
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(log), "the journal passed its check"), "the log of the bridge that died stays: %s", log)
}

// bridgeOf returns the process and the address of the bridge of a project.
func bridgeOf(t *testing.T, dir string) (pid int, url string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, ".pymon-bridge", "run.bridge"))
	require.NoError(t, err)
	_, err = fmt.Sscan(string(text), &pid, &url)
	require.NoError(t, err)
	return pid, url
}

// A directory of a serving bridge is not for `run`. The message says whose it is.
func TestRunRefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	r := pymonRun(t, newProject(t, smallProject), "runners", nil, "--data", bridge.Data, "pytest")
	assert.Equal(t, 125, r.ExitCode, r.Stdout)
	assert.Regexp(t, `^pymon-bridge: the bridge for the tests does not start: \S+ is in use by another pymon-bridge \(process \d+\): `, r.Stderr)
	assert.Empty(t, r.Stdout, "no test ran")
	r = pymonRun(t, newProject(t, smallProject), "runners", nil, "--data", "Makefile/kept", "pytest")
	assert.Equal(t, 125, r.ExitCode, r.Stdout)
	assert.Equal(t, "pymon-bridge: --data: mkdir Makefile: not a directory\n", regexp.MustCompile(`mkdir \S*/`).ReplaceAllString(r.Stderr, "mkdir "))
}

// slowed is a project with a test that waits as long as a variable says.
var slowed = map[string]string{"test_pay.py": `
import os, time

def test_list():
    time.sleep(0.1)

def test_pay():
    time.sleep(float(os.environ.get("SLOW", "0.1")))
`}

// The directory keeps what is usual. Where a test becomes slower, the first run suspects it, and the third is sure.
func TestRunSaysWhichTestBecameSlower(t *testing.T) {
	t.Parallel()
	dir := newProject(t, slowed)
	r := pymonRun(t, dir, "runners", nil, "--", "sh", "-c", `for i in 1 2 3 4 5 6 7 8 9 10; do pytest -q --tag run=$i || exit; done`)
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, "pymon-bridge: 3: 2 tests, ")
	var last harness.Result
	for i := range 3 {
		last = pymonRun(t, dir, "runners", []string{"SLOW=2"}, "--check", "--rerun-file", "rerun.txt", "pytest", "-q")
		if i == 0 {
			assert.Equal(t, 0, last.ExitCode, last.Stderr)
			assert.Regexp(t, `\nSUSPECTS: \d tests?\n(. .*\n)*◆ test_pay\.py::test_pay\n(.*\n)?  ◆ wall time `, last.Stderr)
			assert.Regexp(t, ` again, which confirms or clears (it|them):\n {15}pymon-bridge run -- pytest test_pay.py -k .*test_pay`, last.Stderr)
		}
	}
	assert.Equal(t, 1, last.ExitCode, last.Stderr)
	assert.Regexp(t, `\nREGRESSIONS: \d tests?\n(. .*\n)*▲ test_pay\.py::test_pay\n(.*\n)?  ▲ wall time +1\d\d ms → 2(\.\d+)? s +×`, last.Stderr)
	again, err := os.ReadFile(filepath.Join(dir, "rerun.txt"))
	require.NoError(t, err)
	assert.Contains(t, string(again), "test_pay")
	// The tests of the file run again, as slow as before.
	r = pymonRun(t, dir, "runners", []string{"SLOW=2"}, "--check", "pytest", "-q", "@rerun.txt")
	assert.Equal(t, 1, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, "not the whole suite (-k)")
	// It is meant to be so.
	accepted := harness.RunProgram(t, nil, "accept", "--data", filepath.Join(dir, ".pymon-bridge"), "--test", "test_pay.py::test_pay", "--note", "it waits for the bank")
	require.Equal(t, 0, accepted.ExitCode, accepted.Stderr)
	r = pymonRun(t, dir, "runners", []string{"SLOW=2"}, "--check", "pytest", "-q")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, ": it waits for the bank\n")
	// A directory that is thrown away has no history.
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".pymon-bridge")))
	r = pymonRun(t, dir, "runners", []string{"SLOW=2"}, "--check", "pytest", "-q")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Contains(t, r.Stderr, "learning: at least 10 more runs are needed")
}
