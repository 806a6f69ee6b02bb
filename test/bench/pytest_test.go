package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	pytestRounds = 9
	pytestTests  = 200
	pytestGoal   = 0.05 // above the time with a constant answer
)

// benchPytest compares the time of a test with the bridge, with a server that gives a constant answer, and without a server.
func benchPytest(b *testing.B, r *report) {
	suite := emptyTests(b)
	bareURL, _ := startBare(b)
	bridge := harness.StartBridge(b, harness.BridgeConfig{})
	sides := []*struct {
		name string
		args []string
		took []float64 // milliseconds per test
	}{
		{name: "nothing, without the plugin", args: []string{"--no-monitor"}},
		{name: "a server with a constant answer", args: []string{"--no-db", "--remote-server", bareURL}},
		{name: "the bridge", args: []string{"--no-db", "--remote-server", bridge.URL}},
	}
	for round := range pytestRounds {
		for _, side := range sides {
			if side == sides[0] && round%3 > 0 {
				continue // fewer rounds, because this side has no goal
			}
			run := harness.Pytest{Python: harness.Pytest84, Suite: suite, Args: side.args}.Run(b)
			side.took = append(side.took, perTest(b, run.Output()))
		}
	}
	accepted, _ := bridge.Metrics().Sum("pymon_bridge_accepted_total")
	const posted = pytestRounds * (pytestTests + 1) // tests and sessions; each clock frequency makes another context
	require.InDelta(b, posted+pytestRounds/2, accepted, pytestRounds/2+1)
	table := r.add(fmt.Sprintf("A real pytest run of %d empty tests", pytestTests), "it reports to", "ms per test", "goal", "verdict")
	constant, bridged := sides[1], sides[2]
	more := make([]float64, pytestRounds)
	for n := range more {
		more[n] = bridged.took[n]/constant.took[n] - 1
	}
	table.row(sides[0].name, fmt.Sprintf("%.2f", median(sides[0].took)), "", "")
	table.row(constant.name, fmt.Sprintf("%.2f", median(constant.took)), "", "")
	table.row(bridged.name, fmt.Sprintf("%.2f, %+.1f %%", median(bridged.took), 100*median(more)),
		fmt.Sprintf("≤ %+.0f %%", 100*pytestGoal), verdict(median(more) <= pytestGoal))
	table.note("Medians of %d runs each, in turns. The plugin itself takes most of the time.", pytestRounds)
}

// emptyTests returns a folder with pytestTests empty tests.
func emptyTests(b *testing.B) (dir string) {
	b.Helper()
	dir = b.TempDir()
	text := fmt.Sprintf("import pytest\n\n\n@pytest.mark.parametrize('n', range(%d))\ndef test_empty(n):\n    pass\n", pytestTests)
	require.NoError(b, os.WriteFile(filepath.Join(dir, "test_empty.py"), []byte(text), 0o600))
	return dir
}

// perTest returns the milliseconds per test. It reads the time that pytest prints, which does not include the start of
// Python.
func perTest(b *testing.B, output string) float64 {
	b.Helper()
	words := regexp.MustCompile(fmt.Sprintf(`%d passed.* in ([0-9.]+)s`, pytestTests)).FindStringSubmatch(output)
	require.NotNil(b, words, output)
	seconds, err := strconv.ParseFloat(words[1], 64)
	require.NoError(b, err)
	return seconds * 1000 / pytestTests
}
