package regress_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// slowed makes a suite of steady tests whose times are longer by a factor in some runs.
func slowed(runs int, factor func(run int) float64) *suite {
	s := newSuite(runs)
	for i := range 40 {
		s.each(fmt.Sprintf("test_%02d", i), func(run int) measured {
			m := s.steady()
			m.cpu *= factor(run)
			m.total *= factor(run)
			return m
		})
	}
	return s
}

// alarms returns all that is conspicuous about single tests.
func alarms(r *monitor.Report) []string {
	return found(r, monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusImprovement)
}

// TestSlowMachine follows a machine that becomes slower by half: one status for the suite and none for its tests, until that is
// what is usual.
func TestSlowMachine(t *testing.T) {
	t.Parallel()
	s := slowed(40, func(run int) float64 {
		if run >= 20 {
			return 1.5
		}
		return 1
	})
	for run := 12; run < 40; run++ {
		r := s.judge(t, run)
		want := monitor.StatusOK
		if run >= 20 && run < 30 {
			want = monitor.StatusSlowMachine
		}
		assert.Equal(t, want, r.Suite.Status, run)
		assert.LessOrEqual(t, len(alarms(r)), 1, run)
		assert.Zero(t, r.Summary.Regressions+r.Summary.Improvements, run)
		if want != monitor.StatusOK {
			assert.InDelta(t, 1.5, float64(r.Suite.Offset[monitor.MetricCPUTime]), 0.08, run)
			assert.InDelta(t, 1.5, float64(r.Suite.Offset[monitor.MetricTotalTime]), 0.15, run)
		}
	}
}

// TestSlowSuite holds that it is the machine where all tests become slower by a factor, or where an earlier run of the same
// commit was not slow. Where all become slower by an amount, it is a regression after three runs.
func TestSlowSuite(t *testing.T) {
	t.Parallel()
	factor := func(x float64) float64 { return 1.5 * x }
	amount := func(x float64) float64 { return x + 0.1 }
	for name, c := range map[string]struct {
		slower   func(x float64) float64
		sameCode bool
		third    monitor.Status
	}{
		"a factor":           {factor, false, monitor.StatusSlowMachine},
		"an amount":          {amount, false, monitor.StatusRegression},
		"an amount, no code": {amount, true, monitor.StatusSlowMachine},
	} {
		s := newSuite(28)
		for i := range 60 {
			s.each(fmt.Sprintf("test_%02d", i), func(run int) measured {
				m, size := s.steady(), 0.5+float64(i)/30
				m.cpu, m.total = size*m.cpu, size*m.total
				if run >= 20 {
					m.cpu, m.total = c.slower(m.cpu), c.slower(m.total)
				}
				return m
			})
		}
		for run := 19; c.sameCode && run < 28; run++ {
			s.runs[run].ScmRef = "c019"
		}
		for run := 20; run < 28; run++ {
			want := c.third
			if run < 22 {
				want = monitor.StatusSlowMachine
			}
			assert.Equal(t, want, s.judge(t, run).Suite.Status, "%s in run %d", name, run)
		}
	}
}

// TestSlowMachineShowsWhatWasMeasured holds that a result has the measured value, beside what is usual at that speed.
func TestSlowMachineShowsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	s := slowed(20, func(run int) float64 {
		if run == 19 {
			return 1.5
		}
		return 1
	})
	x := result(t, s.last(t), "test_07", monitor.MetricCPUTime)
	assert.Equal(t, monitor.StatusOK, x.Status)
	for _, sample := range s.samples {
		if sample.Run == s.runs[19] && sample.Series.Item == "test_07" {
			assert.InDelta(t, sample.CPUTime, float64(x.Value), 1e-12)
		}
	}
	assert.InDelta(t, 0.3, float64(x.Baseline), 0.03)
	assert.InDelta(t, 1, float64(x.Ratio), 0.15)
}

// TestUnsteadyMachine holds that a machine that is slow now and then is no regression of the suite.
func TestUnsteadyMachine(t *testing.T) {
	t.Parallel()
	s := slowed(40, func(run int) float64 {
		if run%3 == 0 || run >= 37 {
			return 1.5
		}
		return 1
	})
	r := s.last(t)
	assert.Equal(t, monitor.StatusSlowMachine, r.Suite.Status)
	assert.Zero(t, r.Summary.Regressions)
}

// TestFasterMachine holds that a faster machine is no improvement of its tests.
func TestFasterMachine(t *testing.T) {
	t.Parallel()
	s := slowed(23, func(run int) float64 {
		if run >= 20 {
			return 0.6
		}
		return 1
	})
	r := s.last(t)
	assert.Equal(t, monitor.StatusOK, r.Suite.Status)
	assert.InDelta(t, 0.6, float64(r.Suite.Offset[monitor.MetricCPUTime]), 0.05)
	assert.Zero(t, r.Summary.Improvements)
}

// TestRegressionOnSlowMachine holds that a test is found that became slower by more than its machine.
func TestRegressionOnSlowMachine(t *testing.T) {
	t.Parallel()
	s := slowed(20, func(run int) float64 {
		if run >= 17 {
			return 1.5
		}
		return 1
	})
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		if run >= 17 {
			m.cpu *= 3
		}
		return m
	})
	r := s.last(t)
	assert.Equal(t, []string{"test_slower cpu_time"}, found(r, monitor.StatusRegression))
	assert.InDelta(t, 2, float64(r.Results[0].Ratio), 0.2)
	assert.InDelta(t, 0.6, float64(r.Results[0].Value), 0.06)
}

// TestFewTests holds that a small suite has no offset, so that a test of it is judged by itself.
func TestFewTests(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	for i := range 19 {
		s.each(fmt.Sprintf("test_%02d", i), func(run int) measured {
			m := s.steady()
			if run >= 17 {
				m.cpu *= 2
			}
			return m
		})
	}
	r := s.last(t)
	assert.Equal(t, monitor.StatusOK, r.Suite.Status)
	assert.True(t, math.IsNaN(float64(r.Suite.Offset[monitor.MetricCPUTime])))
	assert.Equal(t, 19, r.Summary.Regressions)
}

// TestFastTests holds that the speed of a machine is told by tests that are slow enough for the clock.
func TestFastTests(t *testing.T) {
	t.Parallel()
	s := slowed(20, func(run int) float64 {
		if run == 19 {
			return 1.5
		}
		return 1
	})
	for i := range 60 {
		s.each(fmt.Sprintf("test_fast_%02d", i), func(int) measured { return measured{cpu: 0.004, total: 0.0005, mem: 10} })
	}
	r := s.last(t)
	assert.Equal(t, monitor.StatusSlowMachine, r.Suite.Status)
	assert.InDelta(t, 1.5, float64(r.Suite.Offset[monitor.MetricCPUTime]), 0.08)
	assert.Zero(t, r.Summary.Regressions+r.Summary.Improvements)
}

// TestMachinesApart holds that classes of machine are judged by themselves, and that the suite is as the worst of them.
func TestMachinesApart(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	for i := range 30 {
		for _, env := range []string{"fast", "slow"} {
			for run := range s.runs {
				m := s.steady()
				if env == "slow" {
					m.cpu *= 4
					if run == 19 {
						m.cpu *= 1.6
					}
				}
				if i == 0 && env == "fast" && run >= 17 {
					m.cpu *= 2
				}
				s.add(run, fmt.Sprintf("test_%02d", i), m).Env = env
			}
		}
	}
	s.add(19, "test_00", s.steady()).Env = "new"
	r := s.last(t)
	require.Len(t, r.Suite.Machines, 3)
	for i, want := range []monitor.Machine{
		{Env: "fast", Status: monitor.StatusOK},
		{Env: "new", Status: monitor.StatusLearning},
		{Env: "slow", Status: monitor.StatusSlowMachine},
	} {
		assert.Equal(t, want.Env, r.Suite.Machines[i].Env)
		assert.Equal(t, want.Status, r.Suite.Machines[i].Status)
	}
	assert.Equal(t, monitor.StatusSlowMachine, r.Suite.Status)
	assert.InDelta(t, 1.6, float64(r.Suite.Offset[monitor.MetricCPUTime]), 0.1)
	assert.Equal(t, []string{"test_00 cpu_time"}, found(r, monitor.StatusRegression))
	assert.Equal(t, "fast", r.Results[0].Env)
	assert.Equal(t, 61, r.Summary.Tests)
	assert.Equal(t, 17, r.BaselineRuns)
}

// TestSharedFixture holds that what most tests share, a fixture say, is not told from the machine: when it becomes slower
// the others are no improvements, and when it becomes faster they are no regressions.
func TestSharedFixture(t *testing.T) {
	t.Parallel()
	for _, factor := range []float64{1.5, 2, 0.6, 0.4} {
		s := newSuite(24)
		for i := range 60 {
			s.each(fmt.Sprintf("test_%02d", i), func(run int) measured {
				m := s.steady()
				if run >= 18 && i < 34 {
					m.cpu, m.total = factor*m.cpu, factor*m.total
				}
				if run >= 18 && i == 59 {
					m.cpu *= 3
				}
				return m
			})
		}
		for run := 18; run < 24; run++ {
			r := s.judge(t, run)
			assert.LessOrEqual(t, r.Summary.Improvements, 2, "%v in run %d", factor, run)
			var want []string
			if run >= 20 {
				want = []string{"test_59 cpu_time"}
			}
			if run != 19 { // two runs may be enough
				assert.Equal(t, want, found(r, monitor.StatusRegression), "%v in run %d", factor, run)
			}
			assert.LessOrEqual(t, r.Summary.Suspects, 8, "%v in run %d", factor, run)
		}
	}
}
