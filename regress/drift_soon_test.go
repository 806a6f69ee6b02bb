package regress_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// soon lets every tenth of the recorded tests grow by a rate a run from run 40 on; of memory one test only, since it is the
// process's. All values are ten times those that were measured, so that the tests are above the floors. It returns how many times the
// first level each of them was when it was reported first, sorted; infinite for never up to 2.2 times. It looks after every so many runs.
func (c *course) soon(seed uint64, metric int, rate float64, size, every int) (at []float64) {
	const from = 40
	runs := from + int(math.Log(2.2)/rate)
	made := c.resampled(seed, runs)
	first := map[monitor.ResultID]float64{}
	for i, values := range made.values[metric] {
		grows := i%10 == 3 && (metric != 1 || i == 3)
		for run := range values {
			values[run] *= 10
			if grows && run >= from {
				values[run] *= math.Pow(1+rate, float64(run-from))
			}
		}
		if level := float64(medianOf(values[:from])); grows && level > []float64{0.1, 100, 0.5}[metric] {
			first[monitor.ResultID{TestID: made.tests[i], Metric: monitor.JudgedMetrics[metric].Name}] = math.Inf(1)
		}
	}
	for run := from; run <= runs; run += every {
		for id := range drift(nil, made.rollups(run, size)).Tests {
			if x, grows := first[id]; grows && math.IsInf(x, 1) {
				first[id] = math.Pow(1+rate, float64(run-1-from))
			}
		}
	}
	for _, x := range first {
		at = append(at, x)
	}
	slices.Sort(at)
	return at
}

// TestDriftOfRecordedTests holds how soon growth is reported among the noise of recorded runs. With -v it shows the table of
// docs/regressions.md.
func TestDriftOfRecordedTests(t *testing.T) {
	t.Parallel()
	rates, seeds, every := []float64{0.01}, 1, 4
	if *driftTests > fewTests {
		rates, seeds, every = []float64{0.01, 0.003}, 4, 1
	}
	for _, name := range []string{"networkx", "toolz"} {
		set := recorded(t, name, cleanRuns)
		for _, rate := range rates {
			for metric, m := range monitor.JudgedMetrics {
				var at []float64
				for seed := range seeds {
					at = append(at, set.soon(uint64(5+seed), metric, rate, 8, every)...)
				}
				require.NotEmpty(t, at)
				slices.Sort(at)
				half, most := at[len(at)/2], at[len(at)*9/10]
				t.Logf("| %s | %s | %.1f %% | %d | %.2f | %.2f |", name, m.Title, 100*rate, len(at), half, most)
				assert.LessOrEqual(t, half, []float64{2, 1.4, 2.3}[metric], "%s %s", name, m.Name)
			}
		}
	}
}
