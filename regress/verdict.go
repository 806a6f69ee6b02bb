package regress

import (
	"cmp"
	"math"

	"pymon-bridge/monitor"
)

// verdict is what became of one metric of one unit. Levels are logarithms, at the machine's usual speed.
type verdict struct {
	status monitor.Status
	reason string

	n      int     // levels that the base is made of
	k      int     // levels that confirm
	usual  float64 // level
	limit  float64 // level above which one is a suspect
	level  float64 // of the judged run
	pooled float64 // common level of the runs that confirm
	dir    int     // in which direction pooled lies
	// single is the probability of as high a level by chance, and confirmed that of pooled, on the side on which it lies.
	single, confirmed float64
	suspect           bool // the judged run is one by itself
	alone             bool // there is no other run that could confirm
	two               bool // only the run before may confirm
	// candidate says that it is confirmed but for a look at the number of tests.
	candidate bool
	q         float64
	// accepted is the verdict on the levels as they were measured, where some of them are compared as accepted. nil otherwise.
	accepted *verdict
	by       *monitor.Acceptance // the last acceptance that counts there
	// lastGood and firstBad are runs, or none.
	lastGood, firstBad int
}

// tested says whether there was something to compare with.
func (v *verdict) tested() bool { return v.status == monitor.StatusOK }

// evaluator judges measurements one after the other, reusing its memory.
type evaluator struct {
	*Detector
	runs
	ran   []bool    // by run, whether it measured something on this class of machine
	level []float64 // by run, at the machine's usual speed; NaN where absent
	track track

	// What choose decides.
	confirming []int // the judged run and the runs that can confirm it, oldest first
	until      int   // the runs before it are the baseline
	alone      bool  // the judged run is the only one that confirms
	two        bool  // the judged run and the one before it confirm

	now              []float64 // levels of the runs that confirm
	together, sorted []float64 // for reuse
}

func (d *Detector) newEvaluator(all runs, ran []bool) *evaluator {
	return &evaluator{Detector: d, runs: all, ran: ran, level: make([]float64, len(all.infos)), track: track{
		minN: d.settings.MinRuns, hold: d.settings.HoldRuns, window: d.settings.WindowRuns,
		base: base{limit: d.settings.BaselineRuns}}}
}

// judge judges the levels of e. Where the last runs do not confirm a suspect, those of its commit may, or the last two.
func (e *evaluator) judge(th *thresholds) verdict {
	e.choose()
	v := e.compare(th)
	for _, choose := range []func() bool{e.chooseCommit, e.chooseTwo} {
		if v.suspect && !v.candidate && choose() {
			if by := e.compare(th); by.candidate {
				return by
			}
		}
	}
	return v
}

// compare compares the runs that confirm with the baseline.
func (e *evaluator) compare(th *thresholds) verdict {
	t := &e.track
	t.reset(th)
	for run, level := range e.level[:e.until] {
		if !math.IsNaN(level) {
			t.follow(level, run)
		}
	}
	v := verdict{n: t.base.n(), level: e.level[e.last()], alone: e.alone, two: e.two, lastGood: none, firstBad: none}
	if v.n < t.minN {
		v.status = monitor.StatusLearning
		return v
	}
	v.status = monitor.StatusOK
	if e.foreign {
		e.forgive()
	}
	suspects := e.gather(&v)
	e.weigh(&v)
	if v.candidate = e.matters(&v, suspects); v.candidate || v.suspect {
		e.locate(&v)
	}
	if e.stale(&v) {
		return verdict{status: monitor.StatusNotJudged, n: v.n, reason: "as it was in " +
			"the baseline's branch before it became better there: this branch may not have that change yet"}
	}
	return v
}

// forgive makes the level that the baseline's branch shows by now the usual one, where it became worse in at least two
// runs. What became better there may have come after the judged run's branch was made.
func (e *evaluator) forgive() {
	t := &e.track
	t.flush()
	if t.dir == worse && t.suspects() >= 2 {
		t.base.median, t.since = t.streakLevel(), t.first
	}
	t.streak, t.dir = t.streak[:0], 0
}

// stale says whether a measurement that looks worse than on the branch that it is compared with is as it was there before it
// became better. The judged run's branch may have been made before that.
func (e *evaluator) stale(v *verdict) bool {
	former := e.track.former
	return e.foreign && (v.suspect || v.candidate && v.dir == worse) && v.level <= former && v.pooled <= former
}

// gather puts together the levels that confirm: those of the window, and those of a streak that goes on into it. It
// returns how many of them are suspects on the side of their common level.
func (e *evaluator) gather(v *verdict) (suspects int) {
	t := &e.track
	t.base.estimate(t.th)
	e.now = e.now[:0]
	earlier := 0
	for _, run := range e.confirming {
		level := e.level[run]
		e.now = append(e.now, level)
		if run != e.last() && t.dir != 0 && t.conspicuous(level) == t.dir {
			earlier++
		}
	}
	switch {
	case t.dir == 0:
		e.lookBack()
	case t.held()+earlier >= t.hold:
		t.restart()
	case e.calmsDown():
		t.calm()
	}
	return e.pool(v)
}

// lookBack opens a streak that began, inconspicuously, right before a window that has suspects.
func (e *evaluator) lookBack() {
	t, dir := &e.track, 0
	for _, level := range e.now {
		dir = cmp.Or(dir, t.conspicuous(level))
	}
	if dir == 0 || !t.leans(e.now[0], dir) {
		t.flush()
		return
	}
	t.open(dir, e.until)
	if len(t.streak) == 0 {
		t.dir = 0
	}
}

// pool takes the median of the levels that confirm.
func (e *evaluator) pool(v *verdict) (suspects int) {
	t := &e.track
	levels := e.levels()
	v.k, v.n = len(levels), t.base.n()
	e.sorted = append(e.sorted[:0], levels...)
	v.pooled = median(e.sorted)
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
func (e *evaluator) levels() []float64 {
	e.together = e.together[:0]
	for _, m := range e.track.streak {
		e.together = append(e.together, m.level)
	}
	e.together = append(e.together, e.now...)
	return e.together
}

// calmsDown says whether the streak before the window is over by its end.
func (e *evaluator) calmsDown() (over bool) {
	t := &e.track
	before := len(t.streak)
	for _, level := range e.now {
		t.mark(level, t.conspicuous(level))
		over = over || t.over()
	}
	t.streak = t.streak[:before]
	return over
}

// weigh works out how probable the levels are by chance.
func (e *evaluator) weigh(v *verdict) {
	v.usual = e.track.base.median
	v.limit = e.track.limit(worse)
	v.suspect = e.track.conspicuous(v.level) == worse
	v.single = e.chance(v.level-v.usual, worse, v.n, single(v.n))
	err := single(v.n)
	if v.k > 1 {
		err = pooled(v.n, v.k)
	}
	v.confirmed = e.chance(v.pooled-v.usual, v.dir, v.n, err)
}

// chance is the probability of a level at least so far from the usual one in a direction; err is its standard error in
// spreads.
func (e *evaluator) chance(distance float64, dir, n int, err float64) float64 {
	spread := e.track.base.up
	if distance < 0 {
		spread = e.track.base.down
	}
	return student(n).CDF(-float64(dir) * distance / spread / err)
}
