package judge

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// samples reads what the runs of a lineage measured: the window and the latest of the baseline first, then as many of
// the others as it takes until every class of machine of the judged run has [Judge.Runs] runs to be compared with.
func (j *Judge) samples(ctx context.Context, l monitor.Comparison) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		seen := newCoverage(l)
		runs, rest := append(l.Window[:len(l.Window):len(l.Window)], last(l.Baseline, j.Runs)...), l.Baseline
		for len(runs) > 0 {
			for sample, err := range j.history.Samples(ctx, runs) {
				if err == nil {
					seen.add(sample)
					err = j.tooMany(&seen)
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

// tooMany fails where more was measured than is held in memory.
func (j *Judge) tooMany(seen *coverage) error {
	switch {
	case seen.tests > j.MaxTests:
		return monitor.Errorf(monitor.EInvalid, "run %q has more than %d measurements, too many to be judged", seen.judged.ID, j.MaxTests)
	case seen.samples > j.MaxSamples:
		return monitor.Errorf(monitor.EInvalid, "run %q and those that it is judged by have more than %d measurements, too many to be judged",
			seen.judged.ID, j.MaxSamples)
	default:
		return nil
	}
}

// last returns the last n of some runs.
func last(runs []*monitor.RunInfo, n int) []*monitor.RunInfo { return runs[max(0, len(runs)-n):] }

// coverage counts what was seen, and the runs of the baseline on each class of machine that the judged run has.
type coverage struct {
	judged   *monitor.RunInfo
	baseline map[*monitor.RunInfo]struct{}
	envs     map[string]*seenOn

	samples, tests int // all of them, and those of the judged run

	last *seenOn // of the last sample: neighbours mostly share it
	env  string
}

// seenOn is what was seen on a class of machine.
type seenOn struct {
	judged bool
	runs   map[*monitor.RunInfo]struct{} // of the baseline
}

func newCoverage(l monitor.Comparison) coverage {
	c := coverage{judged: l.Judged(), baseline: make(map[*monitor.RunInfo]struct{}, len(l.Baseline)), envs: map[string]*seenOn{}}
	for _, run := range l.Baseline {
		c.baseline[run] = struct{}{}
	}
	return c
}

func (c *coverage) add(s monitor.Sample) {
	c.samples++
	if c.last == nil || c.env != s.Env {
		if c.env, c.last = s.Env, c.envs[s.Env]; c.last == nil {
			c.last = &seenOn{runs: map[*monitor.RunInfo]struct{}{}}
			c.envs[s.Env] = c.last
		}
	}
	if s.Run == c.judged {
		c.tests++
		c.last.judged = true
	} else if _, ok := c.baseline[s.Run]; ok {
		c.last.runs[s.Run] = struct{}{}
	}
}

// least returns how many runs of the baseline there are on the class of machine of the judged run that has fewest; many
// where it measured nothing.
func (c *coverage) least() int {
	const many = 1 << 30
	least := many
	for _, on := range c.envs {
		if on.judged {
			least = min(least, len(on.runs))
		}
	}
	return least
}
