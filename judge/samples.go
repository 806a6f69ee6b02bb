package judge

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// samples reads what the runs of a comparison measured: first the judged run, then the other runs of the window and the
// latest ones of the baseline, then more of the baseline until each class of machine of the judged run has [Judge.Runs] runs
// to be compared with. seen counts them.
func (j *Judge) samples(ctx context.Context, c monitor.Comparison, seen *coverage) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		n, rest := len(c.Window)-1, c.Baseline
		parts := [][]*monitor.RunInfo{c.Window[n:], append(c.Window[:n:n], last(rest, j.Runs)...)}
		for i := 0; i < len(parts) && len(parts[i]) > 0; i++ {
			seen.newList()
			for sample, err := range j.history.Samples(ctx, c.Judged().Sort(), parts[i]) {
				if err == nil {
					seen.add(sample)
					err = j.tooMany(seen)
				}
				if !yield(sample, err) || err != nil {
					return
				}
			}
			if i == 0 {
				continue
			}
			rest = rest[:len(rest)-len(last(rest, j.Runs))]
			if seen.least() >= j.Runs {
				return
			}
			parts = append(parts, last(rest, j.Runs))
		}
	}
}

// tooMany fails where the runs measured more than is held in memory.
func (j *Judge) tooMany(seen *coverage) error {
	switch {
	case seen.tests > j.MaxTests:
		return monitor.Errorf(monitor.EInvalid, "run %q has more than %d measurements, too many to be judged", seen.run.ID, j.MaxTests)
	case seen.samples > j.MaxSamples:
		return monitor.Errorf(monitor.EInvalid, "run %q and those that it is judged by have more than %d measurements, too many to be judged",
			seen.run.ID, j.MaxSamples)
	default:
		return nil
	}
}

// coverage counts the samples that were read, and by class of machine the runs of the baseline that they are of. It takes the
// samples of the judged run first.
type coverage struct {
	run      *monitor.RunInfo // the judged one
	baseline map[*monitor.RunInfo]struct{}
	envs     map[string]*envCoverage

	samples, tests int            // all samples, and those of the judged run
	sessions       map[string]int // samples of the judged run, by session

	last *envCoverage // of the last sample: neighbours mostly share it
	env  string
}

// envCoverage is the coverage of a class of machine.
type envCoverage struct {
	tests  map[monitor.Series]struct{} // of the judged run
	known  map[*monitor.Series]bool    // whether it is one of tests; only of the list that is read, which has its own pointers
	shared map[*monitor.RunInfo]int    // samples of tests, by run of the baseline
	runs   int                         // of the baseline, that have at least half of the tests: others are other shards
}

func newCoverage(c monitor.Comparison) *coverage {
	seen := &coverage{run: c.Judged(), baseline: make(map[*monitor.RunInfo]struct{}, len(c.Baseline)), envs: map[string]*envCoverage{},
		sessions: map[string]int{}}
	for _, run := range c.Baseline {
		seen.baseline[run] = struct{}{}
	}
	return seen
}

// newList says that the next samples are of another list.
func (c *coverage) newList() {
	for _, on := range c.envs {
		clear(on.known)
	}
}

func (c *coverage) add(s monitor.Sample) {
	c.samples++
	if c.last == nil || c.env != s.Env {
		if c.env, c.last = s.Env, c.envs[s.Env]; c.last == nil {
			c.last = &envCoverage{tests: map[monitor.Series]struct{}{}, known: map[*monitor.Series]bool{}, shared: map[*monitor.RunInfo]int{}}
			c.envs[s.Env] = c.last
		}
	}
	if s.Run == c.run {
		c.tests++
		c.sessions[s.Session]++
		c.last.tests[*s.Series] = struct{}{}
	} else if _, ok := c.baseline[s.Run]; ok {
		c.last.share(s)
	}
}

// share counts a sample of the baseline.
func (e *envCoverage) share(s monitor.Sample) {
	n, half := e.shared[s.Run], (len(e.tests)+1)/2
	if n >= half {
		return
	}
	is, ok := e.known[s.Series]
	if !ok {
		_, is = e.tests[*s.Series]
		e.known[s.Series] = is
	}
	if !is {
		return
	}
	if e.shared[s.Run] = n + 1; n+1 == half {
		e.runs++
	}
}

// least returns how many runs of the baseline there are on the class of machine of the judged run that has fewest. It is
// a large number where the judged run has no sample.
func (c *coverage) least() int {
	least := 1 << 30
	for _, on := range c.envs {
		if len(on.tests) > 0 {
			least = min(least, on.runs)
		}
	}
	return least
}

// addedUp counts the samples of pytests that are no workers of pytest-xdist and yet one run with another pytest, as `tox -p`
// starts them. The run's id is the hash of its first session. The controller of pytest-xdist measures nothing itself.
func (c *coverage) addedUp() (n int64) {
	leader := c.sessions[c.run.ID]
	if leader == 0 {
		return 0
	}
	return int64(c.tests - leader)
}
