package regress

import (
	"cmp"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// accept judges measurements once more where a change was accepted. It comes after the look at the memory of the process, which
// goes by what was measured: what that takes for the step of an earlier test stays so.
func (d *Detector) accept(j *judgement, all runs) {
	if len(j.accepted) == 0 {
		return
	}
	e := d.newEvaluator(all, j.ran())
	for i := range j.units {
		id := monitor.ResultID{TestID: j.id(&j.units[i])}
		for metric := range j.verdicts {
			raw := &j.verdicts[metric][i]
			if !raw.tested() || metric == memUsage && !j.byPlugin && !raw.candidate && !raw.suspect {
				continue
			}
			id.Metric = monitor.JudgedMetrics[metric].Name
			if steps := j.accepted[id]; len(steps) > 0 {
				e.read(j, metric, i)
				*raw = e.judgeAccepted(steps, *raw, j.adjusted[metric])
			}
		}
	}
}

// judgeAccepted judges the levels of e at the level that was accepted: what came before the change is raised to it. So the same
// rules hold as for a test that always had this level. Its noise and the number of its runs are known, and a further change is
// found as early as any other. raw is the verdict on the levels as they were measured.
func (e *evaluator) judgeAccepted(steps []monitor.AcceptedStep, raw verdict, th *thresholds) verdict {
	steps = slices.SortedStableFunc(slices.Values(steps), func(a, b monitor.AcceptedStep) int { return cmp.Compare(a.ID, b.ID) })
	var by *monitor.Acceptance
	var whole *monitor.AcceptedStep // the last one
	to := math.Inf(-1)              // the level that it accepted
	for i, step := range steps {
		rise := math.Log(float64(step.Ratio))
		if math.IsNaN(rise) || math.IsInf(rise, 0) || rise <= 0 || slices.ContainsFunc(steps[:i], step.Same) {
			continue
		}
		if step.Whole {
			whole, to = &steps[i], max(e.usualAt(&step, th), to)+rise
		}
		for run, info := range e.infos {
			if info.Started < step.Since && step.Whole == (run >= e.window) || !e.foreign && info.Started < step.Since {
				e.level[run] += rise // NaN stays
				by = step.Acceptance
			}
		}
	}
	if whole != nil && e.raise(whole, to, th) {
		by = whole.Acceptance
	}
	if by == nil {
		return raw
	}
	v := e.judge(th)
	v.accepted, v.by = &raw, by
	if v.dir == better { // less than was accepted may be more than it was before
		v.candidate = v.candidate && raw.candidate && raw.dir == better
	}
	return v
}

// raise raises what another branch shows to a level that was accepted in comparison with it, and says whether there is something
// to raise. That branch may have the change by now. Then its runs since then show it, or it has accepted it for itself: what is
// there already is not added once more.
func (e *evaluator) raise(step *monitor.AcceptedStep, to float64, th *thresholds) bool {
	rise := to - e.usualAt(step, th)
	if !(rise > 0) {
		return false
	}
	for run := range e.window {
		if e.infos[run].Started <= step.Started.UnixNano() || e.level[run] < to-rise/2 {
			e.level[run] += rise
		}
	}
	return true
}

// usualAt returns what was usual in the baseline when a step was accepted, by the levels as they are now. It is minus infinity
// where the baseline does not go back so far.
func (e *evaluator) usualAt(step *monitor.AcceptedStep, th *thresholds) float64 {
	t, some := &e.track, false
	t.reset(th)
	for run, level := range e.level[:e.window] {
		if !math.IsNaN(level) && e.infos[run].Started <= step.Started.UnixNano() {
			t.follow(level, run)
			some = true
		}
	}
	if !some {
		return math.Inf(-1)
	}
	e.forgive()
	return t.base.median
}
