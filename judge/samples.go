package judge

import (
	"context"
	"iter"
	"slices"

	"pymon-bridge/monitor"
)

// samples reads what the runs of a comparison measured: first the judged run, then the other runs of the window and the
// latest ones of the baseline, then more of the baseline until each class of machine of the judged run has [Judge.Runs] runs
// to be compared with. It leaves out runs that are known to have none of the tests. seen counts what it reads.
func (j *Judge) samples(ctx context.Context, c monitor.Comparison, seen *coverage, known *related, held *held) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		n, rest := len(c.Window)-1, c.Baseline
		parts := [][]*monitor.RunInfo{c.Window[n:]}
		for i := 0; i < len(parts) && len(parts[i]) > 0; i++ {
			seen.newList()
			known.newList()
			for sample, err := range held.samples(ctx, c.Judged().Sort(), parts[i]) {
				if err == nil {
					seen.add(sample)
					known.add(sample)
					err = j.tooMany(seen)
				}
				if !yield(sample, err) || err != nil {
					return
				}
			}
			var next []*monitor.RunInfo
			if i == 0 {
				next, rest = known.without(c.Window[:n], c.Judged(), seen), known.without(rest, c.Judged(), seen)
			} else if seen.least() >= j.Runs {
				return
			} else if seen.full = seen.samples+measurements(last(rest, j.Runs)) > j.MaxSamples; seen.full {
				return
			}
			parts = append(parts, slices.Concat(next, last(rest, j.Runs)))
			rest = rest[:len(rest)-len(last(rest, j.Runs))]
		}
	}
}

// measurements counts those of some runs.
func measurements(runs []*monitor.RunInfo) (n int) {
	for _, run := range runs {
		n += int(run.Tests + run.Modules)
	}
	return n
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
