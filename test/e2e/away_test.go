package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Real pytest runs while no InfluxDB listens. The bridge is restarted during the run, and killed after the run. When
// InfluxDB starts, each row of the plugin's own file arrives once.
func TestPytestDoesNotNoticeThatInfluxDBIsAway(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"one process": nil, "workers": {"-n", "4"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			normal, _, _ := startBridge(t, harness.SharedInflux(t), harness.BridgeConfig{})
			expected := harness.Pytest{Args: append(args, "--remote-server", normal.URL)}.Run(t)

			influx := harness.StartInflux(t)
			influx.Stop()
			bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{HandOver: true})
			run := harness.Pytest{Args: append(args, "--remote-server", bridge.URL)}.Start(t)
			restartDuring(t, bridge, run)
			run.Wait()
			assert.Equal(t, outcomeOf(expected, args), outcomeOf(run, args))

			bridge.Kill()
			bridge.Start()
			bridge.WaitSays("not been available")
			status, lines := bridge.Ready()
			assert.Equal(t, 200, status, "the bridge still accepts: %s", lines)
			influx.Start()
			bridge.WaitDelivered()
			rows := harness.ReadPymon(t, run.Database).Metrics
			require.Greater(t, len(rows), 50)
			assertArrived(t, rows, points(t, influx, bucket))
		})
	}
}

// outcome is the output of a run of pytest.
type outcome struct {
	exitCode int
	lines    []string
	progress map[rune]int // number of each letter that stands for a test
}

var (
	progressLine = regexp.MustCompile(`^((?:\S+\.py )?)([.FEsxX]+)\s*\[ *\d+%\]$`)
	workerName   = regexp.MustCompile(`\[gw\d+\]`)
	duration     = regexp.MustCompile(`=* ?(.*) in \d+\.\d+s(?: \(\d+:\d+:\d+\))? ?=*`)
	address      = regexp.MustCompile(`0x[0-9a-f]{6,}`)
)

// outcomeOf returns the outcome of a run without times, temporary folders and object addresses. With args there are workers.
// Then the lines are sorted, because workers finish tests in any order.
func outcomeOf(run *harness.PytestRun, args []string) outcome {
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
