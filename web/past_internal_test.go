package web

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// A run that measured a test several times counts once, in whatever order its rows come. What was measured first counts.
func TestARunHasOneEarlierValueOfATest(t *testing.T) {
	t.Parallel()
	series := &monitor.Series{Item: "test_it"}
	runs := []*monitor.RunInfo{{ID: "c"}, {ID: "b"}, {ID: "a"}}
	samples := []monitor.Sample{
		{Run: runs[0], Start: 30, TotalTime: 3}, {Run: runs[0], Start: 31, TotalTime: 90}, {Run: runs[0], Start: 32, TotalTime: 91},
		{Run: runs[1], Start: 20, TotalTime: math.NaN()}, {Run: runs[2], Start: 10, TotalTime: 1}, {Run: runs[2], Start: 11, TotalTime: 92},
	}
	for turn := range samples {
		p := newPasts(runs)
		for i := range samples {
			s := samples[(i*5+turn)%len(samples)]
			s.Series, s.Env = series, "ci"
			p.add(&s)
		}
		before, values, known := p.of(testKey{series, "ci"})
		assert.True(t, known)
		assert.InDelta(t, 2, before, 0)
		for i, m := range monitor.JudgedMetrics {
			if m.Name == monitor.MetricTotalTime {
				assert.Equal(t, []float32{3, 1}, values[i][:2])
				assert.True(t, math.IsNaN(float64(values[i][2])), "no more")
			}
		}
	}
}
