package regress

import (
	"cmp"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"pymon-bridge/monitor"
)

// verdict is what became of one measurement of one unit. Levels are logarithms, at the machine's usual speed.
type verdict struct {
	status monitor.Status
	reason string

	n      int     // levels that the base is made of
	k      int     // levels that confirm
	usual  float64 // level
	limit  float64 // level beyond which one is a suspect
	level  float64 // of the judged run
	pooled float64 // level of the runs that confirm together
	dir    int     // in which direction pooled lies
	// single is the probability of as high a level by chance, and confirmed that of pooled, on the side on which it lies.
	single, confirmed float64
	suspect           bool // the judged run is one by itself
	alone             bool // there is no other run that could confirm
	// candidate says that all is there for a confirmation but a look at the number of tests.
	candidate bool
	q         float64
	// lastGood and firstBad are runs, or none.
	lastGood, firstBad int
}

// tested says whether there was something to compare with.
func (v *verdict) tested() bool { return v.status == monitor.StatusOK }

// bench judges measurements one after the other, reusing its memory.
type bench struct {
	*Detector
	runs
	rule   rule
	ran    []bool // by run, whether it measured something on this class of machine
	framed frame
	track  track
	level  []float64 // by run, at the machine's usual speed; NaN where absent
	window []float64 // of the runs that confirm

	together, sorted []float64 // for reuse
}

func (d *Detector) newBench(all runs, r rule, ran []bool) *bench {
	b := &bench{Detector: d, runs: all, rule: r, ran: ran, level: make([]float64, len(all.heads))}
	b.track = track{minN: d.settings.MinRuns, hold: d.settings.HoldRuns, base: base{limit: d.settings.BaselineRuns}}
	return b
}

// judge judges the levels of b.
func (b *bench) judge(g *gate) verdict {
	t := &b.track
	t.reset(g)
	b.frame()
	for run, level := range b.level[:b.framed.until] {
		if !math.IsNaN(level) {
			t.follow(level, run)
		}
	}
	v := verdict{n: t.base.n(), level: b.level[b.last()], alone: b.framed.alone, lastGood: none, firstBad: none}
	if v.n < t.minN {
		v.status = monitor.StatusLearning
		return v
	}
	v.status = monitor.StatusOK
	if b.rule.foreign {
		b.forgive()
	}
	suspects := b.gather(&v)
	b.weigh(&v)
	if v.candidate = b.matters(&v, suspects); v.candidate || v.suspect {
		b.locate(&v)
	}
	if b.stale(&v) {
		return verdict{status: monitor.StatusNotJudged, n: v.n, reason: "as it was in " +
			"the baseline's branch before it became better there: this branch may not have that change yet"}
	}
	return v
}

// forgive takes what the baseline's branch shows by now as what is usual, where it became worse in at least two
// runs. What became better there may have come after the judged run's branch was made.
func (b *bench) forgive() {
	t := &b.track
	t.settle()
	if t.dir == worse && t.suspects() >= 2 {
		t.base.median, t.since = t.streakLevel(), t.first
	}
	t.streak, t.dir = t.streak[:0], 0
}

// stale says whether what looks worse than on the branch that is compared with is as it was there before it became
// better, as with a branch that was made before.
func (b *bench) stale(v *verdict) bool {
	former := b.track.former
	return b.rule.foreign && (v.suspect || v.candidate && v.dir == worse) && v.level <= former && v.pooled <= former
}

// gather puts together the levels that confirm: those of the window, and those of a streak that goes on into it. It
// returns how many of them are suspects on the side on which they lie together.
func (b *bench) gather(v *verdict) (suspects int) {
	t := &b.track
	t.base.settle(t.gate)
	b.window = b.window[:0]
	earlier := 0
	for _, run := range b.framed.confirming {
		level := b.level[run]
		b.window = append(b.window, level)
		if run != b.last() && t.dir != 0 && t.conspicuous(level) == t.dir {
			earlier++
		}
	}
	switch {
	case t.dir == 0:
		b.lookBack()
	case t.held()+earlier >= t.hold:
		t.restart()
	case b.calmsDown():
		t.calm()
	}
	return b.pool(v)
}

// lookBack opens a streak that began, inconspicuously, right before a window that has suspects.
func (b *bench) lookBack() {
	t, dir := &b.track, 0
	for _, level := range b.window {
		dir = cmp.Or(dir, t.conspicuous(level))
	}
	if dir == 0 || !t.leans(b.window[0], dir) {
		t.settle()
		return
	}
	t.open(dir, b.framed.until)
	if len(t.streak) == 0 {
		t.dir = 0
	}
}

// pool takes the median of the levels that confirm.
func (b *bench) pool(v *verdict) (suspects int) {
	t := &b.track
	levels := b.levels()
	v.k, v.n = len(levels), t.base.n()
	b.sorted = append(b.sorted[:0], levels...)
	v.pooled = median(b.sorted)
	v.dir = worse
	if v.pooled < t.base.median {
		v.dir = better
	}
	for _, level := range levels {
		if t.conspicuous(level) == v.dir {
			suspects++
		}
	}
	return suspects
}

// levels returns the levels that confirm, oldest first.
func (b *bench) levels() []float64 {
	b.together = b.together[:0]
	for _, m := range b.track.streak {
		b.together = append(b.together, m.level)
	}
	b.together = append(b.together, b.window...)
	return b.together
}

// calmsDown says whether the streak before the window is over by its end.
func (b *bench) calmsDown() (over bool) {
	t := &b.track
	before := len(t.streak)
	for _, level := range b.window {
		t.mark(level, t.conspicuous(level))
		over = over || t.over()
	}
	t.streak = t.streak[:before]
	return over
}

// weigh works out how probable the levels are by chance.
func (b *bench) weigh(v *verdict) {
	base := &b.track.base
	v.usual = base.median
	v.limit = b.track.limit(worse)
	v.suspect = b.track.conspicuous(v.level) == worse
	v.single = b.chance(v.level-v.usual, worse, v.n, single(v.n))
	if v.k == 1 {
		v.confirmed = b.chance(v.pooled-v.usual, v.dir, v.n, single(v.n))
	} else {
		v.confirmed = b.chance(v.pooled-v.usual, v.dir, v.n, pooled(v.n, v.k))
	}
}

// chance is the probability of a level at least so far from what is usual in a direction; err is its standard error in
// spreads.
func (b *bench) chance(distance float64, dir, n int, err float64) float64 {
	spread := b.track.base.up
	if distance < 0 {
		spread = b.track.base.down
	}
	return student(n).CDF(-float64(dir) * distance / spread / err)
}

// matters says whether what the levels say together is large and lasting enough to be confirmed.
func (b *bench) matters(v *verdict, suspects int) bool {
	g, dir := b.track.gate, float64(v.dir)
	effect := dir * (v.pooled - v.usual)
	if dir*(math.Exp(v.pooled)-math.Exp(v.usual)) < g.Delta {
		return false
	}
	if v.alone {
		return effect >= math.Log(b.settings.OneRunRatio) && !b.habitual(v, 1, 1)
	}
	return v.k > 1 && effect >= g.lnRatio && b.lasting(v, suspects)
}

// lasting says whether the levels show that the change lasts: three of them are nearer to where they lie together than
// to what is usual, at least two of which are suspects; or both, where there are only two. Of two suspects and one
// that is as ever, as a test that hangs now and then shows them, nobody knows.
func (b *bench) lasting(v *verdict, suspects int) bool {
	near, since := 0, 0 // the levels that are nearer, and all levels since the first of these
	for _, level := range b.levels() {
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
	return suspects >= 2 && near >= min(v.k, monitor.WindowRuns) && !b.habitual(v, near, since)
}

// habitual says whether so many levels off are nothing new for the measurement, as with a test that is slow whenever a
// cache is cold: whether a test that is as far off as often as it was in the earlier runs would show near of them in a
// number of runs by chance. Of runs off in a row two count, since more of them are a change that was undone rather than
// chance.
func (b *bench) habitual(v *verdict, near, inRuns int) bool {
	t, dir := &b.track, float64(v.dir)
	end := b.framed.until
	if t.dir != 0 {
		end = t.first
	}
	beyond := max(dir*(t.limit(v.dir)-v.usual), dir*(v.pooled-v.usual)/2)
	earlier, off, row := 0.0, 0.0, 0
	for _, level := range b.level[t.since:end] {
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
	if off == 0 {
		return false
	}
	// One more of each, so that three of three runs in a short history leave room for one that is not off.
	often := distuv.Binomial{N: float64(inRuns), P: min((off+1)/(earlier+1), 1)}
	return often.Survival(float64(near-1)) >= b.settings.HabitP
}

// locate finds the runs between which the level changed: where what is nearer to the new level than to the old one
// begins, which is where the likelihood of a step is largest. A level counts at most as much as one of the new
// level does, so that no outlier moves the step to where it stands.
func (b *bench) locate(v *verdict) {
	to := v.pooled
	if !v.candidate {
		to = v.level
	}
	dir := math.Copysign(1, to-v.usual)
	half := dir * (to - v.usual) / 2
	likelihood, best := 0.0, math.Inf(-1)
	v.firstBad = b.last()
	for run := b.last(); run >= b.track.since; run-- {
		if math.IsNaN(b.level[run]) {
			continue
		}
		likelihood += min(max(dir*(b.level[run]-v.usual)-half, -half), half)
		if likelihood > best {
			best, v.firstBad = likelihood, run
		}
	}
	for run := v.firstBad - 1; run >= 0; run-- {
		if !math.IsNaN(b.level[run]) {
			v.lastGood = run
			return
		}
	}
}
