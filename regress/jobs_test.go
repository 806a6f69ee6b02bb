package regress_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// jobs makes a suite whose pushes have several jobs, each of which is a run of its own: the jobs of a matrix run all
// tests on a class of machine each, shards a part of the tests on the same one. In the pushes from one on, a test takes
// more CPU time by a factor, in one job.
func jobs(pushes, each int, shards bool, from, in int, factor float64) *suite {
	s := newSuite(pushes * each)
	for run, info := range s.runs {
		push, job := run/each, run%each
		info.ScmRef = fmt.Sprintf("c%03d", push)
		for test := range 30 {
			m := s.steady()
			if push >= from && job == in && test == 0 {
				m.cpu *= factor
			}
			name, env := fmt.Sprintf("test_%02d", test), fmt.Sprint("py", job)
			if shards {
				name, env = fmt.Sprintf("test_%d_%02d", job, test), "m"
			}
			s.add(run, name, m).Env = env
		}
	}
	return s
}

// TestJobsOfABranch holds that a small step is confirmed by the third push that shows it, though other jobs ran in
// between, and that no other job is blamed.
func TestJobsOfABranch(t *testing.T) {
	t.Parallel()
	for _, each := range []int{2, 3} {
		for job := range each {
			for _, shards := range []bool{false, true} {
				if shards && each == 2 {
					continue // two of the last three runs have the test, which is enough
				}
				s, name := jobs(16, each, shards, 13, job, 1.5), "test_00"
				if shards {
					name = fmt.Sprintf("test_%d_00", job)
				}
				for push := 12; push < 16; push++ {
					for other := range each {
						r := s.judge(t, each*push+other)
						var want []string
						if other == job && push == 15 {
							want = []string{name + " cpu_time"}
						}
						assert.Equal(t, want, found(r, monitor.StatusRegression), "%d jobs, shards %v, job %d in push %d", each, shards, other, push)
					}
				}
			}
		}
	}
}

// TestJobsOfAPullRequest holds that the first push is judged by the rule for one run in each of its jobs, and a small
// step is confirmed by the third push.
func TestJobsOfAPullRequest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pushes int
		factor float64
		want   int
	}{{1, 3, 1}, {1, 1.3, 0}, {2, 1.3, 0}, {3, 1.4, 1}} {
		for _, shards := range []bool{false, true} {
			for job := range 4 {
				s := jobs(12+tc.pushes, 4, shards, 12, job, tc.factor)
				l := s.pull(12 * 4)
				l.Window = l.Window[:len(l.Window)-3+job]
				r := judge(t, l, s.all())
				assert.Len(t, found(r, monitor.StatusRegression), tc.want, "shards %v, job %d, %d pushes, %v", shards, job, tc.pushes, tc.factor)
				assert.Equal(t, 30, r.Summary.Tests)
			}
		}
	}
}

// TestShortWindowOfABranch holds that a branch judged by its own past has no first run: with fewer runs in its window than
// confirm, those before are taken, and the rule for one run is for those of other branches.
func TestShortWindowOfABranch(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	s.crowd(25)
	s.each("test_big", func(run int) measured {
		m := s.steady()
		if run == 19 {
			m.mem *= 5
		}
		return m
	})
	for window := 1; window <= 3; window++ {
		from := 20 - window
		r := judge(t, monitor.Comparison{Branch: "main", Baseline: s.runs[:from], Window: s.runs[from:]}, s.all())
		assert.Equal(t, []string{"test_big mem_usage"}, found(r, monitor.StatusSuspect), window)
		assert.Empty(t, found(r, monitor.StatusRegression), window)
	}
}
