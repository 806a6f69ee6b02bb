package regress

import (
	"math"
	"slices"
)

// mark is a level of a streak.
type mark struct {
	level   float64
	suspect bool
	calm    bool // it shows less than half of the effect
}

// The directions in which a level can be conspicuous.
const (
	worse  = 1
	better = -1
)

// track follows one measurement through the runs, oldest first, and keeps apart what is usual from what may be a new
// level. The base lags behind the runs, as it lags behind the judged window: the first runs of a small step may be
// inconspicuous by themselves, and would hide the step if they were part of the base.
//
// A suspect opens a streak, whose levels are not part of the base. The streak ends in one of three ways:
//
//   - It calms down. Its levels then enter the base, at most as large as not to be suspects: to leave them out would
//     make the spread too small, to take them as they are could hide the next step.
//   - It holds for so many runs that its level is the usual one now. The base then starts again with it.
//   - The runs end, and the judged window decides.
type track struct {
	th     *thresholds
	minN   int // levels before anything is conspicuous
	hold   int // suspects that make a new base
	window int // runs that confirm together
	base   base
	recent []float64 // up to window - 1 levels that the base does not have yet, oldest first; none during a streak
	streak []mark
	dir    int     // of the streak: worse, better, or 0 when there is none
	since  int     // the run that the base began with
	first  int     // the run of the streak's first suspect
	former float64 // the highest level that was usual before it became better for good
}

// reset prepares for another measurement.
func (t *track) reset(th *thresholds) {
	t.th = th
	t.base.reset()
	t.recent, t.streak = t.recent[:0], t.streak[:0]
	t.dir, t.since, t.first, t.former = 0, 0, 0, math.Inf(-1)
}

// follow takes the level of an earlier run.
func (t *track) follow(level float64, run int) {
	if t.base.n() < t.minN {
		t.base.add(level)
		return
	}
	if t.dir == 0 && t.base.ordinary(level, t.th) {
		t.keep(level)
		return
	}
	t.base.estimate(t.th)
	dir := t.conspicuous(level)
	if dir != 0 && t.dir != 0 && dir != t.dir {
		t.calm()
		dir = t.conspicuous(level)
	}
	if dir == 0 && t.dir == 0 {
		t.keep(level)
		return
	}
	if t.dir == 0 {
		t.open(dir, run)
	}
	t.mark(level, dir)
	if t.over() {
		t.calm()
	} else if t.held() >= t.hold {
		t.restart()
	}
}

// keep takes a level that is as usual.
func (t *track) keep(level float64) {
	t.recent = append(t.recent, level)
	if len(t.recent) == t.window {
		t.base.add(t.recent[0])
		t.recent = slices.Delete(t.recent, 0, 1)
	}
}

// flush gives the base the levels that it does not have yet.
func (t *track) flush() {
	for _, level := range t.recent {
		t.base.add(level)
	}
	t.recent = t.recent[:0]
	t.base.estimate(t.th)
}

// leans says whether a level is more than half as far off, in a direction, as a conspicuous one. (A comparison with the level
// that follows would let a small step hide in the base as soon as a larger one follows.)
func (t *track) leans(level float64, dir int) bool {
	return float64(dir)*(level-t.base.median) > float64(dir)*(t.limit(dir)-t.base.median)/2
}

// open begins a streak with a suspect in a run, and with the levels right before it that lean in its direction.
func (t *track) open(dir, run int) {
	t.dir, t.first = dir, run
	from := len(t.recent)
	for from > 0 && t.leans(t.recent[from-1], dir) {
		from--
	}
	for _, level := range t.recent[from:] {
		t.streak = append(t.streak, mark{level: level})
	}
	t.recent = t.recent[:from]
	t.flush()
}

// mark adds a level to the streak.
func (t *track) mark(level float64, dir int) {
	t.streak = append(t.streak, mark{level: level, suspect: dir == t.dir, calm: dir != t.dir && t.nearBase(level)})
}

// nearBase says whether a level is nearer to what is usual than to the streak's.
func (t *track) nearBase(level float64) bool {
	return float64(t.dir)*(level-t.base.median) < float64(t.dir)*(t.streakLevel()-t.base.median)/2
}

// streakLevel is the median of the suspects of a streak, which has begun with one.
func (t *track) streakLevel() float64 {
	levels := make([]float64, 0, 16)
	for _, m := range t.streak {
		if m.suspect {
			levels = append(levels, m.level)
		}
	}
	return median(levels)
}

// over says whether a streak has calmed down: most levels of a window are calm, such as two of the last three.
func (t *track) over() bool {
	calm := 0
	for _, m := range t.streak[max(0, len(t.streak)-t.window):] {
		if m.calm {
			calm++
		}
	}
	return 2*calm > t.window
}

func (t *track) suspects() (n int) {
	for _, m := range t.streak {
		if m.suspect {
			n++
		}
	}
	return n
}

// held counts for how many runs a streak has held its level. A first suspect that calmed down at once does not count: it
// only happens to stand right before the step.
func (t *track) held() (n int) {
	half := (t.base.median + t.streakLevel()) / 2
	for _, m := range t.streak {
		if float64(t.dir)*(m.level-half) > 0 {
			n++
		} else if m.calm && n == 1 {
			n = 0
		}
	}
	return n
}

// calm ends a streak that was no new level.
func (t *track) calm() {
	highest, lowest := t.limit(worse), t.limit(better)
	for _, m := range t.streak {
		t.base.add(min(max(m.level, lowest), highest))
	}
	t.base.estimate(t.th)
	t.streak, t.dir = t.streak[:0], 0
}

// restart makes the streak's level the usual one.
func (t *track) restart() {
	if t.dir == better {
		t.former = max(t.former, t.limit(worse))
	}
	t.base.reset()
	for _, m := range t.streak {
		t.base.add(m.level)
	}
	t.base.estimate(t.th)
	t.since = t.first
	t.streak, t.dir = t.streak[:0], 0
}

// conspicuous says in which direction a single level is, or 0.
func (t *track) conspicuous(level float64) int {
	n, b := t.base.n(), &t.base
	switch {
	case level-b.median > max(t.th.reach[n]*b.up, t.th.lnSuspect) && t.amounts(level):
		return worse
	case b.median-level > max(t.th.reach[n]*b.down, t.th.lnSuspect) && t.amounts(level):
		return better
	}
	return 0
}

// amounts says whether a level differs from what is usual by so much that it could matter.
func (t *track) amounts(level float64) bool {
	return math.Abs(math.Exp(level)-math.Exp(t.base.median)) > t.th.Delta
}

// limit returns the level beyond which one is conspicuous, in a direction; infinite where none can be.
func (t *track) limit(dir int) float64 {
	reach, spread := t.th.reach[t.base.n()], t.base.up
	if dir == better {
		spread = t.base.down
	}
	return t.away(dir, max(reach*spread, t.th.lnSuspect))
}

// away returns the level at a distance from the usual one, but at least at the least difference that counts.
func (t *track) away(dir int, distance float64) float64 {
	usual := math.Exp(t.base.median)
	if dir == worse {
		return max(t.base.median+distance, math.Log(usual+t.th.Delta))
	}
	if usual <= t.th.Delta {
		return math.Inf(-1)
	}
	return min(t.base.median-distance, math.Log(usual-t.th.Delta))
}
