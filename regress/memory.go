package regress

import "math"

// Memory is a matter of the process: what one test leaves behind shows in all later ones. So a step belongs to the first
// test that shows it, and a later one is blamed only for what it shows on top.

// lift is how much the process has grown by tests that were blamed, as later tests have it in them without their
// doing.
type lift struct {
	dir    int     // worse for what grew, better for what shrank
	amount float64 // MiB, not negative
	// from is what the test usually takes that the lift is from.
	from float64
}

// step is what a test's memory did.
type step struct {
	usual, now, noise float64 // MiB; noise is how far from usual is still no suspect
	ratio             float64 // least ratio that counts
}

// own says whether a test adds a step of its own to the lift.
func (l *lift) own(s step, g *gate) bool {
	added := l.delta(s) - l.amount
	lifted := s.usual + float64(l.dir)*l.amount
	return added >= max(g.Delta, s.noise) && float64(l.dir)*math.Log(s.now/lifted) >= math.Log(s.ratio)
}

// delta is how far a test is off in the lift's direction.
func (l *lift) delta(s step) float64 { return float64(l.dir) * (s.now - s.usual) }

// blame makes a test's step the lift.
func (l *lift) blame(s step) {
	l.amount, l.from = l.delta(s), s.usual
}

// witness looks at a test that is not blamed: one that would show the lift, and does not, tells that it is over, as when
// memory is given back at the end of a test. One that usually takes so much that the lift disappears in it tells
// nothing.
func (l *lift) witness(s step) {
	if delta := l.delta(s); delta < l.amount/2 && s.usual < l.from+l.amount/2 {
		l.amount = max(0, delta)
	}
}

// attribute takes back, in a machine's verdicts on memory, those of tests that show no more than an earlier one's step.
// order is the order of the tests in the judged run.
func (d *Detector) attribute(verdicts []verdict, order []int) {
	g := d.gates[memUsage]
	confirmed := [...]*lift{{dir: worse}, {dir: better}}
	suspected := &lift{dir: worse}
	for _, i := range order {
		v := &verdicts[i]
		if !v.tested() {
			continue
		}
		together, alone := v.step(v.pooled, g.Ratio), v.step(v.level, g.SuspectRatio)
		for _, l := range confirmed {
			if v.candidate && v.dir == l.dir && l.own(together, g) {
				l.blame(together)
			} else {
				v.candidate = v.candidate && v.dir != l.dir
				l.witness(together)
			}
		}
		if v.suspect && suspected.own(alone, g) {
			suspected.blame(alone)
		} else {
			v.suspect = false
			suspected.witness(alone)
		}
	}
}

// step is what a level is of a test's memory.
func (v *verdict) step(level, ratio float64) step {
	usual := math.Exp(v.usual)
	return step{usual: usual, now: math.Exp(level), noise: math.Exp(v.limit) - usual, ratio: ratio}
}
