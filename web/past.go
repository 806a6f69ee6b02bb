package web

import (
	"math"

	"pymon-bridge/monitor"
)

// past has the values of a test in the runs before the one that is looked at.
type past struct {
	walls       []float64
	least, most [3]float64 // of wall time, CPU time and memory; infinite where nothing was measured
}

func newPast() *past {
	none := math.Inf(1)
	return &past{least: [3]float64{none, none, none}, most: [3]float64{-none, -none, -none}}
}

func (e *past) add(s monitor.Sample) {
	if !math.IsNaN(s.TotalTime) {
		e.walls = append(e.walls, s.TotalTime)
	}
	for i, v := range [3]float64{s.TotalTime, s.CPUTime, s.MemUsage} {
		if !math.IsNaN(v) {
			e.least[i], e.most[i] = min(e.least[i], v), max(e.most[i], v)
		}
	}
}

// middle returns the median of the wall times; NaN when unknown.
func (e *past) middle() float64 {
	if e == nil {
		return math.NaN()
	}
	return middle(e.walls)
}
