package regress_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// soon lets a tenth of the recorded tests grow by a rate a run from a run on, where the least growth that counts is beyond the floor of
// the metric. It returns by metric how many times the first level each of them was when it was reported first; infinite for never.
func (c *course) soon(t testing.TB, seed uint64, rate float64, from, runs, size int) (at [3][]float64) {
	s := regress.Defaults()
	floors := [3]float64{s.CPUTime.Delta, s.MemUsage.Delta, s.TotalTime.Delta}
	shares := [3]float64{0.2, 0.05, 0.2}
	if monitor.ByPlugin(c.env) {
		floors = [3]float64{s.PluginCPUTime.Delta, s.PluginMemUsage.Delta, s.TotalTime.Delta}
	}
	made := c.resampled(seed, runs)
	for metric := range made.values {
		for i := range made.values[metric] {
			for run := range made.values[metric][i] {
				made.values[metric][i][run] *= 10
			}
		}
	}
	first := map[monitor.ResultID]float64{}
	for metric, m := range monitor.JudgedMetrics {
		for i := 3; i < len(made.tests); i += 10 {
			values := made.values[metric][i]
			level := float64(medianOf(values))
			if math.IsNaN(level) || level*shares[metric] < floors[metric] {
				continue
			}
			first[monitor.ResultID{TestID: made.tests[i], Metric: m.Name}] = math.Inf(1)
			for run := from; run < runs; run++ {
				values[run] *= math.Pow(1+rate, float64(run-from))
			}
		}
	}
	for run := max(24, from); run <= runs; run++ {
		for id := range drift(t, made.rollups(run, size)).Tests {
			if x, grows := first[id]; grows && math.IsInf(x, 1) {
				first[id] = math.Pow(1+rate, float64(run-1-from))
			}
		}
	}
	for metric, m := range monitor.JudgedMetrics {
		for id, x := range first {
			if id.Metric == m.Name {
				at[metric] = append(at[metric], x)
			}
		}
		slices.Sort(at[metric])
	}
	return at
}

func TestSoonExp(t *testing.T) {
	for _, rate := range []float64{0.01, 0.003} {
		for k, name := range []string{"networkx", "toolz", "tornado", "numpy"} {
			set := recorded(t, name, []int{24, 24, 18, 18}[k])
			for _, size := range []int{5, 8} {
				runs := 40 + int(math.Log(2.2)/rate)
				at := set.soon(t, 5, rate, 40, runs, size)
				for metric, v := range at {
					if len(v) > 0 {
						fmt.Printf("%v %s %d %s n %d: %.2f %.2f %.2f %.2f max %.2f\n", rate, name, size, monitor.JudgedMetrics[metric].Name, len(v), v[len(v)/4], v[len(v)/2], v[len(v)*3/4], v[len(v)*9/10], v[len(v)-1])
					}
				}
			}
		}
	}
	assert.True(t, true)
}
