package regress_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// firstJudged is the first run that has enough runs before it.
const firstJudged = 10

func injectionOf(x monitor.Result) injectionKey {
	return injectionKey{x.ItemPath, x.ItemVariant, x.Occurrence}
}

// TestNetworkX judges each run of the series by those before it.
func TestNetworkX(t *testing.T) {
	t.Parallel()
	d := readDataset(t, "networkx")
	for run := range d.runs {
		r := judge(t, past(d.runs, run), d.upTo(run))
		switch {
		case run < firstJudged:
			assert.Equal(t, 3*167, r.Summary.Learning, run)
		case run < cleanRuns:
			assert.Empty(t, found(r, monitor.StatusRegression, monitor.StatusImprovement), run)
			assert.LessOrEqual(t, r.Summary.Suspects, 3*167*2/100, run)
		case run >= cleanRuns+2 && run < cleanRuns+10:
			assertFound(t, d, r, run)
		}
	}
}

// assertFound holds that all changes that the detector promises to find are there, at the commit that made them.
func assertFound(t *testing.T, d *dataset, r *monitor.Report, run int) {
	t.Helper()
	least := map[string]float64{monitor.MetricCPUTime: 0.1, monitor.MetricMemUsage: 10, monitor.MetricTotalTime: 0.3}
	expected := 0
	for key, change := range d.injected {
		if change.amount < least[change.metric] {
			continue
		}
		expected++
		i := slices.IndexFunc(r.Results, func(x monitor.Result) bool {
			return injectionOf(x) == key && x.Metric == change.metric
		})
		x := r.Results[i]
		assert.Equal(t, monitor.StatusRegression, x.Status, "%d: %v %v", run, key, change)
		assert.Equal(t, "c023", x.LastGood, "%d: %v %v", run, key, change)
		assert.Equal(t, "c024", x.FirstBad, "%d: %v %v", run, key, change)
	}
	assert.Equal(t, 11, expected)
}

// TestNetworkXSlow judges the clean runs, each as if its machine had been slower by half.
func TestNetworkXSlow(t *testing.T) {
	t.Parallel()
	d := readDataset(t, "networkx")
	for run := firstJudged; run < cleanRuns; run++ {
		plain := judge(t, past(d.runs, run), d.upTo(run))
		samples := slices.Clone(d.samples[run])
		for i := range d.samples[run] {
			d.samples[run][i].CPUTime *= 1.5
			d.samples[run][i].TotalTime *= 1.5
		}
		r := judge(t, past(d.runs, run), d.upTo(run))
		d.samples[run] = samples
		assert.Equal(t, monitor.StatusSlowMachine, r.Suite.Status, run)
		assert.Empty(t, found(r, monitor.StatusRegression, monitor.StatusImprovement), run)
		// Where the run was fast by itself, what looked slower only beside the other tests was no suspect.
		assert.LessOrEqual(t, r.Summary.Suspects, plain.Summary.Suspects+9, "%d: %v", run, found(r, monitor.StatusSuspect))
		for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricTotalTime} {
			offset := float64(plain.Suite.Offset[metric])
			assert.InEpsilon(t, 1.5*offset, float64(r.Suite.Offset[metric]), 1e-6, fmt.Sprint(run, metric))
		}
	}
}
