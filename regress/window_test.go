package regress_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// pull makes the runs from one on those of a branch that is compared with main.
func (s *suite) pull(from int) monitor.Comparison {
	for _, info := range s.runs[from:] {
		info.Branch = "feature"
	}
	return monitor.Comparison{Branch: "main", Baseline: s.runs[:from], Window: s.runs[from:]}
}

// pulled makes 20 runs of main and some of another branch, in which a test takes more CPU time by a factor.
func pulled(commits []string, factor float64) (*suite, monitor.Comparison) {
	s := newSuite(20 + len(commits))
	s.crowd(25)
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		if run >= 20 {
			m.cpu *= factor
		}
		return m
	})
	for i, commit := range commits {
		s.runs[20+i].Branch, s.runs[20+i].ScmRef = "feature", commit
	}
	return s, monitor.Comparison{Branch: "main", Baseline: s.runs[:20], Window: s.runs[20:]}
}

// TestOneRun holds what one run of a branch is judged by: what is beyond doubt is a regression at once, all else a
// suspect, until a second run of the same commit confirms it.
func TestOneRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		commits []string
		factor  float64
		want    monitor.Status
	}{
		{"one run, large", []string{"a"}, 2, monitor.StatusRegression},
		{"one run, less", []string{"a"}, 1.4, monitor.StatusSuspect},
		{"one run, faster", []string{"a"}, 0.5, monitor.StatusImprovement},
		{"one run, a little faster", []string{"a"}, 0.8, monitor.StatusOK},
		{"two commits", []string{"a", "b"}, 1.4, monitor.StatusSuspect},
		{"two commits, large", []string{"a", "b"}, 2, monitor.StatusRegression},
		{"the same commit again", []string{"a", "a"}, 1.4, monitor.StatusRegression},
		{"no commits known", []string{"", ""}, 1.4, monitor.StatusSuspect},
		{"three commits", []string{"a", "b", "c"}, 1.4, monitor.StatusRegression},
	} {
		s, l := pulled(c.commits, c.factor)
		r := judge(t, l, s.all())
		x := result(t, r, "test_slower", monitor.MetricCPUTime)
		assert.Equal(t, c.want, x.Status, c.name)
		assert.Equal(t, "main", r.Against, c.name)
		assert.Equal(t, "feature", r.Branch, c.name)
		if c.want != monitor.StatusOK {
			assert.Equal(t, "c019", x.LastGood, c.name)
			assert.Equal(t, r.Summary.Regressions+r.Summary.Improvements == 0, c.want == monitor.StatusSuspect, c.name)
		}
	}
}

// TestOneRunOfAnUnsteadyTest holds that one run says nothing of a test that was as slow before.
func TestOneRunOfAnUnsteadyTest(t *testing.T) {
	t.Parallel()
	s := newSuite(25)
	s.crowd(25)
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		if run == 5 || run == 24 {
			m.cpu *= 3
		}
		return m
	})
	r := judge(t, s.pull(24), s.all())
	assert.Equal(t, monitor.StatusSuspect, result(t, r, "test_slower", monitor.MetricCPUTime).Status)
}

// TestOneRunOnAnUnknownMachine holds that the wall time of one run fails nobody where there are too few tests to tell
// whether the machine was busy; CPU time does.
func TestOneRunOnAnUnknownMachine(t *testing.T) {
	t.Parallel()
	for others, want := range map[int]monitor.Status{25: monitor.StatusRegression, 5: monitor.StatusSuspect} {
		s := newSuite(21)
		s.crowd(others)
		s.each("test_slower", func(run int) measured {
			m := s.steady()
			if run == 20 {
				m.cpu, m.total = 3*m.cpu, 3*m.total
			}
			return m
		})
		r := judge(t, s.pull(20), s.all())
		assert.Equal(t, want, result(t, r, "test_slower", monitor.MetricTotalTime).Status, "%d other tests", others)
		assert.Equal(t, monitor.StatusRegression, result(t, r, "test_slower", monitor.MetricCPUTime).Status)
	}
}

// TestOneRunIsNoTrend holds that one run alone is at most slow as a whole.
func TestOneRunIsNoTrend(t *testing.T) {
	t.Parallel()
	s := slowed(21, func(run int) float64 {
		if run == 20 {
			return 1.7
		}
		return 1
	})
	r := judge(t, s.pull(20), s.all())
	assert.Equal(t, monitor.StatusSlowMachine, r.Suite.Status)
	assert.Zero(t, r.Summary.Regressions+r.Summary.Improvements)
}

// TestOthersRegression holds that a branch is not blamed for what happened on the one that it is compared with.
func TestOthersRegression(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		factor float64 // on the branch
		want   monitor.Status
	}{
		{"as slow as main is by now", 2, monitor.StatusOK},
		{"slower still", 4, monitor.StatusRegression},
		{"fixed", 1, monitor.StatusImprovement},
	} {
		s := newSuite(25)
		s.crowd(25)
		s.each("test_slower", func(run int) measured {
			m := s.steady()
			switch {
			case run >= 22:
				m.cpu *= c.factor
			case run >= 18:
				m.cpu *= 2
			}
			return m
		})
		r := judge(t, s.pull(22), s.all())
		assert.Equal(t, c.want, result(t, r, "test_slower", monitor.MetricCPUTime).Status, c.name)
	}
}

// TestOthersImprovement holds that a branch is not blamed for being as slow as main was when the branch was made, however
// long ago that became better there, but for being slower than that.
func TestOthersImprovement(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 3} {
		for _, since := range []int{1, 5, 9, 10, 12, 20} {
			for factor, want := range map[float64][]monitor.Status{
				1:   {monitor.StatusNotJudged, monitor.StatusOK},
				3:   {monitor.StatusRegression},
				0.5: {monitor.StatusOK, monitor.StatusImprovement},
			} {
				s := newSuite(12 + since + window)
				s.crowd(25)
				s.each("test_faster", func(run int) measured {
					m := s.steady()
					switch {
					case run >= 12+since:
						m.cpu *= factor
					case run >= 12:
						m.cpu *= 0.5
					}
					return m
				})
				x := result(t, judge(t, s.pull(12+since), s.all()), "test_faster", monitor.MetricCPUTime)
				assert.Contains(t, want, x.Status, "%d runs after it became better, %d runs, %v", since, window, factor)
				if x.Status == monitor.StatusNotJudged {
					assert.Contains(t, x.Reason, "may not have that change")
				}
			}
		}
	}
}

// TestMissingInWindow holds that two suspects confirm each other where the test is missing in the third run, and that
// one is not enough.
func TestMissingInWindow(t *testing.T) {
	t.Parallel()
	for missing, want := range map[string]monitor.Status{"18": monitor.StatusRegression, "17 18": monitor.StatusSuspect} {
		s := newSuite(20)
		s.crowd(25)
		for run := range s.runs {
			m := s.steady()
			if run >= 17 {
				m.cpu *= 2
			}
			if !contains(missing, run) {
				s.add(run, "test_skipped", m)
			}
		}
		assert.Equal(t, want, result(t, s.last(t), "test_skipped", monitor.MetricCPUTime).Status, missing)
	}
}

func contains(runs string, run int) bool {
	var a, b int
	n, _ := fmt.Sscan(runs, &a, &b)
	return n > 0 && a == run || n > 1 && b == run
}

// TestOccurrences holds how tests that share an id are told apart.
func TestOccurrences(t *testing.T) {
	t.Parallel()
	// twice adds two tests of one id, of which the second becomes slower.
	twice := func(s *suite) {
		for run := range s.runs {
			first, second := s.steady(), s.steady()
			second.cpu *= 3
			if run >= 17 {
				second.cpu *= 2
			}
			s.add(run, "test_twice", first)
			s.add(run, "test_twice", second)
		}
	}
	t.Run("by start", func(t *testing.T) {
		s := newSuite(20)
		twice(s)
		r := s.last(t)
		assert.Equal(t, monitor.Summary{Tests: 2, OK: 5, Regressions: 1}, r.Summary)
		assert.Equal(t, 1, r.Results[0].Occurrence)
		assert.InDelta(t, 0.6, float64(r.Results[0].Baseline), 0.05)
	})
	t.Run("by sum with several processes", func(t *testing.T) {
		s := newSuite(20)
		twice(s)
		for i := range s.samples {
			s.samples[i].Session = fmt.Sprint("worker", i%2)
		}
		r := s.last(t)
		assert.Equal(t, monitor.Summary{Tests: 1, OK: 1, NotJudged: 1, Regressions: 1}, r.Summary)
		assert.InDelta(t, 0.8, float64(r.Results[0].Baseline), 0.1)
		assert.InDelta(t, 1.4, float64(r.Results[0].Value), 0.1)
	})
	t.Run("a process beside several", func(t *testing.T) {
		s := newSuite(20)
		twice(s)
		for i := range s.samples {
			if s.samples[i].Run != s.runs[19] {
				s.samples[i].Session = fmt.Sprint("worker", i%2)
			}
		}
		r := s.last(t)
		assert.Equal(t, monitor.Summary{Tests: 2, NotJudgedTests: 2, NotJudged: 6}, r.Summary)
	})
	t.Run("another one than before", func(t *testing.T) {
		s := newSuite(20)
		s.each("test_once", func(int) measured { return s.steady() })
		s.each("test_twice", func(int) measured { return s.steady() })
		s.add(19, "test_twice", s.steady())
		r := s.last(t)
		assert.Equal(t, monitor.Summary{Tests: 3, NotJudgedTests: 2, OK: 3, NotJudged: 6}, r.Summary)
		assert.Contains(t, result(t, r, "test_twice", monitor.MetricCPUTime).Reason, "more or less often")
	})
	t.Run("once in a while", func(t *testing.T) {
		s := newSuite(20)
		s.each("test_rerun", func(int) measured { return s.steady() })
		s.add(9, "test_rerun", s.steady())
		x := result(t, s.last(t), "test_rerun", monitor.MetricCPUTime)
		assert.Equal(t, monitor.StatusOK, x.Status)
		assert.Equal(t, 16, x.N)
	})
}
