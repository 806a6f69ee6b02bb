package regress

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"pymon-bridge/monitor"
)

// The metrics, in the order in which results of one test are listed.
const (
	cpuTime = iota
	memUsage
	totalTime
	metrics
)

// name returns what a metric is called in reports.
func name(metric int) string {
	return [metrics]string{cpuTime: monitor.MetricCPUTime, memUsage: monitor.MetricMemUsage,
		totalTime: monitor.MetricTotalTime}[metric]
}

// gate is a [Gate] on logarithms, with what depends on the number of runs worked out beforehand.
type gate struct {
	Gate
	lnLeast   float64
	lnSuspect float64
	lnRatio   float64
	// reach is how many spreads above the median of n runs a single value is a suspect, by n.
	reach []float64
}

// newGate prepares a gate for baselines of up to runs runs.
func newGate(g Gate, suspectP float64, runs int) *gate {
	made := &gate{
		Gate:      g,
		lnLeast:   math.Log(g.Least),
		lnSuspect: math.Log(g.SuspectRatio),
		lnRatio:   math.Log(g.Ratio),
		reach:     make([]float64, runs+1),
	}
	for n := range made.reach {
		made.reach[n] = math.Inf(1)
		if n >= 2 {
			made.reach[n] = student(n).Quantile(1-suspectP) * single(n)
		}
	}
	return made
}

// level is the logarithm of a measurement, NaN when there is none.
func (g *gate) level(x float64) float64 {
	if math.IsNaN(x) || x > g.Least {
		return math.Log(x)
	}
	return g.lnLeast
}

// student is what a value divided by its spread is distributed like, when the spread is estimated from n values.
func student(n int) distuv.StudentsT {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}
}

// single is the standard error, in spreads, of one value less the median of n values.
func single(n int) float64 {
	return math.Sqrt(1 + math.Pi/2/float64(n))
}

// pooled is the standard error, in spreads, of the median of k values less the median of n values. The median of few
// values is a little more precise than this asymptotic formula says, which errs on the safe side.
func pooled(n, k int) float64 {
	return math.Sqrt(math.Pi / 2 * (1/float64(n) + 1/float64(k)))
}
