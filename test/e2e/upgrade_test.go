package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Clients post all the time, each on a new connection, and others read on connections that they keep. Each request is
// answered while the program is replaced, and each record is there once.
func TestUpgradesAnswerEveryRequest(t *testing.T) {
	t.Parallel()
	files, pool := newCertificates(t)
	for name, cfg := range map[string]harness.BridgeConfig{
		"own socket":        {},
		"TLS":               {RootCAs: pool, Args: []string{"--tls-cert", files.cert, "--tls-key", files.key}},
		"service manager's": {HandOver: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bridge := harness.StartBridge(t, cfg)
			trust := &tls.Config{RootCAs: pool}
			posts := newPoster(bridge.URL)
			posts.Client.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: trust}
			process, reads := newMachine(), http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
			process.enrol(t, posts)
			var stop atomic.Bool
			var clients sync.WaitGroup
			var answered, read atomic.Int64
			for n := range 8 {
				clients.Go(func() {
					for i := 0; !stop.Load(); i++ {
						posts.mustPost(t, "/metrics/", metricJSON(process.metric(fmt.Sprint(n, "-", i), time.Now())))
						answered.Add(1)
					}
				})
			}
			for range 2 {
				clients.Go(func() {
					for !stop.Load() {
						response, err := reads.Get(bridge.URL + "/api/v1/contexts/")
						if !assert.NoError(t, err) {
							return
						}
						_, err = io.Copy(io.Discard, response.Body)
						assert.NoError(t, err)
						assert.Equal(t, http.StatusOK, response.StatusCode)
						read.Add(1)
						time.Sleep(5 * time.Millisecond)
					}
				})
			}
			pid := bridge.PID()
			for range 3 {
				before, beforeReads := answered.Load(), read.Load()
				require.Eventually(t, func() bool { return answered.Load() > before+20 && read.Load() > beforeReads+2 }, time.Minute, time.Millisecond)
				bridge.Upgrade()
			}
			stop.Store(true)
			clients.Wait()
			assert.Equal(t, pid, bridge.PID())
			assert.Len(t, harness.Stored(t, bridge.Data).Metrics, int(answered.Load()))
			assert.Equal(t, 0, bridge.Stop().ExitCode())
			assert.NotContains(t, bridge.Log(), "connections were cut")
			bridge.Start()
			posts.mustPost(t, "/metrics/", metricJSON(process.metric("after", time.Now())))
		})
	}
}

// A program that cannot serve takes no place. The bridge goes on, and says why.
func TestAProgramThatCannotServeTakesNoPlace(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "pymon-bridge")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: copyProgram(t, program)})
	for script, reason := range map[string]string{
		"#!/bin/sh\necho 'pymon-bridge: --page-size: expected less' >&2\nexit 1\n": "cannot serve: --page-size: expected less",
		"#!/bin/sh\nkill -9 $$\n": "cannot serve: signal: killed",
		"no program at all":       "exec format error",
	} {
		replaceFile(t, program, script)
		before := strings.Count(bridge.Log(), "no upgrade: the bridge goes on as it is")
		bridge.Signal(syscall.SIGUSR2)
		require.Eventually(t, func() bool {
			return strings.Count(bridge.Log(), "no upgrade: the bridge goes on as it is") > before
		}, time.Minute, time.Millisecond)
		assert.Contains(t, bridge.Log(), reason)
		newPoster(bridge.URL).mustPost(t, "/contexts/", newMachine().contextJSON())
	}
	require.NoError(t, os.Rename(copyProgram(t, program+".new"), program))
	bridge.Upgrade()
	newPoster(bridge.URL).mustPost(t, "/contexts/", newMachine().contextJSON())
}

// copyProgram copies the program under test to path, and returns the path.
func copyProgram(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("cp", harness.Program(t), path).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// replaceFile puts a new file in the place of a program that may run.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o700))
	require.NoError(t, os.Rename(path+".new", path))
}

// TestPytestSeesNoUpgrade replaces the program five times during real runs of pytest with four workers: one with
// pytest-monitor, and one with the project's own plugin. Neither warns, and each row is there once.
func TestPytestSeesNoUpgrade(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	plugin, begun := filepath.Join(harness.Root(t), "plugin"), t.TempDir()
	start := func(name string, pytest harness.Pytest) *harness.PytestRun {
		pytest.Suite = stagedSuite(t, name)
		pytest.Env = append(pytest.Env, "BEGUN="+begun, "PYTHONPATH="+plugin)
		pytest.Args = append(pytest.Args, "-n", "4", "--dist", "loadfile", "--remote-server", bridge.URL+"/p/"+name)
		return pytest.Start(t)
	}
	runs := map[string]*harness.PytestRun{
		"monitor": start("monitor", harness.Pytest{}),
		"own":     start("own", harness.Pytest{Python: harness.Plugin92, Args: []string{"-p", "pymon_bridge", "-p", "no:asyncio"}}),
	}
	for stage := range 6 {
		waitFor(t, runs["monitor"], "metrics accepted by this program", func() bool { return accepted(bridge) > 0 })
		require.NoError(t, os.WriteFile(filepath.Join(begun, fmt.Sprint(stage)), nil, 0o600))
		if stage > 0 {
			bridge.Upgrade()
		}
	}
	stored := map[string]map[string]int{"monitor": {}, "own": {}}
	for name, run := range runs {
		run.Wait()
		assert.Equal(t, 0, run.ExitCode)
		assert.Contains(t, run.Output(), "192 passed")
		assert.NotRegexp(t, "(?i)warn|error|did not arrive", run.Output(), name)
	}
	for _, m := range harness.Stored(t, bridge.Data).Metrics {
		name, _, _ := strings.Cut(strings.TrimPrefix(m.ItemPath, "test_"), "_")
		stored[name][m.ItemPath+"."+m.ItemVariant]++
	}
	bridge.WaitDelivered()
	assert.Len(t, influx.Points(bucket, "test_metrics"), 2*192)
	for name, rows := range stored {
		assert.Len(t, rows, 192, name)
		for row, times := range rows {
			assert.Equal(t, 1, times, row)
		}
	}
}

// stagedSuite returns a suite of four modules. The tests of a stage wait until a file with its number is in the folder BEGUN;
// those of the first stage do not wait.
func stagedSuite(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	const text = `import os, pathlib, pytest, time

@pytest.mark.parametrize("n", range(48))
def test_stage(n):
    while n >= 8 and not pathlib.Path(os.environ["BEGUN"], str(n // 8)).exists():
        time.sleep(0.01)
    time.sleep(0.02)
`
	for n := range 4 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("test_%s_%d.py", name, n)), []byte(text), 0o600))
	}
	return dir
}

// An operator asks for an upgrade and reads what became of it. The bridge always goes on: with the new program, or with the one
// before.
func TestAnOperatorAsksForAnUpgrade(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "pymon-bridge")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: copyProgram(t, own)})
	ask := func() harness.Result { return harness.RunProgram(t, nil, "upgrade", "--data", bridge.Data) }
	pid := bridge.PID()
	for _, c := range []struct {
		name, script string
		exit         int
		says         string
	}{
		{"the same program", "", 0, "pymon-bridge 0.1.0 has taken the place of 0.1.0. New clients waited for "},
		{"a program that says no", "echo 'pymon-bridge: --page-size: expected less' >&2; exit 1", 1, "cannot serve: --page-size: expected less"},
		{"a program that goes away", `mv "$0" "$0.gone"`, 1, "no such file"},
		{"the same program again", "", 0, "pymon-bridge 0.1.0 has taken the place of 0.1.0. New clients waited for "},
	} {
		if replaceFile(t, own, "#!/bin/sh\n"+c.script+"\n"); c.script == "" {
			require.NoError(t, os.Rename(copyProgram(t, own+".new"), own))
		}
		result := ask()
		assert.Equal(t, c.exit, result.ExitCode, "%s: %s", c.name, result.Stderr)
		assert.Contains(t, result.Stdout+result.Stderr, c.says, c.name)
		assert.Equal(t, http.StatusCreated, newPoster(bridge.URL).try("/contexts/", newMachine().contextJSON()).status, c.name)
	}
	assert.Equal(t, pid, bridge.PID())
	bridge.Signal(syscall.SIGHUP)
	require.Eventually(t, func() bool { return strings.Contains(bridge.Log(), "SIGHUP: files are read again") }, time.Minute, time.Millisecond)
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	result := ask()
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stderr, "no bridge serves "+bridge.Data)
}
