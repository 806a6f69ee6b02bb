package judge

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// samples reads what the runs of a comparison measured: first the window and the latest runs of the baseline, then more of
// the baseline until each class of machine of the judged run has [Judge.Runs] runs to be compared with.
// seen counts them.
func (j *Judge) samples(ctx context.Context, c monitor.Comparison, seen *coverage) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		runs, rest := append(c.Window[:len(c.Window):len(c.Window)], last(c.Baseline, j.Runs)...), c.Baseline
		for len(runs) > 0 {
			for sample, err := range j.history.Samples(ctx, c.Judged().Sort(), runs) {
				if err == nil {
					seen.add(sample)
					err = j.tooMany(seen)
				}
				if !yield(sample, err) || err != nil {
					return
				}
			}
			rest = rest[:len(rest)-len(last(rest, j.Runs))]
			if seen.least() >= j.Runs {
				return
			}
			runs = last(rest, j.Runs)
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

// coverage counts the samples that were read, and by class of machine the runs of the baseline that they are of.
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
	wanted bool                          // the judged run has a sample
	runs   map[*monitor.RunInfo]struct{} // of the baseline
}

func newCoverage(c monitor.Comparison) *coverage {
	seen := &coverage{run: c.Judged(), baseline: make(map[*monitor.RunInfo]struct{}, len(c.Baseline)), envs: map[string]*envCoverage{},
		sessions: map[string]int{}}
	for _, run := range c.Baseline {
		seen.baseline[run] = struct{}{}
	}
	return seen
}

func (c *coverage) add(s monitor.Sample) {
	c.samples++
	if c.last == nil || c.env != s.Env {
		if c.env, c.last = s.Env, c.envs[s.Env]; c.last == nil {
			c.last = &envCoverage{runs: map[*monitor.RunInfo]struct{}{}}
			c.envs[s.Env] = c.last
		}
	}
	if s.Run == c.run {
		c.tests++
		c.sessions[s.Session]++
		c.last.wanted = true
	} else if _, ok := c.baseline[s.Run]; ok {
		c.last.runs[s.Run] = struct{}{}
	}
}

// least returns how many runs of the baseline there are on the class of machine of the judged run that has fewest. It is
// a large number where the judged run has no sample.
func (c *coverage) least() int {
	least := 1 << 30
	for _, on := range c.envs {
		if on.wanted {
			least = min(least, len(on.runs))
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
