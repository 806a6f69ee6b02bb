package regress_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// process makes a suite of twelve tests in one process, which take 60 MiB and more, and lets change what they take.
func process(runs int, change func(run, test int, mem float64) float64) *suite {
	s := newSuite(runs)
	for run := range s.runs {
		for test := range 12 {
			m := measured{cpu: 0.1, total: 0.1, mem: change(run, test, s.noisy(60+float64(test), 0.001))}
			s.add(run, fmt.Sprintf("test_%02d", test), m)
		}
	}
	return s
}

// blamed returns the tests whose memory is a regression, by start.
func blamed(t *testing.T, r *monitor.Report, status monitor.Status) (tests []string) {
	t.Helper()
	for i := range 12 {
		if name := fmt.Sprintf("test_%02d", i); result(t, r, name, monitor.MetricMemUsage).Status == status {
			tests = append(tests, name)
		}
	}
	return tests
}

// TestMemorySteps holds which test a step of the process's memory belongs to.
func TestMemorySteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		mem  func(test int, mem float64) float64 // in the last three runs
		want []string
	}{
		{"kept by the process", func(test int, mem float64) float64 {
			if test >= 3 {
				mem += 150
			}
			return mem
		}, []string{"test_03"}},
		{"given back at the end of the test", func(test int, mem float64) float64 {
			if test == 3 {
				mem += 150
			}
			return mem
		}, []string{"test_03"}},
		{"given back, and a smaller one later", func(test int, mem float64) float64 {
			if test == 3 {
				mem += 150
			}
			if test == 8 {
				mem += 40
			}
			return mem
		}, []string{"test_03", "test_08"}},
		{"kept, and more on top", func(test int, mem float64) float64 {
			if test >= 3 {
				mem += 50
			}
			if test >= 8 {
				mem += 40
			}
			return mem
		}, []string{"test_03", "test_08"}},
		{"given back in parts", func(test int, mem float64) float64 {
			if test >= 3 {
				mem += 50 - float64(test)
			}
			return mem
		}, []string{"test_03"}},
		{"a little more in each test", func(test int, mem float64) float64 {
			return mem + 1.3*float64(test)
		}, []string{"test_04", "test_08"}},
	} {
		s := process(20, func(run, test int, mem float64) float64 {
			if run >= 17 {
				return c.mem(test, mem)
			}
			return mem
		})
		r := s.last(t)
		assert.Equal(t, c.want, blamed(t, r, monitor.StatusRegression), c.name)
		assert.Empty(t, blamed(t, r, monitor.StatusSuspect), c.name)
		assert.Equal(t, len(c.want), r.Summary.Regressions, c.name)

		r = s.judge(t, 17)
		assert.Equal(t, c.want, blamed(t, r, monitor.StatusSuspect), c.name)
		assert.Equal(t, 36-len(c.want), r.Summary.OK, c.name)
	}
}

// TestHiddenMemoryStep holds that a step is not blamed twice because a test between takes so much that it hides it.
func TestHiddenMemoryStep(t *testing.T) {
	t.Parallel()
	s := process(20, func(run, test int, mem float64) float64 {
		if test == 6 {
			return 500 + mem
		}
		if run >= 17 && test >= 3 {
			mem += 150
		}
		return mem
	})
	assert.Equal(t, []string{"test_03"}, blamed(t, s.last(t), monitor.StatusRegression))
}

// TestMemoryImproves holds that the test that gives memory back is the one that improved.
func TestMemoryImproves(t *testing.T) {
	t.Parallel()
	s := process(20, func(run, test int, mem float64) float64 {
		if run < 17 && test >= 3 {
			mem += 150
		}
		return mem
	})
	r := s.last(t)
	assert.Equal(t, []string{"test_03"}, blamed(t, r, monitor.StatusImprovement))
	assert.Zero(t, r.Summary.Regressions)
}

// TestNewTestInProcess holds that the memory of the tests after a new or removed one is not judged, and all else is.
func TestNewTestInProcess(t *testing.T) {
	t.Parallel()
	shifted := func(run, test int, mem float64) float64 {
		if run >= 17 && test >= 6 {
			mem += 80
		}
		return mem
	}
	s := newSuite(20)
	for run := range s.runs {
		for test := range 12 {
			if test == 6 && run >= 17 {
				s.add(run, "test_new", measured{cpu: 0.1, total: 0.1, mem: 150})
			}
			s.add(run, fmt.Sprintf("test_%02d", test), measured{cpu: 0.1, total: 0.1, mem: shifted(run, test, 60)})
		}
	}
	r := s.last(t)
	assert.Zero(t, r.Summary.Regressions+r.Summary.Suspects)
	assert.Equal(t, 6, r.Summary.NotJudged)
	assert.Equal(t, 3, r.Summary.Learning)
	x := result(t, r, "test_06", monitor.MetricMemUsage)
	assert.Equal(t, monitor.StatusNotJudged, x.Status)
	assert.Contains(t, x.Reason, "other tests ran before it")
	assert.Equal(t, monitor.StatusOK, result(t, r, "test_05", monitor.MetricMemUsage).Status)
	assert.Equal(t, monitor.StatusOK, result(t, r, "test_06", monitor.MetricCPUTime).Status)
}

// TestRemovedTestInProcess holds the same of a test that is no more.
func TestRemovedTestInProcess(t *testing.T) {
	t.Parallel()
	s := process(20, func(run, test int, mem float64) float64 {
		if run >= 17 && test > 6 {
			mem += 80
		}
		return mem
	})
	s.samples = slices.DeleteFunc(s.samples, func(x monitor.Sample) bool {
		return x.Series.Item == "test_06" && slices.Contains(s.runs[17:], x.Run)
	})
	assert.Equal(t, monitor.Summary{Tests: 11, OK: 28, NotJudged: 5}, s.last(t).Summary)
}

// TestMemoryInAnotherOrder holds that the order of the same tests does not matter.
func TestMemoryInAnotherOrder(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	for run := range s.runs {
		for _, test := range s.random.Perm(12) {
			s.add(run, fmt.Sprintf("test_%02d", test), measured{cpu: 0.1, total: 0.1, mem: 60})
		}
	}
	assert.Equal(t, monitor.Summary{Tests: 12, OK: 36}, s.last(t).Summary)
}

// TestMemoryOfSeveralProcesses holds that the memory of a run by pytest-xdist is not judged, nor is one judged by it.
func TestMemoryOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	s := process(24, func(_, _ int, mem float64) float64 { return mem })
	for i := range s.samples {
		if sample := &s.samples[i]; sample.Run == s.runs[23] || sample.Run == s.runs[5] {
			sample.Session = fmt.Sprint("worker", i%2)
		}
	}
	r := s.last(t)
	assert.Equal(t, 12, r.Summary.NotJudged)
	assert.Equal(t, 24, r.Summary.OK)
	assert.Contains(t, result(t, r, "test_00", monitor.MetricMemUsage).Reason, "several processes")

	r = s.judge(t, 22)
	assert.Equal(t, 36, r.Summary.OK)
	assert.Equal(t, 19, result(t, r, "test_00", monitor.MetricMemUsage).N)
	assert.Equal(t, 20, result(t, r, "test_00", monitor.MetricCPUTime).N)
}

// TestMemoryMakesNoRoom holds that one step that all later tests show does not make others easier to be called one.
func TestMemoryMakesNoRoom(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	for run := range s.runs {
		for test := range 400 {
			m := s.steady()
			if run >= 17 && test >= 1 {
				m.mem += 100
			}
			s.add(run, fmt.Sprintf("test_%03d", test), m)
		}
	}
	r := s.last(t)
	require.Equal(t, 1, r.Summary.Regressions)
	assert.Equal(t, "test_001", r.Results[0].Item)
	assert.InEpsilon(t, 3*400*float64(r.Results[0].P), float64(r.Results[0].Q), 1e-9, "the only one of 1,200")
}
