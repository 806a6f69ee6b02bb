package regress

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// offsets are by metric and run how much slower than usual all tests of the run were together, as logarithms; NaN where that
// is not known, and for metrics that are not timed.
type offsets [metrics][]float64

// at is the offset of a run, 0 where it is not known.
func (o *offsets) at(metric, run int) float64 {
	if offset := o[metric][run]; !math.IsNaN(offset) {
		return offset
	}
	return 0
}

// newOffsets works out the offsets of all runs, from tests with a history. All tests of a run count, not only those of the
// judged run: when a few tests are run again, the earlier runs are still known to have been slow or fast.
func (d *Detector) newOffsets(t *table) (o offsets) {
	for metric := range o {
		o[metric] = slices.Repeat([]float64{math.NaN()}, len(t.infos))
	}
	for metric := range timed {
		usual := d.usual(t, metric)
		inTurns(len(t.infos), func(runs iter.Seq[int]) {
			slower := make([]float64, 0, len(usual)) // for reuse
			for run := range runs {
				o[metric][run] = d.offset(t, metric, run, usual, slower)
			}
		})
	}
	return o
}

// usual returns the median of each history over the baseline. It is NaN where the test has too few runs, or is too fast for
// the clock, so that a slower machine does not show.
func (d *Detector) usual(t *table, metric int) []float64 {
	usual := make([]float64, len(t.histories))
	inParallel(len(t.histories), func(from, to int) {
		th := t.thresholds[metric]
		var measured []float64
		for i := from; i < to; i++ {
			measured = measured[:0]
			for run := range t.window {
				if value := t.value(metric, i, run); !math.IsNaN(value) {
					measured = append(measured, value)
				}
			}
			usual[i] = math.NaN()
			n := len(measured)
			if n < d.settings.MinRuns {
				continue
			}
			slices.Sort(measured) // as their levels would be, so that two logarithms do
			middle := [...]float64{th.level(measured[(n-1)/2]), th.level(measured[n/2])}
			if m := quantile(middle[:], 0.5); m > th.lnLeast {
				usual[i] = m
			}
		}
	})
	return usual
}

// present returns the values that are not NaN.
func present(values []float64) []float64 { return slices.DeleteFunc(slices.Clone(values), math.IsNaN) }

// offset returns the median over the tests of how much slower than usual they were in a run, NaN for too few tests. slower is
// an empty slice to use.
func (d *Detector) offset(t *table, metric, run int, usual, slower []float64) float64 {
	for i, m := range usual {
		if math.IsNaN(m) {
			continue
		}
		if x := t.level(metric, i, run) - m; !math.IsNaN(x) {
			slower = append(slower, x)
		}
	}
	if len(slower) < d.settings.MinTests {
		return math.NaN()
	}
	return selected(slower)
}

// thresholdsFor returns what the tests of a run are judged by. Where it is not known how fast the machine was in the judged
// run, it may have been as slow or as fast as in other runs. That adds to the noise: the spread of the offsets of the
// baseline, or more where a run of the same commit was further off. Such a run was most likely on the same machine, with all
// tests, of which the judged run repeats a few.
func (d *Detector) thresholdsFor(t *table, o offsets) [metrics]*thresholds {
	all := *t.thresholds
	for metric := range timed {
		if !math.IsNaN(o[metric][t.last()]) {
			continue
		}
		earlier := base{limit: t.window}
		for _, offset := range present(o[metric][:t.window]) {
			earlier.add(offset)
		}
		if earlier.n() == 0 {
			continue
		}
		earlier.estimate(&thresholds{})
		noise := earlier.down
		for run, again := range t.again {
			if off := math.Abs(o[metric][run] - earlier.median); again && off > noise {
				noise = off
			}
		}
		noisier := *all[metric]
		noisier.Noise = math.Hypot(noisier.Noise, noise)
		all[metric] = &noisier
	}
	return all
}

// speed is what a machine's offsets say of the judged run.
type speed struct {
	status monitor.Status
	ratio  values // how many times slower than usual
}

// judgeSpeed judges the offsets of the runs in the same way as the levels of a test. The machine is ok where there are too
// few tests to say.
func (d *Detector) judgeSpeed(t *table, o offsets) speed {
	s := speed{status: monitor.StatusOK, ratio: absent()}
	if t.earlier() < d.settings.MinRuns {
		s.status = monitor.StatusLearning
	}
	e := d.newEvaluator(t.runs, t.ran())
	for metric := range timed {
		copy(e.level, o[metric])
		if math.IsNaN(e.level[e.last()]) {
			continue
		}
		v := e.judge(d.speed)
		if v.status == monitor.StatusLearning {
			continue
		}
		s.ratio[metric] = math.Exp(v.level - v.usual)
		status := e.speedStatus(&v)
		if status == monitor.StatusRegression && (e.sameCode(&v) || !t.addsUp(metric)) {
			status = monitor.StatusSlowMachine
		}
		if status.Severity() < s.status.Severity() {
			s.status = status
		}
	}
	return s
}

// sameCode says whether a run of the same commit was not slow. Then it is not the code.
func (e *evaluator) sameCode(v *verdict) bool {
	for run, again := range e.again {
		if again && e.level[run]-v.usual <= e.track.th.lnRatio {
			return true
		}
	}
	return false
}

// apart is by how much the times of the faster and of the slower tests have to differ, as a logarithm: by a quarter, which is
// more than chance makes of tests that take the same time.
var apart = math.Log(1.25)

// addsUp says whether the judged run is slower by an amount in each test, as with a fixture of all tests, rather than by a
// factor, as with a slow machine. Of two halves of the tests, the faster tests then have clearly the larger factor. Where all
// tests take the same time, nothing tells the two apart.
func (t *table) addsUp(metric int) bool {
	type test struct{ usual, slower float64 } // usual is a logarithm
	var tests []test
	var levels []float64
	for i := range t.units {
		levels = levels[:0]
		for run := range t.window {
			levels = append(levels, t.level(metric, i, run))
		}
		now := t.level(metric, i, t.last())
		levels = slices.DeleteFunc(levels, math.IsNaN)
		if len(levels) == 0 || math.IsNaN(now) {
			continue
		}
		if usual := median(levels); usual > t.thresholds[metric].lnLeast {
			tests = append(tests, test{usual, math.Expm1(now - usual)})
		}
	}
	slices.SortFunc(tests, func(a, b test) int { return cmp.Or(cmp.Compare(a.usual, b.usual), cmp.Compare(a.slower, b.slower)) })
	half := func(tests []test) (usual, slower float64) {
		factors := make([]float64, len(tests))
		for i, x := range tests {
			factors[i] = x.slower
		}
		return tests[len(tests)/2].usual, median(factors)
	}
	if len(tests) < 2 {
		return false
	}
	usualFast, fast := half(tests[:len(tests)/2])
	usualSlow, slow := half(tests[len(tests)/2:])
	// An amount makes the factors differ as much as the times do, a factor not at all. The border is half-way.
	return usualSlow-usualFast > apart && fast > 0 && slow < fast*math.Exp((usualFast-usualSlow)/2)
}

// speedStatus returns the status that one metric gives: a slow machine while this run is slow, a regression when all runs of
// the window are, unless the machine is so now and then.
func (e *evaluator) speedStatus(v *verdict) monitor.Status {
	slow := e.track.th.lnRatio
	if v.level-v.usual <= slow {
		return monitor.StatusOK
	}
	for _, run := range e.confirming {
		if !(e.level[run]-v.usual > slow) {
			return monitor.StatusSlowMachine
		}
	}
	if len(e.confirming) < e.settings.WindowRuns || v.confirmed >= e.settings.SuspectP {
		return monitor.StatusSlowMachine
	}
	return monitor.StatusRegression
}
