package regress

import (
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// Detector implements [monitor.Detector]. It is safe for concurrent use.
type Detector struct {
	settings  Settings
	byMonitor [metrics]*thresholds // of what pytest-monitor measured
	byPlugin  [metrics]*thresholds // of what the project's own plugin measured
	speed     *thresholds          // of the offsets of runs
}

var _ monitor.Detector = (*Detector)(nil)

// New returns a detector. Fails with EInvalid, naming each field that cannot be.
func New(s Settings) (*Detector, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	d := &Detector{settings: s}
	for metric, t := range s.ofMetrics() {
		d.byMonitor[metric] = newThresholds(t, s.SuspectP, s.BaselineRuns)
	}
	for metric, t := range s.ofPlugin() {
		d.byPlugin[metric] = newThresholds(t, s.SuspectP, s.BaselineRuns)
	}
	d.speed = newThresholds(Thresholds{
		Least: 1, Noise: s.TotalTime.Noise, SuspectRatio: s.SlowRatio, Ratio: s.SlowRatio, TwoRunsRatio: s.SlowRatio, CritRatio: s.SlowRatio,
	}, s.SuspectP, s.BaselineRuns)
	return d, nil
}

// thresholds are those of a class of machine.
func (d *Detector) thresholds(env string) *[metrics]*thresholds {
	if monitor.ByPlugin(env) {
		return &d.byPlugin
	}
	return &d.byMonitor
}

// Judge implements [monitor.Detector]. The report has a result for each test and metric of the run.
func (d *Detector) Judge(c monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	all := newRuns(c)
	machines, err := collect(all, samples)
	if err != nil {
		return nil, err
	}
	r := newReport(c)
	for _, m := range machines {
		r.add(d.judgeMachine(m, all, c.Accepted))
	}
	r.finish()
	return r.Report, nil
}

// judgement is what was found on one class of machine.
type judgement struct {
	*table
	offsets  offsets
	accepted map[monitor.ResultID][]monitor.AcceptedStep
	speed    speed
	adjusted [metrics]*thresholds // that units are judged by
	verdicts [metrics][]verdict   // by metric and unit
}

// judgeMachine judges all tests of one class of machine.
func (d *Detector) judgeMachine(m *machine, all runs, accepted map[monitor.ResultID][]monitor.AcceptedStep) *judgement {
	m.group()
	j := &judgement{table: newTable(m, all, d.thresholds(m.env)), accepted: accepted}
	j.offsets = d.newOffsets(j.table)
	j.speed = d.judgeSpeed(j.table, j.offsets)
	j.adjusted = d.thresholdsFor(j.table, j.offsets)
	for metric := range j.verdicts {
		j.verdicts[metric] = make([]verdict, len(j.units))
	}
	inParallel(len(j.units), func(from, to int) {
		e := d.newEvaluator(all, j.ran())
		for i := from; i < to; i++ {
			for metric := range j.verdicts {
				j.verdicts[metric][i] = e.judgeUnit(j, metric, i)
			}
		}
	})
	if !j.byPlugin {
		d.attribute(j.verdicts[memUsage], j.byStart())
	}
	d.accept(j, all)
	d.decide(j)
	return j
}

// judgeUnit judges one metric of one unit, unless there is a reason not to.
func (e *evaluator) judgeUnit(j *judgement, metric, i int) verdict {
	earlier := e.read(j, metric, i)
	if reason := e.unjudged(j, metric, i, earlier); reason != "" {
		return verdict{status: monitor.StatusNotJudged, reason: reason, n: earlier}
	}
	if earlier < e.settings.MinRuns {
		return verdict{status: monitor.StatusLearning, n: earlier}
	}
	return e.judge(j.adjusted[metric])
}

// read takes the levels of one metric of one unit, and returns how many there are before the window.
func (e *evaluator) read(j *judgement, metric, i int) (earlier int) {
	for run := range e.level {
		level := j.level(metric, i, run)
		e.level[run] = level - j.offsets.at(metric, run)
		if run < j.window && !math.IsNaN(level) {
			earlier++
		}
	}
	return earlier
}

// unjudged says in words why a measurement cannot be judged, unless the only reason is that there are too few earlier runs.
func (d *Detector) unjudged(j *judgement, metric, i, earlier int) string {
	enough, u := d.settings.MinRuns, &j.units[i]
	regrouped := 0
	if metric == memUsage {
		regrouped = u.regrouped
	}
	switch {
	case metric == memUsage && !j.byPlugin && j.parallel(j.last()):
		return "several processes ran the tests, each with a part of the memory"
	case math.IsNaN(u.value[metric]):
		return "not measured"
	case earlier >= enough || earlier+u.mismatched+regrouped < enough:
		return ""
	case u.mismatched > 0 && earlier+regrouped < enough:
		return "this id is there more or less often than in earlier runs"
	default:
		return "other tests ran before it than in earlier runs, and memory is the process's"
	}
}
