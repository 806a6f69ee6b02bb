package monitor

import (
	"math"
	"slices"
)

// UsualRuns is how many values before one say what is usual there, and leastUsual how many are needed.
const (
	UsualRuns  = 30
	leastUsual = 5
)

// UsualRange returns the middle of the values before one, the latest first, and a range around it: four times the middle distance from
// it, but at least a twentieth. A few values that are different do not change it. It looks at [UsualRuns] values. The three are NaN for
// too few. It is for people who look at a history: a verdict needs more.
func UsualRange(before []float64) (usual, low, high float64) {
	if len(before) < leastUsual {
		return math.NaN(), math.NaN(), math.NaN()
	}
	values := slices.Clone(before[:min(len(before), UsualRuns)])
	usual = median(values)
	for i, v := range values {
		values[i] = math.Abs(v - usual)
	}
	away := max(4*median(values), math.Abs(usual)/20)
	return usual, usual - away, usual + away
}

// median sorts values, and returns the one in the middle.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
