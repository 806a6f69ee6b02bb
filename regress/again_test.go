package regress_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// rerun makes 20 runs of main, a pull request on a machine that is slower by a factor, in which the first of 100 tests
// takes more by another, and a run of five of its tests again.
func rerun(machine, factor float64) (*suite, monitor.Comparison) {
	s := newSuite(22)
	for run := range s.runs {
		for test := range 100 {
			if run == 21 && test >= 5 {
				break
			}
			m := s.steady()
			if run >= 20 {
				m.cpu, m.total = m.cpu*machine, m.total*machine
				if test == 0 {
					m.cpu *= factor
				}
			}
			s.add(run, fmt.Sprintf("test_%02d", test), m)
		}
		if run >= 20 {
			s.runs[run].ScmRef = "pulled"
		}
	}
	return s, s.pull(20)
}

// TestAFewTestsAgain holds that running a few tests again blames none of them for their machine: the run before is known
// to have been slow by all of its tests. What is slower by itself is confirmed.
func TestAFewTestsAgain(t *testing.T) {
	t.Parallel()
	for _, machine := range []float64{1, 1.3, 1.5, 2} {
		s, l := rerun(machine, 1)
		assert.Empty(t, found(judge(t, l, s.all()), monitor.StatusRegression), machine)
	}
	// What was a suspect by chance beside a slow machine's tests is slow by the machine alone the second time.
	s, l := rerun(1.4, 1)
	for i := range s.samples {
		if x := &s.samples[i]; x.Run == s.runs[20] && x.Series.Item == "test_00" {
			x.CPUTime *= 1.25
		}
	}
	first := monitor.Comparison{Branch: l.Branch, Baseline: l.Baseline, Window: l.Window[:1]}
	require.Equal(t, []string{"test_00 cpu_time"}, found(judge(t, first, s.all()), monitor.StatusSuspect))
	assert.Empty(t, found(judge(t, l, s.all()), monitor.StatusRegression))

	s, l = rerun(1, 1.4)
	first.Baseline, first.Window = l.Baseline, l.Window[:1]
	assert.Equal(t, []string{"test_00 cpu_time"}, found(judge(t, first, s.all()), monitor.StatusSuspect))
	assert.Equal(t, []string{"test_00 cpu_time"}, found(judge(t, l, s.all()), monitor.StatusRegression))
}

// TestAFewTestsOnUnsteadyMachines holds that a few tests are not blamed for a machine that is as slow as machines are now
// and then, where it takes all tests to know that.
func TestAFewTestsOnUnsteadyMachines(t *testing.T) {
	t.Parallel()
	blamed := 0
	for seed := range uint64(20) {
		s := newSuite(33)
		s.random = rand.New(rand.NewPCG(seed, 3))
		speed := 1.0
		for run := range s.runs {
			if run <= 30 { // what is pulled runs on one machine
				speed = s.noisy(1, 0.2)
			}
			for test := range 60 {
				if run >= 30 && test >= 10 {
					break
				}
				m := s.steady()
				s.add(run, fmt.Sprintf("test_%02d", test), measured{m.cpu * speed, m.total * speed, m.mem})
			}
		}
		blamed += judge(t, s.pull(30), s.all()).Summary.Regressions
	}
	assert.LessOrEqual(t, blamed, 10, "of 400")
}
