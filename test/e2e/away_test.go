package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestInfluxDBAway runs real pytest while nothing listens where InfluxDB should be. The bridge is restarted in the
// midst of the run and killed after it. To pytest nothing is different, and when InfluxDB comes up each row of the
// plugin's own file arrives, once.
func TestInfluxDBAway(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"one process": nil, "workers": {"-n", "4"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			usual, _, _ := startBridge(t, harness.SharedInflux(t), harness.BridgeConfig{})
			expected := harness.Pytest{Args: append(args, "--remote-server", usual.URL)}.Run(t)

			influx := harness.StartInflux(t)
			influx.Stop()
			bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{HandOver: true})
			run := harness.Pytest{Args: append(args, "--remote-server", bridge.URL)}.Start(t)
			restartUnderway(t, bridge, run)
			run.Wait()
			assert.Equal(t, seen(expected, args), seen(run, args))

			bridge.Kill()
			bridge.Start()
			bridge.WaitSays("is not available")
			status, lines := bridge.Ready()
			assert.Equal(t, 200, status, "it accepts all the same: %s", lines)
			influx.Start()
			bridge.WaitDelivered()
			rows := harness.ReadPymon(t, run.Database).Metrics
			require.Greater(t, len(rows), 50)
			assertArrived(t, rows, points(t, influx, bucket))
		})
	}
}

// TestPytestSeesNoRestart restarts the bridge during a real run of pytest, with the listening socket held for it
// meanwhile: once in an orderly way at any moment, and once by a kill while a test is busy, which is when no request
// is under way. Pytest's output is that of a run without a server, and all rows arrive.
func TestPytestSeesNoRestart(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	suite, signals := suiteWithPause(t), t.TempDir()
	expected := harness.Pytest{Suite: suite}.Run(t)

	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{HandOver: true})
	run := harness.Pytest{Suite: suite, Env: []string{"SIGNALS=" + signals},
		Args: []string{"--remote-server", bridge.URL}}.Start(t)
	restartUnderway(t, bridge, run)
	waitFor(t, run, "a test that says that it is busy", func() bool {
		_, err := os.Stat(filepath.Join(signals, "busy"))
		return err == nil
	})
	require.Positive(t, accepted(bridge), "metrics of the second bridge")
	bridge.Kill()
	require.NoError(t, os.WriteFile(filepath.Join(signals, "go on"), nil, 0o600))
	bridge.Start()
	run.Wait()
	assert.Positive(t, accepted(bridge), "metrics of the third bridge")
	assert.Equal(t, seen(expected, nil), seen(run, nil))
	bridge.WaitDelivered()
	assertArrived(t, harness.ReadPymon(t, run.Database).Metrics, points(t, influx, bucket))
}

// suiteWithPause returns the sample suite with a test in its midst that waits, if told where, for a file.
func suiteWithPause(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(harness.Root(t), "test", "testdata", "suite"))))
	const text = `import os, pathlib, time

def test_busy():
    if "SIGNALS" in os.environ:
        signals = pathlib.Path(os.environ["SIGNALS"])
        (signals / "busy").touch()
        while not (signals / "go on").exists():
            time.sleep(0.01)
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ids", "test_busy.py"), []byte(text), 0o600))
	return dir
}

// restartUnderway stops the bridge in an orderly way once it has accepted some metrics of a run that goes on, and
// starts it again.
func restartUnderway(t *testing.T, bridge *harness.Bridge, run *harness.PytestRun) {
	t.Helper()
	waitFor(t, run, "metrics accepted by this bridge", func() bool { return accepted(bridge) > 5 })
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	bridge.Start()
}

// accepted returns how many metrics the bridge has accepted since it was started.
func accepted(bridge *harness.Bridge) float64 {
	return bridge.Metrics()[`pymon_bridge_accepted_total{class="metric"}`]
}

// waitFor waits until something has happened during a run of pytest.
func waitFor(t *testing.T, run *harness.PytestRun, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !happened(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "not within a minute: %s\n%s", what, run.Output())
	}
}

// outcome is what a person sees of a run of pytest.
type outcome struct {
	exitCode int
	lines    []string
	progress map[rune]int // the letters that stand for tests
}

var (
	progressLine = regexp.MustCompile(`^((?:\S+\.py )?)([.FEsxX]+)\s*\[ *\d+%\]$`)
	workerName   = regexp.MustCompile(`\[gw\d+\]`)
	duration     = regexp.MustCompile(`=* ?(.*) in \d+\.\d+s(?: \(\d+:\d+:\d+\))? ?=*`)
	address      = regexp.MustCompile(`0x[0-9a-f]{6,}`)
)

// seen returns what a person sees of a run, without timings, temporary folders and object addresses. Where workers
// share the tests, their order says nothing.
func seen(run *harness.PytestRun, args []string) outcome {
	o := outcome{exitCode: run.ExitCode, progress: map[rune]int{}}
	text := strings.ReplaceAll(run.Output(), run.Dir, "SUITE")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		line = workerName.ReplaceAllString(address.ReplaceAllString(line, "0x…"), "[gw]")
		line = duration.ReplaceAllString(line, "$1 in …")
		if m := progressLine.FindStringSubmatch(line); m != nil {
			line = m[1]
			for _, letter := range m[2] {
				o.progress[letter]++
			}
		}
		o.lines = append(o.lines, line)
	}
	if args != nil {
		slices.Sort(o.lines)
	}
	return o
}

// TestInfluxDBKilledInMidDelivery kills InfluxDB three times while a write is under way to it and clients go on
// posting. They notice nothing, and all arrives, once.
func TestInfluxDBKilledInMidDelivery(t *testing.T) {
	t.Parallel()
	influx := harness.StartInflux(t)
	proxy := harness.StartProxy(t, influx)
	bridge, bucket, _ := startBridge(t, proxy.Influx(), harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)

	kills := 0
	var one sync.Mutex // influxd is stopped and started by one write at a time
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		one.Lock()
		defer one.Unlock()
		if !w.Has("test_metrics") || kills == 3 {
			return w.Forward()
		}
		kills++
		answer := make(chan harness.Answer)
		go func() { answer <- w.Forward() }()
		time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
		influx.Kill()
		a := <-answer // of the dead server: none, unless it was quick
		influx.Start()
		return a
	})
	var rows []harness.PymonMetric
	for n := range 4 {
		batch := process.metrics(fmt.Sprintf("test_cart[%d]", n), time.Now(), 500)
		posts.mustPostAll(t, batch)
		rows = append(rows, batch...)
	}
	bridge.WaitDelivered()
	one.Lock()
	defer one.Unlock()
	assert.Equal(t, 3, kills)
	assert.Equal(t, once(rows), count(points(t, influx, bucket)))
}
