package regress

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// choose divides the runs of a measurement into the baseline and the runs that confirm. These are the last runs on this
// class of machine, since the run before may be another job's of a matrix. Where the measurement is in none of them but the
// judged run, as with shards, they are the last runs that have it. A branch with too few runs confirms only by runs of the
// same commit.
func (e *evaluator) choose() {
	e.two = false
	all := e.settings.WindowRuns
	enough := e.take(all, func(run int) bool { return e.ran[run] })
	if e.confirming = slices.DeleteFunc(e.confirming, func(run int) bool { return !e.has(run) }); len(e.confirming) < 2 {
		enough = e.take(all, e.has)
	}
	if !enough {
		e.confirming = slices.DeleteFunc(e.confirming, func(run int) bool { return !e.again[run] })
	}
	e.alone = len(e.confirming) <= 1
}

// chooseCommit lets only the last runs of the judged run's commit confirm, and says whether these can. What other commits
// showed before must not hide what this one shows. The first run of a commit has only the rule for one run, which is not for
// a branch that is judged by its own past.
func (e *evaluator) chooseCommit() bool {
	e.take(e.settings.WindowRuns, func(run int) bool { return e.again[run] && e.has(run) })
	e.alone = len(e.confirming) == 1
	return e.foreign || !e.alone
}

// chooseTwo lets only the judged run and the one before it confirm, and says whether there are two. They are enough where the
// evidence is overwhelming.
func (e *evaluator) chooseTwo() bool {
	e.two, e.alone = true, false
	return e.take(2, func(run int) bool { return e.ran[run] }) && e.has(e.confirming[0])
}

// has says whether a run has the measurement.
func (e *evaluator) has(run int) bool { return !math.IsNaN(e.level[run]) }

// take makes the last n wanted runs confirm, and says whether there are so many. Runs of another branch cannot confirm.
func (e *evaluator) take(n int, wanted func(run int) bool) bool {
	border := 0
	if e.foreign {
		border = e.runs.window
	}
	e.confirming = e.confirming[:0]
	for run := e.last(); run >= border && len(e.confirming) < n; run-- {
		if wanted(run) {
			e.confirming, e.until = append(e.confirming, run), run
		}
	}
	if e.foreign {
		e.until = border
	}
	slices.Reverse(e.confirming)
	return len(e.confirming) == n
}

// matters says whether the change is large and lasting enough to be confirmed.
func (e *evaluator) matters(v *verdict, suspects int) bool {
	th, dir := e.track.th, float64(v.dir)
	effect := dir * (v.pooled - v.usual)
	if dir*(math.Exp(v.pooled)-math.Exp(v.usual)) < th.Delta {
		return false
	}
	if v.alone {
		return effect >= math.Log(e.settings.OneRunRatio) && !e.habitual(v, 1, 1)
	}
	if v.two {
		return e.overwhelming(v, suspects)
	}
	return v.k > 1 && effect >= th.lnRatio && e.lasting(v, suspects)
}

// overwhelming says whether two runs confirm that a test became worse without a third: they and those right before them that are
// suspects are all far off, and the test never was before.
func (e *evaluator) overwhelming(v *verdict, suspects int) bool {
	if v.dir != worse || v.k < 2 || suspects != v.k {
		return false
	}
	for _, level := range e.levels() {
		if level-v.usual < math.Log(e.track.th.TwoRunsRatio) {
			return false
		}
	}
	off, _ := e.habit(v)
	return off == 0
}

// lasting says whether the levels show that the change lasts. As many of them as there are runs in a window have to be
// nearer to their common level than to what is usual, and two of these have to be suspects. Where there are only two
// levels, both have to be suspects. So two suspects and one run that is as ever prove nothing: a test that hangs now and
// then shows the same.
func (e *evaluator) lasting(v *verdict, suspects int) bool {
	near, since := 0, 0 // the levels that are nearer, and all levels since the first of these
	for _, level := range e.levels() {
		if float64(v.dir)*(level-v.usual) > float64(v.dir)*(v.pooled-v.usual)/2 {
			near++
		}
		if near > 0 {
			since++
		}
	}
	if v.k == 2 {
		near = suspects
	}
	return suspects >= 2 && near >= min(v.k, e.settings.WindowRuns) && !e.habitual(v, near, since)
}

// habitual says whether a measurement was as far off often enough in earlier runs, as with a test that is slow whenever a
// cache is cold: then so many levels off, among inRuns runs, may be chance.
func (e *evaluator) habitual(v *verdict, near, inRuns int) bool {
	off, earlier := e.habit(v)
	if off == 0 {
		return false
	}
	// One more of each, so that three of three runs in a short history leave room for one that is not off.
	often := distuv.Binomial{N: float64(inRuns), P: min((off+1)/(earlier+1), 1)}
	return often.Survival(float64(near-1)) >= e.settings.HabitP
}

// habit counts the earlier runs in which a measurement was as far off, and all earlier runs. Of consecutive runs that are off
// two count, since more of them are rather a change that was undone than chance.
func (e *evaluator) habit(v *verdict) (off, earlier float64) {
	t, dir := &e.track, float64(v.dir)
	end := e.until
	if t.dir != 0 {
		end = t.first
	}
	beyond, row := max(dir*(t.limit(v.dir)-v.usual), dir*(v.pooled-v.usual)/2), 0
	for _, level := range e.level[t.since:end] {
		if math.IsNaN(level) {
			continue
		}
		earlier++
		if dir*(level-v.usual) <= beyond {
			row = 0
		} else if row++; row <= 2 {
			off++
		}
	}
	return off, earlier
}

// locate finds the runs between which the level changed: the likelihood of a step is largest where the levels begin that
// are nearer to the new level than to the old one. A level counts at most as much as the new level does, so that no
// outlier moves the step to where it stands.
func (e *evaluator) locate(v *verdict) {
	to := v.pooled
	if !v.candidate {
		to = v.level
	}
	dir := math.Copysign(1, to-v.usual)
	half := dir * (to - v.usual) / 2
	likelihood, best := 0.0, math.Inf(-1)
	v.firstBad = e.last()
	for run := e.last(); run >= e.track.since; run-- {
		if math.IsNaN(e.level[run]) {
			continue
		}
		likelihood += min(max(dir*(e.level[run]-v.usual)-half, -half), half)
		if likelihood > best {
			best, v.firstBad = likelihood, run
		}
	}
	for v.lastGood = v.firstBad - 1; v.lastGood >= 0 && math.IsNaN(e.level[v.lastGood]); v.lastGood-- {
	}
}
