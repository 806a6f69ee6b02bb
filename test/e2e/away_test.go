package e2e_test

import (
	"fmt"
	"math/rand/v2"
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

// TestStoppingBridgeAnswersWhatItHasTaken stops the bridge while requests are under way. It waits for their rest and

// restartUnderway stops the bridge in an orderly way once it has accepted some metrics of a run that goes on, and

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

	var one sync.Mutex // writes come one at a time
	kills, down := 0, false
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		one.Lock()
		defer one.Unlock()
		switch {
		case down: // this one finds nobody, the next one does
			answer := w.Forward()
			influx.Start()
			down = false
			return answer
		case kills == 3 || !w.Has("test_metrics"):
			return w.Forward()
		}
		kills, down = kills+1, true
		answer := make(chan harness.Answer)
		go func() { answer <- w.Forward() }()
		time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
		influx.Kill()
		return <-answer // of the dead server: none, unless it was quick
	})
	killedThrice := func() bool {
		one.Lock()
		defer one.Unlock()
		return kills == 3
	}
	var rows []harness.PymonMetric
	for n := 0; n < 4 || !killedThrice(); n++ {
		batch := process.metrics(fmt.Sprintf("test_cart[%d]", n), time.Now(), 100)
		posts.mustPostAll(t, batch)
		rows = append(rows, batch...)
		time.Sleep(50 * time.Millisecond) // leaves the processor to the other tests
	}
	bridge.WaitDelivered()
	assert.Equal(t, once(rows), count(points(t, influx, bucket)))
}
