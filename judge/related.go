package judge

import (
	"hash/maphash"
	"slices"

	"pymon-bridge/monitor"
)

// manyTests is how many tests of a run tell by themselves how fast the machine was. With fewer, the runs of other jobs help.
const manyTests = 100

// related knows which tests the runs have that were read to judge other runs of the commit. So each of many shards reads its
// own history, and not that of all the others. It takes 8 bytes for each measurement. nil knows nothing.
type related struct {
	seed  maphash.Seed
	tests map[*monitor.RunInfo][]uint64 // hashes
	done  map[*monitor.RunInfo]bool     // known from an earlier list, which may come again
}

// newRelated returns one for a commit with the given number of runs.
func newRelated(runs int) *related {
	if runs < 2 {
		return nil
	}
	return &related{seed: maphash.MakeSeed(), tests: map[*monitor.RunInfo][]uint64{}, done: map[*monitor.RunInfo]bool{}}
}

// newList says that the next samples are of another list.
func (r *related) newList() {
	if r == nil {
		return
	}
	for run := range r.tests {
		r.done[run] = true
	}
}

func (r *related) add(s monitor.Sample) {
	if r != nil && !r.done[s.Run] {
		r.tests[s.Run] = append(r.tests[s.Run], maphash.Comparable(r.seed, *s.Series))
	}
}

// without returns some runs without those that are known to have no test of run. These tell nothing of it if it has many tests
// on each of its classes of machine.
func (r *related) without(runs []*monitor.RunInfo, run *monitor.RunInfo, seen *coverage) []*monitor.RunInfo {
	if r == nil {
		return runs
	}
	for _, on := range seen.envs {
		if len(on.tests) < manyTests {
			return runs
		}
	}
	own := map[uint64]bool{}
	for _, test := range r.tests[run] {
		own[test] = true
	}
	return slices.DeleteFunc(slices.Clone(runs), func(o *monitor.RunInfo) bool {
		tests, known := r.tests[o]
		return known && !slices.ContainsFunc(tests, func(test uint64) bool { return own[test] })
	})
}
