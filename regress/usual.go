package regress

import (
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// RunsNeeded is how many runs on a class of machine there have to be before a later one is judged.
func (d *Detector) RunsNeeded() int { return d.settings.MinRuns + d.settings.WindowRuns - 1 }

// fewValues are too few to tell a spread.
const fewValues = 3

// Usual returns the middle of some values that a metric of a test had on a class of machine, oldest first, and the range beyond
// which the next value is conspicuous. It is the rule of suspects, at the usual speed of the machine: a new level is usual only
// when it has held. The middle is that of the values as measured, also where they are too small to be told apart. Where the values
// are too few to tell a spread, the range is that of OneRunRatio. All three are NaN without values.
func (d *Detector) Usual(env, metric string, values []float64) (low, usual, high float64) {
	at := slices.IndexFunc(monitor.JudgedMetrics[:], func(m monitor.JudgedMetric) bool { return m.Name == metric })
	t := track{minN: d.settings.MinRuns, hold: d.settings.HoldRuns, window: d.settings.WindowRuns, base: base{limit: d.settings.BaselineRuns,
		kept: make([]float64, 0, len(values)), sorted: make([]float64, 0, len(values))}}
	t.reset(d.thresholds(env)[at])
	for run, v := range values {
		if !math.IsNaN(v) {
			t.follow(t.th.level(v), run)
		}
	}
	if t.base.n() == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	t.flush()
	from, to := t.limit(better), t.limit(worse)
	if t.base.n() < fewValues {
		far := math.Log(d.settings.OneRunRatio)
		from, to = t.away(better, far), t.away(worse, far)
	}
	low, usual, high = math.Exp(from), math.Exp(t.base.median), math.Exp(to)
	if t.base.median <= t.th.lnLeast { // levels are not told apart here, but values are
		middle := median(slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !(t.th.level(v) <= t.th.lnLeast) }))
		low, usual = low-(usual-middle), middle // what is less than usual has as much room
	}
	return low, usual, high
}
