package regress

import (
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
	var by *monitor.Acceptance
	for i, step := range steps {
		if slices.ContainsFunc(steps[:i], step.Same) {
			continue
		}
		rise := math.Log(float64(step.Ratio))
		if math.IsNaN(rise) || math.IsInf(rise, 0) || rise <= 0 {
			continue
		}
		for run, info := range e.infos {
			before := info.Started < step.Since && (!e.foreign || step.Whole)
			if before || run < e.window && (step.Whole || info.Started < step.Since) {
				e.level[run] += rise // NaN stays
				by = step.Acceptance
			}
		}
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
