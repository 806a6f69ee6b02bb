package web

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestMachineChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		points []point // oldest first: host, system, python
		want   []machineChange
	}{
		"none": {nil, []machineChange{}},
		"one":  {[]point{{host: "a", system: "Linux 6.1", python: "3.13.1 (main)"}}, []machineChange{}},
		"Python, then all": {[]point{{host: "a", system: "Linux 6.1", python: "3.13.1 (main)"}, {host: "a", system: "Linux 6.1", python: "3.13.2 (main)", Run: "r1"},
			{host: "a", system: "Linux 6.1", python: "3.13.2 (other build)"}, {host: "b", system: "Linux 6.2", python: "3.13.3", Run: "r3"}},
			[]machineChange{{1, "r1", "Python 3.13.2"}, {3, "r3", "Python 3.13.3, Linux 6.2, host b"}}},
		"another host each time": {[]point{{host: "a", python: "3"}, {host: "b", python: "3"}, {host: "c", python: "3"}, {host: "d", python: "3"},
			{host: "e", python: "3"}}, []machineChange{}},
		"an unknown context": {[]point{{host: "a", python: "3"}, {}, {host: "a", python: "3"}}, []machineChange{}},
	} {
		var points []*point
		for _, p := range slices.Backward(c.points) {
			points = append(points, &p)
		}
		assert.Equal(t, c.want, machineChanges(points), name)
	}
}

// TestTheBandKeepsItsWidth checks that a limit of a report moves the upper edge of the band only.
func TestTheBandKeepsItsWidth(t *testing.T) {
	t.Parallel()
	m := &chartMetric{Name: monitor.MetricTotalTime}
	m.add(&point{}, 0.8, 1, 1.2, false)
	judged := &point{Changes: map[string]monitor.Result{monitor.MetricTotalTime: {Baseline: 1, Limit: 1.5}}}
	m.add(judged, 0.8, 1, 1.2, false)
	m.add(judged, math.NaN(), math.NaN(), math.NaN(), false)
	assert.Equal(t, []monitor.Number{0.8, 0.8, 0.5}, m.Low)
	assert.Equal(t, []monitor.Number{1.2, 1.5, 1.5}, m.High)
}

// TestTheValuesDecideHowHighAChartIs holds that the usual range of a fast test, which is far above what it measures, does not press
// the line of the values onto the axis.
func TestTheValuesDecideHowHighAChartIs(t *testing.T) {
	t.Parallel()
	nan := monitor.Number(math.NaN())
	for name, c := range map[string]struct {
		value, low, usual, high float64
		want                    [3]monitor.Number // low, usual, high
	}{
		"a fast test":      {0.0001, 0, 0.0001, 0.02, [3]monitor.Number{0, 0.0001, 0.0003}},
		"a usual test":     {1, 0.8, 1, 1.2, [3]monitor.Number{0.8, 1, 1.2}},
		"nothing":          {0, 0, 0, 5, [3]monitor.Number{0, 0, 0}},
		"far from a limit": {0.1, 0.8, 1, 1.2, [3]monitor.Number{nan, nan, 0.3}},
	} {
		m := &chartMetric{Name: monitor.MetricTotalTime}
		pt := &point{}
		pt.Wall = monitor.Number(c.value)
		m.add(pt, c.low, c.usual, c.high, false)
		m.clip()
		got := [3]monitor.Number{m.Low[0], m.Usual[0], m.High[0]}
		for i := range got {
			if math.IsNaN(float64(c.want[i])) {
				assert.True(t, math.IsNaN(float64(got[i])), name)
			} else {
				assert.InDelta(t, float64(c.want[i]), float64(got[i]), 1e-12, name)
			}
		}
	}
	unmeasured := &chartMetric{Usual: []monitor.Number{1}, Low: []monitor.Number{1}, High: []monitor.Number{1}, Values: []monitor.Number{nan}}
	unmeasured.clip()
	assert.EqualValues(t, 1, unmeasured.High[0])
}
