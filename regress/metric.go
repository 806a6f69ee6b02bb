package regress

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"pymon-bridge/monitor"
)

// Positions in [monitor.JudgedMetrics] of the metrics with rules of their own.
const (
	cpuTime = iota
	memUsage
	totalTime
	metrics = len(monitor.JudgedMetrics)
)

// values are what one test measured in one run, by metric; NaN where absent.
type values [metrics]float64

func absent() (v values) {
	for metric := range v {
		v[metric] = math.NaN()
	}
	return v
}

// rounded are values with seven digits, which take half of the memory.
type rounded [metrics]float32

func (v values) round() (r rounded) {
	for metric, x := range v {
		r[metric] = float32(min(max(x, -math.MaxFloat32), math.MaxFloat32))
	}
	return r
}

// timed yields the metrics that the speed of a machine shows in.
func timed(yield func(metric int) bool) {
	for metric, m := range monitor.JudgedMetrics {
		if m.Timed && !yield(metric) {
			return
		}
	}
}

// thresholds are [Thresholds] on logarithms, with what depends on the number of runs worked out beforehand.
type thresholds struct {
	Thresholds
	lnLeast   float64
	lnSuspect float64
	lnRatio   float64
	// reach is by n how many spreads above the median of n runs a single value is a suspect.
	reach []float64
}

// newThresholds prepares thresholds for baselines of up to runs runs.
func newThresholds(t Thresholds, suspectP float64, runs int) *thresholds {
	made := &thresholds{
		Thresholds: t,
		lnLeast:    math.Log(t.Least),
		lnSuspect:  math.Log(t.SuspectRatio),
		lnRatio:    math.Log(t.Ratio),
		reach:      make([]float64, runs+1),
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
func (th *thresholds) level(x float64) float64 {
	if math.IsNaN(x) || x > th.Least {
		return math.Log(x)
	}
	return th.lnLeast
}

// student is the distribution of a value divided by its spread, where the spread is estimated from n values.
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
