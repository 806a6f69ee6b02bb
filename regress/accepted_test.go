package regress_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// acceptedAt returns what a report says of a test as an accepted change.
func acceptedAt(t *testing.T, r *monitor.Report, name, metric string) map[monitor.ResultID][]monitor.AcceptedStep {
	t.Helper()
	x := result(t, r, name, metric)
	require.Equal(t, monitor.StatusRegression, x.Status)
	require.Positive(t, x.Since)
	return map[monitor.ResultID][]monitor.AcceptedStep{x.ID(): {{Since: x.Since, Ratio: x.Ratio, Acceptance: &monitor.Acceptance{ID: 7, By: "anna"}}}}
}

// twice makes a test that takes 1.5 times the CPU time from run 20 on, and another 1.5 times from a run on. Another test takes the
// second step only, at the same noise.
func twice(again int) *suite {
	s := newSuite(45)
	s.crowd(25)
	factor := make([]float64, 45)
	for run := range factor {
		factor[run] = s.noisy(1, 0.05)
	}
	at := func(first, second int, usual float64) func(run int) measured {
		return func(run int) measured {
			m := s.steady()
			if m.cpu = usual * factor[run]; run >= first {
				m.cpu *= 1.5
			}
			if run >= second {
				m.cpu *= 1.5
			}
			return m
		}
	}
	s.each("test_slower", at(20, again, 0.2))
	s.each("test_other", at(99, again, 0.3))
	return s
}

// TestAnAcceptedLevelIsTheFirst holds that an accepted change is reported as accepted as long as it would be a regression, and
// that a further one is found in the same run as that of a test that always had this level.
func TestAnAcceptedLevelIsTheFirst(t *testing.T) {
	t.Parallel()
	for _, again := range []int{23, 25, 28, 33} {
		s := twice(again)
		accepted := acceptedAt(t, s.judge(t, 22), "test_slower", monitor.MetricCPUTime)
		for run := 22; run < 45; run++ {
			c := past(s.runs, run)
			c.Accepted = accepted
			r := judge(t, c, s.all())
			x, other := result(t, r, "test_slower", monitor.MetricCPUTime), result(t, r, "test_other", monitor.MetricCPUTime)
			switch {
			case run < again && run < 30:
				require.Equal(t, monitor.StatusAccepted, x.Status, "%d, again at %d", run, again)
				assert.Equal(t, int64(7), x.Acceptance.ID)
				assert.InDelta(t, 1.5, float64(x.Ratio), 0.15)
				assert.InDelta(t, 0.2, float64(x.Baseline), 0.03)
				assert.Equal(t, "c020", x.FirstBad)
				assert.Empty(t, x.Level)
			case run < again:
				assert.Equal(t, monitor.StatusOK, x.Status, run)
			case run < again+10:
				assert.Equal(t, other.Status, x.Status, "%d, again at %d", run, again)
				if x.Status == monitor.StatusRegression {
					assert.Nil(t, x.Acceptance)
					assert.Equal(t, other.FirstBad, x.FirstBad)
					assert.InDelta(t, 1.5, float64(x.Ratio), 0.15, "%d, again at %d", run, again)
				}
			}
			assert.Equal(t, r.Summary.Accepted, len(found(r, monitor.StatusAccepted)))
			assert.Empty(t, found(r, monitor.StatusImprovement))
		}
		assert.Equal(t, monitor.StatusRegression, result(t, s.judge(t, again+2), "test_other", monitor.MetricCPUTime).Status)
	}
}

// TestLessThanWasAcceptedIsAccepted holds that a test that gives back a part is still accepted, and one that gives back all is ok.
func TestLessThanWasAcceptedIsAccepted(t *testing.T) {
	t.Parallel()
	for until, want := range map[float64]monitor.Status{2: monitor.StatusAccepted, 1.5: monitor.StatusAccepted, 1: monitor.StatusOK} {
		s := newSuite(30)
		s.crowd(25)
		s.each("test_slower", func(run int) measured {
			m := s.steady()
			switch {
			case run >= 24:
				m.cpu *= until
			case run >= 20:
				m.cpu *= 2
			}
			return m
		})
		c := past(s.runs, 27)
		c.Accepted = acceptedAt(t, s.judge(t, 22), "test_slower", monitor.MetricCPUTime)
		r := judge(t, c, s.all())
		assert.Equal(t, want, result(t, r, "test_slower", monitor.MetricCPUTime).Status, until)
		assert.Empty(t, found(r, monitor.StatusImprovement, monitor.StatusSuspect), until)
	}
}

// TestAcceptedOnAnotherBranch holds that a branch that is compared with another one accepts for itself.
func TestAcceptedOnAnotherBranch(t *testing.T) {
	t.Parallel()
	s, c := pulled([]string{"a", "b", "c", "d"}, 1.5)
	r := judge(t, c, s.all())
	c.Accepted = acceptedAt(t, r, "test_slower", monitor.MetricCPUTime)
	for id, steps := range c.Accepted {
		steps[0].Since, steps[0].Whole, steps[0].Acceptance.Started = 0, true, time.Unix(0, s.runs[23].Started)
		c.Accepted[id] = steps
	}
	assert.Equal(t, monitor.StatusAccepted, result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime).Status)
}

// TestAChangeThatWasAcceptedTwiceCountsOnce holds that the same change, of the same run and branches, raises the baseline once.
func TestAChangeThatWasAcceptedTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	s := twice(25)
	c := past(s.runs, 28)
	c.Accepted = acceptedAt(t, s.judge(t, 22), "test_slower", monitor.MetricCPUTime)
	once := result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime)
	require.Equal(t, monitor.StatusRegression, once.Status)
	for id, steps := range c.Accepted {
		again := *steps[0].Acceptance
		again.ID++
		c.Accepted[id] = append(steps, monitor.AcceptedStep{Since: steps[0].Since, Ratio: steps[0].Ratio, Acceptance: &again})
	}
	assert.Equal(t, once, result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime))
}

// TestAChangeThatTheOtherBranchTakesOverCountsOnce holds that what a branch accepted for itself is accepted as long as the other
// branch does not have it, and lets nothing more through when that has it too, accepted there or not.
func TestAChangeThatTheOtherBranchTakesOverCountsOnce(t *testing.T) {
	t.Parallel()
	for _, later := range []int{0, 1, 3, 12, 40} { // runs of main after the acceptance
		for _, main := range []struct {
			factor   float64
			accepted bool
		}{{1, false}, {2, false}, {2, true}} {
			for factor, want := range map[float64]bool{2: false, 3.9: true} { // of the branch, and whether it is a regression
				n := 22 + later
				s := newSuite(n + 1)
				s.crowd(25)
				s.each("test_slower", func(run int) measured {
					m := s.steady()
					m.cpu = s.noisy(m.cpu, 0.02)
					switch {
					case run == n:
						m.cpu *= factor
					case run >= 22:
						m.cpu *= main.factor
					case run >= 20:
						m.cpu *= 2
					}
					return m
				})
				s.runs[20].Branch, s.runs[21].Branch, s.runs[n].Branch = "feature", "feature", "feature"
				c := monitor.Comparison{Branch: "main", Baseline: s.runs[:20], Window: s.runs[20:22]}
				c.Accepted = acceptedAt(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime)
				for id, steps := range c.Accepted {
					steps[0].Whole, steps[0].Acceptance.Started = true, time.Unix(0, s.runs[21].Started)
					if main.accepted && later > 0 {
						c.Accepted[id] = append(steps, monitor.AcceptedStep{Since: s.runs[22].Started, Ratio: 2,
							Acceptance: &monitor.Acceptance{ID: 8, Branch: "main", Started: time.Unix(0, s.runs[n-1].Started)}})
					}
				}
				c.Baseline = slices.Concat(s.runs[:20], s.runs[22:n])
				c.Window = []*monitor.RunInfo{s.runs[20], s.runs[21], s.runs[n]}
				x := result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime)
				assert.Equal(t, want, x.Status == monitor.StatusRegression, "%d runs of main, %+v, %v times: %s", later, main, factor, x.Status)
				if c.Baseline = s.runs[22:n]; later == 40 {
					x = result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime)
					assert.Equal(t, want || main.factor == 1, x.Status == monitor.StatusRegression, "no run of main goes back so far: %s", x.Status)
				}
			}
		}
	}
}

// TestAcceptedMemoryOfAProcess holds that the tests after an accepted one are not blamed for its step.
func TestAcceptedMemoryOfAProcess(t *testing.T) {
	t.Parallel()
	s := newSuite(30)
	grown := func(run int) measured {
		m := s.steady()
		if run >= 20 {
			m.mem += 60
		}
		return m
	}
	s.crowd(25)
	s.each("test_hungry", grown)
	s.each("test_after", grown)
	s.each("test_last", grown)
	c := past(s.runs, 24)
	c.Accepted = acceptedAt(t, judge(t, c, s.all()), "test_hungry", monitor.MetricMemUsage)
	r := judge(t, c, s.all())
	assert.Len(t, found(r, monitor.StatusAccepted), 1)
	assert.Empty(t, found(r, monitor.StatusRegression, monitor.StatusSuspect))
}

// TestOddAcceptancesChangeNothing holds that a ratio that raises nothing, or another result, is not accepted.
func TestOddAcceptancesChangeNothing(t *testing.T) {
	t.Parallel()
	s := stepped(30, 20, 30)
	c := past(s.runs, 24)
	slower := result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime)
	id := slower.ID()
	wall := id
	wall.Metric = monitor.MetricTotalTime
	for _, of := range []monitor.ResultID{id, wall} {
		for _, ratio := range []float64{1, 0, -2, 0.5, math.NaN(), math.Inf(1)} {
			c.Accepted = map[monitor.ResultID][]monitor.AcceptedStep{of: {{Since: s.runs[20].Started, Ratio: monitor.Number(ratio)}}}
			assert.Equal(t, monitor.StatusRegression, result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime).Status, ratio)
		}
	}
	c.Accepted = map[monitor.ResultID][]monitor.AcceptedStep{id: {{Since: s.runs[0].Started, Ratio: 2}}}
	assert.Equal(t, monitor.StatusRegression, result(t, judge(t, c, s.all()), "test_slower", monitor.MetricCPUTime).Status, "before the history")
}
