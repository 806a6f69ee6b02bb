package judge

import (
	"slices"
	"time"
)

const (
	// minBackoff and maxBackoff bound the wait between attempts to judge a run.
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
)

type runKey struct{ project, run string }

// waiting is the runs that wait to be judged. One that could not be judged goes to the end, and waits longer after each attempt. The
// others go first. When another one fails too, the fault is not the run's: the file accepts nothing, say. Then all wait, as each
// attempt reads the measurements of dozens of runs.
type waiting struct {
	runs    []*waitingRun // without repetition, by when they ended or failed
	last    runKey        // that failed, since a run was judged
	several bool          // failed since then
}

type waitingRun struct {
	runKey
	wait time.Duration // after the last attempt; 0 before the first one
	due  time.Time     // of the next attempt
}

// add adds a run, unless it waits already.
func (w *waiting) add(key runKey) {
	if !slices.ContainsFunc(w.runs, func(run *waitingRun) bool { return run.runKey == key }) {
		w.runs = append(w.runs, &waitingRun{runKey: key})
	}
}

// next takes the first run that is due. Where none is, it returns nil and when one will be, the zero time when none waits.
func (w *waiting) next(now time.Time) (run *waitingRun, due time.Time) {
	for i, run := range w.runs {
		if !run.due.After(now) {
			w.runs = slices.Delete(w.runs, i, i+1)
			return run, now
		}
		if i == 0 || run.due.Before(due) {
			due = run.due
		}
	}
	return nil, due
}

// failed puts a run that was taken at the end.
func (w *waiting) failed(run *waitingRun, now time.Time) {
	w.several = w.several || w.last != runKey{} && w.last != run.runKey
	w.last = run.runKey
	if w.several {
		for _, other := range w.runs {
			run.wait = max(run.wait, other.wait)
		}
	}
	run.wait = min(max(2*run.wait, minBackoff), maxBackoff)
	run.due = now.Add(run.wait)
	if w.several {
		for _, other := range w.runs {
			other.wait, other.due = run.wait, run.due
		}
	}
	if same := slices.IndexFunc(w.runs, func(other *waitingRun) bool { return other.runKey == run.runKey }); same >= 0 {
		w.runs = slices.Delete(w.runs, same, same+1) // something was added to it meanwhile
	}
	w.runs = append(w.runs, run)
}

// judged ends the wait of all when several had failed.
func (w *waiting) judged() {
	if w.several {
		for _, run := range w.runs {
			run.wait, run.due = 0, time.Time{}
		}
	}
	w.last, w.several = runKey{}, false
}
