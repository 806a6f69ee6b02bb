package e2e_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// interrupted is a project whose second test waits for an interruption, and counts the signals that come until a second after
// it may end.
var interrupted = map[string]string{"test_wait.py": `
import os, pathlib, signal, time

def test_before():
    pass

def test_wait():
    signals, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    pathlib.Path("parent").write_text(str(os.getppid()))
    pathlib.Path("ready").touch()
    try:
        time.sleep(300)
    except KeyboardInterrupt:
        pathlib.Path("interrupted").touch()
        end = None
        while end is None or time.monotonic() < end:
            try:
                time.sleep(0.1)
                if end is None and pathlib.Path("end").exists():
                    end = time.monotonic() + 1
            except KeyboardInterrupt:
                pass
        pathlib.Path("signals").write_bytes(os.read(signals, 100))
        raise
`}

// waitForFile waits until a file is there.
func waitForFile(t *testing.T, p *harness.Process, path string) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, time.Minute, 10*time.Millisecond, "no %s: %s", path, p.Output())
}

// assertInterruptedOnce lets pytest end, and asserts that it got one signal and that run told the rest.
func assertInterruptedOnce(t *testing.T, dir string, p *harness.Process) {
	t.Helper()
	waitForFile(t, p, filepath.Join(dir, "interrupted"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "end"), nil, 0o600))
	assert.Equal(t, 2, p.Wait().ExitCode(), p.Output())
	count, err := os.ReadFile(filepath.Join(dir, "signals"))
	require.NoError(t, err)
	assert.Len(t, count, 1)
	assert.Regexp(t, `pymon-bridge: 1 test, .* in tests: 1 passed; not the whole suite \(interrupted\)`, p.Output())
	assert.Contains(t, p.Output(), "kept in ")
}

// A terminal interrupts every process in its foreground: run, pytest, and what else is there.
func TestRunLeavesACtrlCToPytest(t *testing.T) {
	t.Parallel()
	dir := newProject(t, interrupted)
	cmd := runCommand(t, dir, "runners", nil, "pytest", "-p", "no:cacheprovider")
	terminal := []string{"python3", "-c", "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"}
	python, err := exec.LookPath(terminal[0])
	require.NoError(t, err)
	cmd.Path, cmd.Args = python, append(terminal, cmd.Args...)
	cmd.Args[len(terminal)] = harness.Program(t)
	keys, err := cmd.StdinPipe()
	require.NoError(t, err)
	p := harness.StartProcess(t, cmd)
	waitForFile(t, p, filepath.Join(dir, "ready"))
	text, err := os.ReadFile(filepath.Join(dir, "parent"))
	require.NoError(t, err)
	run, err := strconv.Atoi(string(text))
	require.NoError(t, err)
	// Of two signals at once a process would see one. So run gets its own when pytest has seen the terminal's.
	require.NoError(t, syscall.Kill(run, syscall.SIGSTOP))
	_, err = io.WriteString(keys, "\x03")
	require.NoError(t, err)
	waitForFile(t, p, filepath.Join(dir, "interrupted"))
	require.NoError(t, syscall.Kill(run, syscall.SIGCONT))
	assertInterruptedOnce(t, dir, p)
}

func TestRunPassesSignalsOn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		signal syscall.Signal
		check  func(t *testing.T, dir string, p *harness.Process)
	}{
		{syscall.SIGINT, assertInterruptedOnce},
		{syscall.SIGTERM, func(t *testing.T, _ string, p *harness.Process) {
			assert.Equal(t, 128+int(syscall.SIGTERM), p.Wait().ExitCode(), p.Output())
		}},
		{syscall.SIGHUP, func(t *testing.T, _ string, p *harness.Process) {
			assert.Equal(t, 128+int(syscall.SIGHUP), p.Wait().ExitCode(), p.Output())
		}},
	} {
		t.Run(tc.signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := newProject(t, interrupted)
			p := harness.StartProcess(t, runCommand(t, dir, "runners", nil, "pytest", "-p", "no:cacheprovider"))
			waitForFile(t, p, filepath.Join(dir, "ready"))
			p.Signal(tc.signal)
			tc.check(t, dir, p)
			assertNoBridge(t, filepath.Join(dir, ".pymon-bridge"))
		})
	}
}

// When the command has ended, a signal ends the wait for InfluxDB, and nothing else.
func TestASignalEndsTheWaitForInfluxDB(t *testing.T) {
	t.Parallel()
	dir := newProject(t, smallProject)
	env := []string{"INFLUX_URL=http://127.0.0.1:1", "INFLUX_TOKEN=t", "INFLUX_ORG=o"}
	p := harness.StartProcess(t, runCommand(t, dir, "runners", env, "--influx-wait", "1h", "pytest"))
	require.Eventually(t, func() bool { return strings.Contains(p.Output(), "  changed    ") }, time.Minute, 10*time.Millisecond)
	p.Signal(syscall.SIGINT)
	assert.Equal(t, 1, p.Wait().ExitCode(), p.Output())
	assert.Regexp(t, `\d+ records are not in InfluxDB yet`, p.Output())
	assertNoBridge(t, filepath.Join(dir, ".pymon-bridge"))
}

// assertNoBridge asserts that no bridge serves a data directory.
func assertNoBridge(t *testing.T, data string) {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "run.bridge"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	assert.Eventually(t, func() bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil },
		time.Minute, 10*time.Millisecond, "the bridge still lives")
}
