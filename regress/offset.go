package regress

import (
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// offsets are how much slower than usual all tests of each run were together, as logarithms; 0 where that is not known.
type offsets [metrics][]float64

// timed returns the metrics that the speed of a machine shows in.
func timed() []int { return []int{cpuTime, totalTime} }

// newOffsets works out the offsets of all runs, from tests with a history. All tests count that a run has, not only those
// of the judged run: when a few are run again, the earlier runs are still known to have been slow or fast.
func (d *Detector) newOffsets(t *table) (o offsets, known offsets) {
	for metric := range o {
		o[metric] = make([]float64, len(t.heads))
		known[metric] = slices.Repeat([]float64{math.NaN()}, len(t.heads))
	}
	for _, metric := range timed() {
		usual := d.usual(t, metric)
		each(len(t.heads), func(run int) {
			if offset, ok := d.offset(t, metric, run, usual); ok {
				o[metric][run], known[metric][run] = offset, offset
			}
		})
	}
	return o, known
}

// usual returns the median of each history over the baseline, NaN where it has too few runs or is too fast for the clock,
// so that a slower machine does not show.
func (d *Detector) usual(t *table, metric int) []float64 {
	usual := make([]float64, t.paced)
	inParallel(t.paced, func(from, to int) {
		var levels []float64
		for i := from; i < to; i++ {
			levels = levels[:0]
			for _, level := range t.history(metric, i)[:t.window] {
				if !math.IsNaN(level) {
					levels = append(levels, level)
				}
			}
			usual[i] = math.NaN()
			if len(levels) >= d.settings.MinRuns {
				if m := median(levels); m > d.gates[metric].lnLeast {
					usual[i] = m
				}
			}
		}
	})
	return usual
}

// offset returns the median over the tests of what they were slower than usual in a run.
func (d *Detector) offset(t *table, metric, run int, usual []float64) (float64, bool) {
	slower := make([]float64, 0, len(usual))
	for i, m := range usual {
		if x := t.level[metric][i*len(t.heads)+run] - m; !math.IsNaN(x) {
			slower = append(slower, x)
		}
	}
	if len(slower) < d.settings.MinTests {
		return 0, false
	}
	return middle(slower), true
}

// gatesFor returns what the tests of a run are judged by. Where it is not known how fast the machine was in the judged run,
// that it may have been as slow or fast as in other runs is noise; above all as in those of the same commit, which a few
// tests were most likely run again after, on the same machine.
func (d *Detector) gatesFor(t *table, known offsets, r rule) [metrics]*gate {
	gates := d.gates
	for _, metric := range timed() {
		if !math.IsNaN(known[metric][t.last()]) {
			continue
		}
		earlier := base{limit: t.window}
		for _, offset := range known[metric][:t.window] {
			if !math.IsNaN(offset) {
				earlier.add(offset)
			}
		}
		if earlier.n() == 0 {
			continue
		}
		earlier.settle(&gate{})
		noise := earlier.down
		for run, again := range r.again {
			if off := math.Abs(known[metric][run] - earlier.median); again && off > noise {
				noise = off
			}
		}
		g := *gates[metric]
		g.Noise = math.Hypot(g.Noise, noise)
		gates[metric] = &g
	}
	return gates
}

// middle returns the median of values, which it reorders. It sorts no more of them than it needs to (Hoare's selection).
func middle(values []float64) float64 {
	k := len(values) / 2
	from, to := 0, len(values)-1
	for from < to {
		pivot := values[from+(to-from)/2]
		i, j := from, to
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		if k <= j {
			to = j
		} else if k >= i {
			from = i
		} else {
			break
		}
	}
	if len(values)%2 == 1 {
		return values[k]
	}
	return (slices.Max(values[:k]) + values[k]) / 2
}

// speed is what a machine's offsets say of a run.
type speed struct {
	status monitor.Status
	ratio  [metrics]float64 // slower than usual by metric, NaN where unknown
}

// judgeSpeed judges the offsets of the runs in the same way as the levels of a test. It is ok where there are too few
// tests to say.
func (d *Detector) judgeSpeed(t *table, known offsets, r rule) speed {
	s := speed{status: monitor.StatusOK, ratio: absent()}
	if t.earlier() < d.settings.MinRuns {
		s.status = monitor.StatusLearning
	}
	b := d.newBench(t.runs, r, t.ran())
	for _, metric := range timed() {
		copy(b.level, known[metric])
		if math.IsNaN(b.level[b.last()]) {
			continue
		}
		v := b.judge(d.speed)
		if v.status == monitor.StatusLearning {
			continue
		}
		s.ratio[metric] = math.Exp(v.level - v.usual)
		if pace := b.pace(&v); pace.Severity() < s.status.Severity() {
			s.status = pace
		}
	}
	return s
}

// pace returns the status that one metric gives: slow while this run is, a regression when all of the window are, and
// that is not the machine's habit.
func (b *bench) pace(v *verdict) monitor.Status {
	slow := b.track.gate.lnRatio
	if v.level-v.usual <= slow {
		return monitor.StatusOK
	}
	for _, run := range b.framed.confirming {
		if !(b.level[run]-v.usual > slow) {
			return monitor.StatusSlowMachine
		}
	}
	if len(b.framed.confirming) < monitor.WindowRuns || v.confirmed >= b.settings.SuspectP {
		return monitor.StatusSlowMachine
	}
	return monitor.StatusRegression
}
