package regress

import (
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// rule is how a lineage is divided, for each measurement by itself, into the runs that it is judged by and those that
// confirm.
type rule struct {
	// foreign says that the baseline is another branch's: what goes on there is not this run's doing.
	foreign bool
	// again says by run whether it is of the judged run's commit.
	again []bool
}

func newRule(l monitor.Comparison, all runs) rule {
	judged := l.Judged()
	r := rule{foreign: judged.Branch != l.Branch, again: make([]bool, len(all.heads))}
	for i, head := range all.heads {
		r.again[i] = head == judged || i >= all.window && head.ScmRef != "" && head.ScmRef == judged.ScmRef
	}
	return r
}

// frame is how the runs of one measurement are divided.
type frame struct {
	// confirming are the runs that the judged one is confirmed by, oldest first, and itself.
	confirming []int
	// until is the run before which all are what the window is compared with.
	until int
	// alone says that the judged run is all there is.
	alone bool
}

// frame divides the runs by the levels of b. The window are the last runs on this class of machine, since the run before
// may be another job's of a matrix; and where the measurement is in none of them but the judged one, as with shards, the
// last runs that have it. A branch with too few runs confirms only by runs of the same commit.
func (b *bench) frame() {
	f, border := &b.framed, 0
	if b.rule.foreign {
		border = b.runs.window
	}
	has := func(run int) bool { return !math.IsNaN(b.level[run]) }
	enough := f.take(b.last(), border, func(run int) bool { return b.ran[run] })
	if f.confirming = slices.DeleteFunc(f.confirming, func(run int) bool { return !has(run) }); len(f.confirming) < 2 {
		enough = f.take(b.last(), border, has)
	}
	if b.rule.foreign {
		f.until = border
	}
	if !enough {
		f.confirming = slices.DeleteFunc(f.confirming, func(run int) bool { return !b.rule.again[run] })
	}
	f.alone = len(f.confirming) <= 1
}

// take takes the last runs that are wanted as the window, and says whether there are enough.
func (f *frame) take(last, border int, wanted func(run int) bool) bool {
	f.confirming = f.confirming[:0]
	for run := last; run >= border && len(f.confirming) < monitor.WindowRuns; run-- {
		if wanted(run) {
			f.confirming, f.until = append(f.confirming, run), run
		}
	}
	slices.Reverse(f.confirming)
	return len(f.confirming) == monitor.WindowRuns
}
