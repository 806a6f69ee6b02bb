package regress_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// retried makes 20 runs of main and one of a pull request, whose last sessions ran the first tests of 30 again: in the
// first attempt and in each later one, test_00 takes more time by a factor.
func retried(again int, factors ...float64) (*suite, monitor.Comparison) {
	s := newSuite(21)
	for run := range s.runs {
		for test := range 30 {
			m := s.steady()
			if run == 20 && test == 0 {
				m.cpu *= factors[0]
			}
			s.add(run, fmt.Sprintf("test_%02d", test), m)
		}
	}
	for attempt, factor := range factors[1:] {
		s.clock[20] += 60e9
		for test := range again {
			m := s.steady()
			if test == 0 {
				m.cpu *= factor
			}
			s.add(20, fmt.Sprintf("test_%02d", test), m).Session = fmt.Sprint("again", attempt)
		}
	}
	return s, s.pull(20)
}

// TestRetried holds that what a run has again, since its pipeline ran a job or its suspects once more, is judged by all
// attempts, and is not another test of the same id.
func TestRetried(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		again   int
		factors []float64
		want    monitor.Status
	}{
		{"a slow test, again", 1, []float64{3, 3}, monitor.StatusRegression},
		{"a slow test, and the whole job again", 30, []float64{3, 3}, monitor.StatusRegression},
		{"slow once", 1, []float64{3, 1}, monitor.StatusOK},
		{"slow once, the whole job again", 30, []float64{3, 1}, monitor.StatusOK},
		{"slow the second time", 3, []float64{1, 3}, monitor.StatusOK},
		{"slow in two of three", 3, []float64{3, 1, 3}, monitor.StatusRegression},
	} {
		s, l := retried(tc.again, tc.factors...)
		r := judge(t, l, s.all())
		assert.Equal(t, tc.want, result(t, r, "test_00", monitor.MetricCPUTime).Status, tc.name)
		assert.Equal(t, 30, r.Summary.Tests, tc.name)
		assert.Zero(t, r.Summary.NotJudged, tc.name)

		// A later run is compared with it in the same way.
		l.Branch = "feature"
		for _, info := range l.Baseline {
			info.Branch = "feature"
		}
		assert.Equal(t, 30, judge(t, l, s.all()).Summary.Tests, tc.name)
	}
}

// TestEarlierRunRetried holds that an earlier run of which a part ran again still counts.
func TestEarlierRunRetried(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	s.crowd(25)
	for _, run := range []int{4, 9} {
		s.clock[run] += 60e9
		s.add(run, "test_crowd_00", s.steady()).Session = "again"
	}
	r := s.last(t)
	assert.Equal(t, 17, result(t, r, "test_crowd_00", monitor.MetricCPUTime).N)
	assert.Zero(t, r.Summary.NotJudged)
}

// TestTwiceByDesign holds that a suite that runs its tests in two sessions, one after the other, in each run is judged by
// both.
func TestTwiceByDesign(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	for _, backend := range []string{"sqlite", "postgres"} {
		for run := range s.runs {
			s.clock[run] += 60e9
			for test := range 30 {
				m := s.steady()
				if run >= 17 && test == 0 && backend == "postgres" {
					m.cpu *= 3
				}
				s.add(run, fmt.Sprintf("test_%02d", test), m).Session = backend
			}
		}
	}
	assert.Equal(t, []string{"test_00 cpu_time"}, found(s.last(t), monitor.StatusRegression))
}

// TestRetriedInParallel holds that pytest-xdist's processes of one attempt are still judged by their sum.
func TestRetriedInParallel(t *testing.T) {
	t.Parallel()
	s := newSuite(21)
	for run := range s.runs {
		attempts := 1
		if run == 20 {
			attempts = 2
		}
		for attempt := range attempts {
			s.clock[run] += 60e9
			for test := range 30 {
				for worker := range 2 {
					s.clock[run] -= 1e9 * int64(worker)
					m := s.steady()
					if run == 20 && test == 0 {
						m.cpu *= 3
					}
					s.add(run, fmt.Sprintf("test_%02d", test), m).Session = fmt.Sprint(attempt, worker)
				}
			}
		}
	}
	r := judge(t, s.pull(20), s.all())
	x := result(t, r, "test_00", monitor.MetricCPUTime)
	assert.Equal(t, monitor.StatusRegression, x.Status)
	assert.InDelta(t, 0.4, float64(x.Baseline), 0.05)
	assert.InDelta(t, 1.2, float64(x.Value), 0.2)
	assert.Equal(t, 30, r.Summary.Tests)
}
