package judge

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// samples reads what the runs of a lineage measured: the window and the latest of the baseline first, then as many of
// the others as it takes until every class of machine of the judged run has [Judge.Runs] runs to be compared with.
func (j *Judge) samples(ctx context.Context, l monitor.Lineage) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		seen := coverage{judged: l.Judged(), runs: map[string]map[*monitor.RunHead]struct{}{}}
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
func last(runs []*monitor.RunHead, n int) []*monitor.RunHead { return runs[max(0, len(runs)-n):] }

// coverage counts what was seen, and the runs on each class of machine.
type coverage struct {
	judged *monitor.RunHead
	runs   map[string]map[*monitor.RunHead]struct{}

	samples, tests int // all of them, and those of the judged run

	env string // of the last sample, and its runs: neighbours mostly share it
	of  map[*monitor.RunHead]struct{}
}

func (c *coverage) add(s monitor.Sample) {
	c.samples++
	if s.Run == c.judged {
		c.tests++
	}
	if c.of == nil || c.env != s.Env {
		if c.env, c.of = s.Env, c.runs[s.Env]; c.of == nil {
			c.of = map[*monitor.RunHead]struct{}{}
			c.runs[s.Env] = c.of
		}
	}
	c.of[s.Run] = struct{}{}
}

// least returns how many runs there are on the class of machine of the judged run that has fewest; many where it
// measured nothing.
func (c *coverage) least() int {
	const many = 1 << 30
	least := many
	for _, runs := range c.runs {
		if _, ok := runs[c.judged]; ok {
			least = min(least, len(runs)-1)
		}
	}
	return least
}
