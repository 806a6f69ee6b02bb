package regress_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// stepped makes a suite with a test that takes twice the CPU time from a run on, and another one that is steady.
func stepped(runs, from, until int) *suite {
	s := newSuite(runs)
	s.crowd(25)
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		if run >= from && run < until {
			m.cpu *= 2
		}
		return m
	})
	return s
}

// TestLifeOfARegression follows a step through the runs after it: a suspect, confirmed, still there when its runs have
// become baseline, and what is usual after ten.
func TestLifeOfARegression(t *testing.T) {
	t.Parallel()
	const step = 20
	s := stepped(40, step, 40)
	for run := 10; run < 40; run++ {
		t.Run(fmt.Sprint(run-step), func(t *testing.T) {
			r := s.judge(t, run)
			x := result(t, r, "test_slower", monitor.MetricCPUTime)
			switch after := run - step; {
			case after < 0, after >= 10:
				assert.Equal(t, monitor.StatusOK, x.Status)
				assert.Empty(t, x.FirstBad)
				assert.Empty(t, x.LastGood)
			case after < 1:
				assert.Equal(t, monitor.StatusSuspect, x.Status)
			default:
				require.Equal(t, monitor.StatusRegression, x.Status)
				assert.Equal(t, monitor.LevelCrit, x.Level)
				assert.InDelta(t, 2, float64(x.Ratio), 0.3)
				assert.InDelta(t, 0.2, float64(x.Delta), 0.06)
			}
			if x.Status != monitor.StatusOK {
				assert.Equal(t, "c020", x.FirstBad)
				assert.Equal(t, "c019", x.LastGood)
			}
			assert.Empty(t, found(r, monitor.StatusImprovement))
			assert.Equal(t, monitor.StatusOK, r.Suite.Status)
		})
	}
}

// TestEndOfARegression holds that two runs at the old level end it, that the first of them says so, and that nothing is left of it then.
func TestEndOfARegression(t *testing.T) {
	t.Parallel()
	for _, lasted := range []int{1, 2, 3, 5, 8} {
		s := stepped(36, 20, 20+lasted)
		var statuses []monitor.Status
		for run := 20; run < 36; run++ {
			x := result(t, s.judge(t, run), "test_slower", monitor.MetricCPUTime)
			statuses = append(statuses, x.Status)
			assert.Equal(t, lasted > 2 && run == 20+lasted, x.UsualAgain, "run %d of %d", run-20, lasted)
		}
		var want []monitor.Status
		for run := range lasted {
			if run < 1 {
				want = append(want, monitor.StatusSuspect)
			} else {
				want = append(want, monitor.StatusRegression)
			}
		}
		if lasted > 2 {
			want = append(want, monitor.StatusRegression) // one run alone may be luck
		}
		for len(want) < len(statuses) {
			want = append(want, monitor.StatusOK)
		}
		assert.Equal(t, want, statuses, "lasted %d runs", lasted)
	}
}

// TestRegressionComesBack holds that a step that was undone is found again.
func TestRegressionComesBack(t *testing.T) {
	t.Parallel()
	s := newSuite(36)
	s.crowd(25)
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		if run >= 15 && run < 19 || run >= 33 {
			m.cpu *= 2
		}
		return m
	})
	assert.Equal(t, monitor.StatusSuspect, result(t, s.judge(t, 34), "test_slower", monitor.MetricCPUTime).Status)
	x := result(t, s.judge(t, 35), "test_slower", monitor.MetricCPUTime)
	assert.Equal(t, monitor.StatusRegression, x.Status)
	assert.Equal(t, "c033", x.FirstBad)
}

// TestOutlierBeforeAStep holds that a run that was off shortly before a step is not taken for its beginning, neither for
// the commit nor for how long the level has held.
func TestOutlierBeforeAStep(t *testing.T) {
	t.Parallel()
	s := newSuite(31)
	s.crowd(25)
	s.each("test_slower", func(run int) measured {
		m := s.steady()
		switch {
		case run == 18:
			m.cpu *= 50
		case run >= 20:
			m.cpu *= 2
		}
		return m
	})
	for run := 22; run < 30; run++ {
		x := result(t, s.judge(t, run), "test_slower", monitor.MetricCPUTime)
		assert.Equal(t, monitor.StatusRegression, x.Status, run)
		assert.Equal(t, "c019", x.LastGood, run)
		assert.Equal(t, "c020", x.FirstBad, run)
	}
	assert.Equal(t, monitor.StatusOK, result(t, s.judge(t, 30), "test_slower", monitor.MetricCPUTime).Status)
}

// TestImprovement holds that a faster test is said to be, and slower again after ten runs if it is.
func TestImprovement(t *testing.T) {
	t.Parallel()
	s := newSuite(40)
	s.crowd(25)
	s.each("test_faster", func(run int) measured {
		m := s.steady()
		if run >= 20 && run < 35 {
			m.cpu /= 2
		}
		return m
	})
	x := result(t, s.judge(t, 22), "test_faster", monitor.MetricCPUTime)
	assert.Equal(t, monitor.StatusImprovement, x.Status)
	assert.Empty(t, x.Level)
	assert.Equal(t, "c019", x.LastGood)
	assert.Equal(t, "c020", x.FirstBad)
	assert.InDelta(t, 0.5, float64(x.Ratio), 0.06)
	assert.Less(t, float64(x.Q), 0.05)
	assert.Equal(t, monitor.StatusOK, result(t, s.judge(t, 34), "test_faster", monitor.MetricCPUTime).Status)
	x = result(t, s.judge(t, 37), "test_faster", monitor.MetricCPUTime)
	assert.Equal(t, monitor.StatusRegression, x.Status)
	assert.Equal(t, "c034", x.LastGood)
}

// TestEffectFloors holds that what is small is not reported, however certain.
func TestEffectFloors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		metric        string
		before, after float64
		want          monitor.Status
	}{
		{"a small ratio", monitor.MetricCPUTime, 1, 1.15, monitor.StatusSuspect},
		{"a small difference", monitor.MetricCPUTime, 0.030, 0.045, monitor.StatusOK},
		{"a warning", monitor.MetricCPUTime, 1, 1.4, monitor.StatusRegression},
		{"wall time below 100 ms", monitor.MetricTotalTime, 0.1, 0.19, monitor.StatusOK},
		{"wall time above 100 ms", monitor.MetricTotalTime, 0.1, 0.21, monitor.StatusRegression},
		{"memory below 5 MiB", monitor.MetricMemUsage, 50, 54, monitor.StatusOK},
		{"memory below 5 %", monitor.MetricMemUsage, 500, 520, monitor.StatusOK},
		{"memory above both", monitor.MetricMemUsage, 100, 106, monitor.StatusRegression},
		{"memory of a process that shrank", monitor.MetricMemUsage, -3, 40, monitor.StatusRegression},
	} {
		s := newSuite(20)
		s.each("test_x", func(run int) measured {
			value := c.before
			if run >= 17 {
				value = c.after
			}
			m := measured{cpu: 0.1, total: 0.1, mem: 10}
			switch c.metric {
			case monitor.MetricCPUTime:
				m.cpu = value
			case monitor.MetricTotalTime:
				m.total = value
			default:
				m.mem = value
			}
			return m
		})
		x := result(t, s.last(t), "test_x", c.metric)
		assert.Equal(t, c.want, x.Status, c.name)
		if c.want == monitor.StatusRegression {
			assert.Equal(t, "c017", x.FirstBad, c.name)
			assert.InDelta(t, c.after, float64(x.Value), 1e-6, c.name)
		}
	}
}

// TestLevels holds from where on a regression is critical.
func TestLevels(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	s.each("test_x", func(run int) measured {
		if run >= 17 {
			return measured{cpu: 1.4, total: 1.6, mem: 119}
		}
		return measured{cpu: 1, total: 1, mem: 100}
	})
	r := s.last(t)
	assert.Equal(t, monitor.LevelWarn, result(t, r, "test_x", monitor.MetricCPUTime).Level)
	assert.Equal(t, monitor.LevelCrit, result(t, r, "test_x", monitor.MetricTotalTime).Level)
	assert.Equal(t, monitor.LevelWarn, result(t, r, "test_x", monitor.MetricMemUsage).Level)
	assert.Equal(t, monitor.MetricTotalTime, r.Results[0].Metric, "the critical one first")
}

// TestUnsteady holds that tests that are slow now and then raise no alarm.
func TestUnsteady(t *testing.T) {
	t.Parallel()
	for _, often := range []float64{0.05, 0.1, 0.2, 0.35, 0.5} {
		s := newSuite(120)
		s.crowd(25)
		for i := range 10 {
			s.each(fmt.Sprintf("test_bimodal_%d", i), func(int) measured {
				m := s.steady()
				if s.random.Float64() < often {
					m.cpu, m.total, m.mem = 3*m.cpu, 3*m.total, 2*m.mem
				}
				return m
			})
		}
		alarms := 0
		for run := 12; run < 120; run++ {
			alarms += s.judge(t, run).Summary.Regressions
		}
		// Of 3,240 verdicts on such tests. Sooner or later each of them is slow in five runs in a row.
		assert.LessOrEqual(t, alarms, 16, "slow in %v of the runs", often)
	}
}

// TestHabit holds that a test that was as slow before, and came back by itself, takes more runs to be called slower.
func TestHabit(t *testing.T) {
	t.Parallel()
	for flares, want := range []monitor.Status{
		monitor.StatusRegression, monitor.StatusRegression, monitor.StatusRegression, monitor.StatusSuspect,
	} {
		s := newSuite(34)
		s.crowd(25)
		s.each("test_slower", func(run int) measured {
			m := s.steady()
			if run >= 30 || run >= 10 && run < 10+5*flares && run%5 == 0 {
				m.cpu *= 2
			}
			return m
		})
		assert.Equal(t, want, result(t, s.judge(t, 32), "test_slower", monitor.MetricCPUTime).Status, "three runs, flares: %d", flares)
		x := result(t, s.judge(t, 33), "test_slower", monitor.MetricCPUTime)
		assert.Equal(t, monitor.StatusRegression, x.Status, "four runs, flares: %d", flares)
		assert.Equal(t, "c030", x.FirstBad)
	}
}

// TestMissingRuns holds that a test that is skipped in a fifth of the runs is judged like any other.
func TestMissingRuns(t *testing.T) {
	t.Parallel()
	s := newSuite(80)
	s.crowd(25)
	s.each("test_always", func(int) measured { return s.steady() })
	for run := range s.runs {
		if m := s.steady(); s.random.Float64() >= 0.2 || run >= 77 {
			if run >= 77 {
				m.cpu *= 2
			}
			s.add(run, "test_skipped", m)
		}
	}
	for run := 12; run < 77; run++ {
		assert.Empty(t, found(s.judge(t, run), monitor.StatusRegression), run)
	}
	r := s.judge(t, 79)
	assert.Equal(t, []string{"test_skipped cpu_time"}, found(r, monitor.StatusRegression))
	assert.Less(t, r.Results[0].N, 30)
	assert.Equal(t, "c077", r.Results[0].FirstBad)
}

// TestLearning holds that nothing is said before there are enough runs, nor of a new test.
func TestLearning(t *testing.T) {
	t.Parallel()
	s := stepped(14, 5, 14)
	s.add(13, "test_new", s.steady())
	r := s.judge(t, 9) // 7 runs before the window
	assert.Equal(t, monitor.StatusLearning, r.Suite.Status)
	assert.Equal(t, monitor.Summary{Tests: 26, LearningTests: 26, Learning: 78}, r.Summary)
	assert.Equal(t, 7, r.BaselineRuns)
	assert.Equal(t, 2, r.WindowRuns)
	second := s.judge(t, 1)
	assert.Equal(t, []int{0, 1}, []int{second.BaselineRuns, second.WindowRuns})
	x := result(t, r, "test_slower", monitor.MetricCPUTime)
	assert.Equal(t, 7, x.N)
	assert.True(t, math.IsNaN(float64(x.Baseline)))
	assert.InDelta(t, 0.4, float64(x.Value), 0.1)

	r = s.judge(t, 13)
	assert.Equal(t, monitor.StatusOK, r.Suite.Status)
	assert.Equal(t, 3, r.Summary.Learning)
	assert.Equal(t, monitor.StatusLearning, result(t, r, "test_new", monitor.MetricMemUsage).Status)
}

// TestReport holds what a report says beside the results.
func TestReport(t *testing.T) {
	t.Parallel()
	s := stepped(20, 17, 20)
	s.runs[19].Build, s.runs[19].Sessions = "77", []string{"s019", "empty"}
	l := past(s.runs, 19)
	r := judge(t, l, s.all())
	assert.Equal(t, "p", r.Project)
	assert.Equal(t, "run019", r.Run)
	assert.Equal(t, "c019", r.ScmRef)
	assert.Equal(t, "main", r.Branch)
	assert.Equal(t, "main", r.Against)
	assert.Equal(t, "77", r.Build)
	assert.Equal(t, []string{"s019", "empty"}, r.Sessions)
	assert.Equal(t, s.runs[19].Started, r.Started.UnixNano())
	assert.Equal(t, 17, r.BaselineRuns)
	assert.Equal(t, monitor.Summary{Tests: 26, OK: 77, Regressions: 1}, r.Summary)
	require.Len(t, r.Suite.Machines, 1)
	m := r.Suite.Machines[0]
	assert.Equal(t, "m", m.Env)
	assert.Equal(t, 26, m.Tests)
	assert.InDelta(t, 26*0.3, m.TotalTime, 1)
	assert.InDelta(t, 25*0.2+0.4, m.CPUTime, 0.5)
	assert.Equal(t, m.Offset, r.Suite.Offset)
	assert.InDelta(t, 1, float64(m.Offset[monitor.MetricCPUTime]), 0.05)

	x := r.Results[0]
	id := monitor.TestID{ItemPath: "tests", Item: "test_slower", ItemVariant: "test_slower", Kind: "function", Env: "m"}
	assert.Equal(t, id, x.TestID)
	assert.Equal(t, "tests.py", x.ItemFSLoc)
	assert.Equal(t, 17, x.N)
	assert.Less(t, float64(x.Baseline), float64(x.Limit))
	assert.Less(t, float64(x.Limit), float64(x.Value))
	assert.InDelta(t, float64(x.Value/x.Baseline), float64(x.Ratio), 1e-12)
	assert.InDelta(t, float64(x.Value-x.Baseline), float64(x.Delta), 1e-12)
	assert.LessOrEqual(t, x.P, x.Q)
	assert.Less(t, float64(x.Q), 0.05)
}

// TestOrderOfResults holds that the worst come first.
func TestOrderOfResults(t *testing.T) {
	t.Parallel()
	s := newSuite(20)
	for _, factor := range []float64{1, 1.3, 3, 2, 0.5, 0.3} {
		s.each(fmt.Sprintf("test_%v", factor), func(run int) measured {
			if run < 17 {
				return measured{cpu: 1, total: 1, mem: 50}
			}
			return measured{cpu: factor, total: 1, mem: 50}
		})
	}
	s.add(19, "test_new", measured{cpu: 1, total: 1, mem: 50})
	r := s.last(t)
	var items []string
	for _, x := range r.Results[:8] {
		items = append(items, x.Item)
	}
	assert.Equal(t, []string{"test_3", "test_2", "test_1.3", "test_0.3", "test_0.5", "test_new", "test_new", "test_new"}, items)
	assert.Equal(t, "test_0.3 mem_usage", r.Results[8].Item+" "+r.Results[8].Metric)
}

// TestFailingSamples holds that the error of a store comes back.
func TestFailingSamples(t *testing.T) {
	t.Parallel()
	s := stepped(12, 9, 12)
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	broken := errors.New("broken")
	_, err = d.Judge(past(s.runs, 11), func(yield func(monitor.Sample, error) bool) {
		if yield(s.samples[0], nil) && yield(monitor.Sample{}, broken) {
			assert.Fail(t, "went on after an error")
		}
	})
	require.ErrorIs(t, err, broken)
}
