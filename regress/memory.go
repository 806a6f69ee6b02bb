package regress

import "math"

// Memory is a matter of the process: what one test leaves behind shows in all later tests. So a step belongs to the first
// test that shows it, and a later test is blamed only for what it shows on top.

// lift is how much the process has grown through tests that were blamed. Later tests show it too, without their doing.
type lift struct {
	dir    int     // worse for a process that grew, better for one that shrank
	amount float64 // MiB, not negative
	from   float64 // MiB that the blamed test usually takes
}

// step is the change of a test's memory.
type step struct {
	usual, now, noise float64 // MiB; a value up to usual + noise is no suspect
	ratio             float64 // least ratio that counts
}

// own says whether a test adds a step of its own to the lift.
func (l *lift) own(s step, th *thresholds) bool {
	added := l.delta(s) - l.amount
	lifted := s.usual + float64(l.dir)*l.amount
	return added >= max(th.Delta, s.noise) && float64(l.dir)*math.Log(s.now/lifted) >= math.Log(s.ratio)
}

// delta is how far a test is off in the lift's direction.
func (l *lift) delta(s step) float64 { return float64(l.dir) * (s.now - s.usual) }

// blame makes a test's step the lift.
func (l *lift) blame(s step) {
	l.amount, l.from = l.delta(s), s.usual
}

// witness looks at a test that is not blamed. Where the test should show the lift and does not, the lift is over, as when
// memory is given back at the end of a test. A test that usually takes so much that it hides the lift shows nothing.
func (l *lift) witness(s step) {
	if delta := l.delta(s); delta < l.amount/2 && s.usual < l.from+l.amount/2 {
		l.amount = max(0, delta)
	}
}

// attribute takes back the verdicts on the memory of tests that show no more than an earlier test's step. order is the order
// of the tests in the judged run.
func (d *Detector) attribute(verdicts []verdict, order []int) {
	th := d.byMonitor[memUsage]
	confirmed := [...]*lift{{dir: worse}, {dir: better}}
	suspected := &lift{dir: worse}
	for _, i := range order {
		v := &verdicts[i]
		if !v.tested() {
			continue
		}
		together, alone := v.step(v.pooled, th.Ratio), v.step(v.level, th.SuspectRatio)
		for _, l := range confirmed {
			if v.candidate && v.dir == l.dir && l.own(together, th) {
				l.blame(together)
			} else {
				v.candidate = v.candidate && v.dir != l.dir
				l.witness(together)
			}
		}
		if v.suspect && suspected.own(alone, th) {
			suspected.blame(alone)
		} else {
			v.suspect = false
			suspected.witness(alone)
		}
	}
}

// step is the change of a test's memory to a level.
func (v *verdict) step(level, ratio float64) step {
	usual := math.Exp(v.usual)
	return step{usual: usual, now: math.Exp(level), noise: math.Exp(v.limit) - usual, ratio: ratio}
}
