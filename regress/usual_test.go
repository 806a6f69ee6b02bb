package regress_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// TestUsual holds which values are no more than usual beside a few others.
func TestUsual(t *testing.T) {
	t.Parallel()
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	const machine, plugin = "Linux-x86_64 8x CPU 32G py3.13", "Linux-x86_64 8x CPU 32G py3.13 m2"
	require.True(t, monitor.ByPlugin(plugin))
	many := func(n int, of ...float64) (values []float64) {
		for i := range n {
			values = append(values, of[i%len(of)])
		}
		return values
	}
	for name, c := range map[string]struct {
		env, metric string
		values      []float64
		usual       float64
		in, out     []float64
	}{
		"one":                       {machine, monitor.MetricTotalTime, many(1, 1), 1, []float64{1.49, 0.67}, []float64{1.51, 0.66}},
		"one of them is absent":     {machine, monitor.MetricTotalTime, []float64{1, math.NaN()}, 1, []float64{1.49}, []float64{1.51}},
		"five alike":                {machine, monitor.MetricCPUTime, many(5, 1), 1, []float64{1.2, 0.83}, []float64{1.3, 0.75}},
		"thirty alike":              {machine, monitor.MetricCPUTime, many(30, 1), 1, []float64{1.1, 0.9}, []float64{1.15, 0.85}},
		"a restless one":            {machine, monitor.MetricTotalTime, many(6, 1, 2), math.Sqrt2, []float64{1, 2, 2.5}, []float64{20}},
		"of small amounts":          {machine, monitor.MetricTotalTime, many(6, 0.01), 0.01, []float64{0.1, 0}, []float64{0.12}},
		"of ticks":                  {machine, monitor.MetricCPUTime, many(6, 0.01), 0.01, []float64{0.029}, []float64{0.06}},
		"of the plugin's clock":     {plugin, monitor.MetricCPUTime, many(6, 0.01), 0.01, []float64{0.019}, []float64{0.021}},
		"memory":                    {machine, monitor.MetricMemUsage, many(6, 100), 100, []float64{104}, []float64{106, 94}},
		"more than the baseline":    {machine, monitor.MetricTotalTime, append(many(40, 9), many(30, 1)...), 1, []float64{1.1}, []float64{1.2}},
		"a new level that may pass": {machine, monitor.MetricTotalTime, append(many(20, 1), many(5, 2)...), 1, []float64{1.1}, []float64{2}},
		"a new level that held":     {machine, monitor.MetricTotalTime, append(many(20, 1), many(10, 2)...), 2, []float64{2.2}, []float64{1}},
		"a fast test":               {machine, monitor.MetricCPUTime, many(6, 0.0001, 0.0003), 0.0002, []float64{0, 0.029}, []float64{0.06}},
		"a fast one that was slow":  {machine, monitor.MetricTotalTime, append(many(20, 9), many(20, 0.0002)...), 0.0002, []float64{0, 0.1}, []float64{0.102}},
		"the least that is told":    {machine, monitor.MetricTotalTime, many(6, math.Nextafter(0.001, 1)), 0.001, []float64{0, 0.1}, []float64{0.102}},
		"less than is told apart":   {machine, monitor.MetricTotalTime, many(6, 0), 0, []float64{0, 0.1}, []float64{0.102}},
	} {
		low, usual, high := d.Usual(c.env, c.metric, c.values)
		assert.InDelta(t, c.usual, usual, 1e-9, name)
		for _, v := range c.in {
			assert.True(t, low <= v && v <= high, "%s: %v is in %v to %v", name, v, low, high)
		}
		for _, v := range c.out {
			assert.True(t, v < low || high < v, "%s: %v is not in %v to %v", name, v, low, high)
		}
	}
	low, usual, high := d.Usual(machine, monitor.MetricCPUTime, nil)
	assert.True(t, math.IsNaN(low) && math.IsNaN(usual) && math.IsNaN(high), "nothing is known")
}
