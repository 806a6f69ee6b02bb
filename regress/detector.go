package regress

import (
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// Detector implements [monitor.Detector]. It is safe for concurrent use.
type Detector struct {
	settings Settings
	gates    [metrics]*gate
	speed    *gate // of the offsets of runs
}

var _ monitor.Detector = (*Detector)(nil)

// New returns a detector. Fails with EInvalid, naming each field that cannot be.
func New(s Settings) (*Detector, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	d := &Detector{settings: s}
	for metric, g := range [metrics]Gate{cpuTime: s.CPUTime, memUsage: s.MemUsage, totalTime: s.TotalTime} {
		d.gates[metric] = newGate(g, s.SuspectP, s.BaselineRuns)
	}
	d.speed = newGate(Gate{
		Least: 1, Noise: s.TotalTime.Noise, SuspectRatio: s.SlowRatio, Ratio: s.SlowRatio, CritRatio: s.SlowRatio,
	}, s.SuspectP, s.BaselineRuns)
	return d, nil
}

// Judge judges the last run of a lineage's window. Its report has a result for each test and metric of the run. Besides
// the first error of samples, it fails with EInvalid when there is no run to judge.
func (d *Detector) Judge(l monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	if len(l.Window) == 0 {
		return nil, monitor.Errorf(monitor.EInvalid, "a lineage without a run to judge")
	}
	all := newRuns(l)
	machines, err := collect(all, samples)
	if err != nil {
		return nil, err
	}
	r := newReport(l)
	rule := newRule(l, all)
	for _, m := range machines {
		r.add(d.judgeMachine(m, all, rule))
	}
	r.finish()
	return r.Report, nil
}

// judged is what became of one class of machine.
type judged struct {
	*table
	offsets offsets
	speed   speed
	by      [metrics]*gate // what units are judged by
	// unpaced says that there are too few tests to tell how fast the machine was in the judged run.
	unpaced bool
	// verdicts are by metric and unit.
	verdicts [metrics][]verdict
	// rank is the place of each unit among all of them by name.
	rank []int
}

// judgeMachine judges all tests of one class of machine.
func (d *Detector) judgeMachine(m *machine, all runs, r rule) *judged {
	j := &judged{table: newTable(newRows(m, len(all.heads)), all, &d.gates)}
	var known offsets
	j.offsets, known = d.newOffsets(j.table)
	j.unpaced = math.IsNaN(known[totalTime][j.last()])
	j.speed = d.judgeSpeed(j.table, known, r)
	j.by = d.gatesFor(j.table, known, r)
	for metric := range j.verdicts {
		j.verdicts[metric] = make([]verdict, len(j.units))
	}
	inParallel(len(j.units), func(from, to int) {
		b := d.newBench(all, r, j.ran())
		for i := from; i < to; i++ {
			for metric := range j.verdicts {
				j.verdicts[metric][i] = d.judgeUnit(b, j, metric, i)
			}
		}
	})
	j.rank = j.ranks()
	d.attribute(j.verdicts[memUsage], j.byStart(j.rank))
	d.decide(j)
	return j
}

// judgeUnit judges one metric of one test, unless there is a reason not to.
func (d *Detector) judgeUnit(b *bench, j *judged, metric, i int) verdict {
	u := &j.units[i]
	history := j.history(metric, i)
	earlier := 0
	for run, level := range history {
		b.level[run] = level - j.offsets[metric][run]
		if run < j.window && level == level {
			earlier++
		}
	}
	if reason := d.unjudged(j, u, metric, earlier); reason != "" {
		return verdict{status: monitor.StatusNotJudged, reason: reason, n: earlier}
	}
	if earlier < d.settings.MinRuns {
		return verdict{status: monitor.StatusLearning, n: earlier}
	}
	return b.judge(j.by[metric])
}

// unjudged says in words why a measurement cannot be judged, if that is not only for want of earlier runs.
func (d *Detector) unjudged(j *judged, u *unit, metric, earlier int) string {
	enough := d.settings.MinRuns
	regrouped := 0
	if metric == memUsage {
		regrouped = u.regrouped
	}
	switch {
	case u.value[metric] != u.value[metric] && !(metric == memUsage && j.parallel(j.last())):
		return "not measured"
	case metric == memUsage && j.parallel(j.last()):
		return "several processes ran the tests, each with a part of the memory"
	case earlier >= enough || earlier+u.mismatched+regrouped < enough:
		return ""
	case u.mismatched > 0 && earlier+regrouped < enough:
		return "this id is there more or less often than in earlier runs"
	default:
		return "other tests ran before it than in earlier runs, and memory is the process's"
	}
}

// decide confirms what remains conspicuous among so many tests.
func (d *Detector) decide(j *judged) {
	worseQ, betterQ, singleQ := j.corrected()
	most := d.settings.Q
	if len(j.units) > d.settings.LargeSuite {
		most = d.settings.LargeQ
	}
	at := 0
	for metric := range j.verdicts {
		pace := math.Log(j.speed.ratio[metric])
		divided := d.divided(j.verdicts[metric], pace)
		for i := range j.verdicts[metric] {
			v := &j.verdicts[metric][i]
			if !v.tested() {
				continue
			}
			v.q = singleQ[at]
			if divided {
				v.discount(pace, d.gates[metric])
			}
			limit := most
			if v.alone {
				limit = d.settings.OneRunQ
			}
			// A busy machine makes wall times long, and a single run in which nobody can tell is no proof.
			unproven := v.alone && metric == totalTime && j.unpaced
			switch {
			case v.candidate && v.dir == worse && worseQ[at] <= limit && !unproven:
				v.status, v.q = monitor.StatusRegression, worseQ[at]
			case v.candidate && v.dir == better && betterQ[at] <= min(limit, d.settings.BetterQ):
				v.status, v.q = monitor.StatusImprovement, betterQ[at]
			case v.suspect:
				v.status = monitor.StatusSuspect
			}
			at++
		}
	}
}

// divided says whether what most tests share became slower or faster, and not the machine: then many of the others look
// conspicuous on the other side. pace is how much slower than usual all are together, NaN where that is not known.
func (d *Detector) divided(verdicts []verdict, pace float64) bool {
	slow := math.Log(d.settings.SlowRatio)
	tested, left := 0, 0
	for i := range verdicts {
		v := &verdicts[i]
		if !v.tested() {
			continue
		}
		tested++
		if pace > slow && v.candidate && v.dir == better || pace < -slow && v.suspect {
			left++
		}
	}
	return left >= 3 && left*50 >= tested
}

// discount takes back what only the other tests did: what looks slower has to be conspicuous without regard to the speed
// of all, and what looks faster is no improvement.
func (v *verdict) discount(pace float64, g *gate) {
	if v.level+pace < v.limit || v.pooled+pace < v.usual+g.lnRatio {
		v.candidate, v.suspect = v.candidate && v.dir == better, false
	}
	if pace > 0 {
		v.candidate = v.candidate && v.dir == worse
	}
}

// corrected returns the corrected probabilities of all measurements that were tested: of a step up, of a step down, and
// of the judged run alone. The tests that show only another one's step in memory stand there as inconspicuous: that
// step is one discovery, and must not make room for others.
func (j *judged) corrected() (up, down, single []float64) {
	for metric := range j.verdicts {
		for i := range j.verdicts[metric] {
			v := &j.verdicts[metric][i]
			if !v.tested() {
				continue
			}
			high, low := v.confirmed, 1-v.confirmed
			if v.dir == better {
				high, low = low, high
			}
			alone := v.single
			if metric == memUsage && !v.candidate {
				high, low = 1, 1
			}
			if metric == memUsage && !v.suspect {
				alone = 1
			}
			up, down, single = append(up, high), append(down, low), append(single, alone)
		}
	}
	return corrected(up), corrected(down), corrected(single)
}
