package regress_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// TestSettings holds that each setting that cannot be is refused by name.
func TestSettings(t *testing.T) {
	t.Parallel()
	_, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	for field, change := range map[string]func(s *regress.Settings){
		"MinRuns":               func(s *regress.Settings) { s.MinRuns = 2 },
		"BaselineRuns":          func(s *regress.Settings) { s.BaselineRuns = 7 },
		"WindowRuns":            func(s *regress.Settings) { s.WindowRuns = 1 },
		"HoldRuns":              func(s *regress.Settings) { s.HoldRuns = 9 },
		"MinTests":              func(s *regress.Settings) { s.MinTests = 0 },
		"SlowRatio":             func(s *regress.Settings) { s.SlowRatio = 1 },
		"SuspectP":              func(s *regress.Settings) { s.SuspectP = 0 },
		"HabitP":                func(s *regress.Settings) { s.HabitP = 0.5 },
		"Q":                     func(s *regress.Settings) { s.Q = math.NaN() },
		"BetterQ":               func(s *regress.Settings) { s.BetterQ = -1 },
		"LargeSuite":            func(s *regress.Settings) { s.LargeSuite = -1 },
		"LargeQ":                func(s *regress.Settings) { s.LargeQ = 1 },
		"OneRunQ":               func(s *regress.Settings) { s.OneRunQ = 0 },
		"OneRunRatio":           func(s *regress.Settings) { s.OneRunRatio = math.Inf(1) },
		"CPUTime.Least":         func(s *regress.Settings) { s.CPUTime.Least = 0 },
		"CPUTime.Noise":         func(s *regress.Settings) { s.CPUTime.Noise = math.NaN() },
		"MemUsage.Jitter":       func(s *regress.Settings) { s.MemUsage.Jitter = -1 },
		"MemUsage.SuspectRatio": func(s *regress.Settings) { s.MemUsage.SuspectRatio = 0.9 },
		"MemUsage.Ratio":        func(s *regress.Settings) { s.MemUsage.Ratio = 1 },
		"TotalTime.Delta":       func(s *regress.Settings) { s.TotalTime.Delta = math.Inf(1) },
		"TotalTime.CritRatio":   func(s *regress.Settings) { s.TotalTime.CritRatio = 1.1 },
		"Drift.LevelRuns":       func(s *regress.Settings) { s.Drift.LevelRuns = 0 },
		"Drift.MinRuns":         func(s *regress.Settings) { s.Drift.MinRuns = 15 },
		"Drift.MaxRuns":         func(s *regress.Settings) { s.Drift.MaxRuns = 23 },
		"Drift.MaxDays":         func(s *regress.Settings) { s.Drift.MaxDays = 40_000 },
		"Drift.Step":            func(s *regress.Settings) { s.Drift.Step = math.NaN() },
		"Drift.PartRatio":       func(s *regress.Settings) { s.Drift.PartRatio = 1 },
		"Drift.Q":               func(s *regress.Settings) { s.Drift.Q = 0.5 },
		"Drift.PartQ":           func(s *regress.Settings) { s.Drift.PartQ = 0 },
	} {
		s := regress.Defaults()
		change(&s)
		_, err := regress.New(s)
		var e *monitor.Error
		require.ErrorAs(t, err, &e, field)
		assert.Equal(t, monitor.EInvalid, e.Code)
		assert.Len(t, e.Fields, 1, field)
		assert.Contains(t, e.Fields, field)
	}
}

// TestSettingsCount holds that each of the settings that decide on single tests does something.
func TestSettingsCount(t *testing.T) {
	t.Parallel()
	s := stepped(20, 17, 20)
	for name, change := range map[string]func(s *regress.Settings){
		"MinRuns":              func(s *regress.Settings) { s.MinRuns, s.HoldRuns = 18, 20 },
		"WindowRuns":           func(s *regress.Settings) { s.WindowRuns, s.HoldRuns, s.CPUTime.TwoRunsRatio = 4, 11, 10 },
		"Q":                    func(s *regress.Settings) { s.Q = 1e-30 },
		"LargeQ":               func(s *regress.Settings) { s.LargeSuite, s.LargeQ = 5, 1e-30 },
		"CPUTime.Least":        func(s *regress.Settings) { s.CPUTime.Least = 1 },
		"CPUTime.Noise":        func(s *regress.Settings) { s.CPUTime.Noise = 1 },
		"CPUTime.Jitter":       func(s *regress.Settings) { s.CPUTime.Jitter = 1 },
		"CPUTime.SuspectRatio": func(s *regress.Settings) { s.CPUTime.SuspectRatio = 3 },
		"CPUTime.Ratio":        func(s *regress.Settings) { s.CPUTime.Ratio, s.CPUTime.CritRatio, s.CPUTime.TwoRunsRatio = 3, 3, 3 },
		"CPUTime.Delta":        func(s *regress.Settings) { s.CPUTime.Delta = 0.5 },
	} {
		settings := regress.Defaults()
		change(&settings)
		d, err := regress.New(settings)
		require.NoError(t, err, name)
		r, err := d.Judge(past(s.runs, 19), s.all())
		require.NoError(t, err)
		assert.Zero(t, r.Summary.Regressions, name)
	}
	assert.Equal(t, 1, s.last(t).Summary.Regressions)
}

// TestAMetricIsLeftOut holds that nothing is said of a metric whose least difference nothing reaches.
func TestAMetricIsLeftOut(t *testing.T) {
	t.Parallel()
	settings := regress.Defaults()
	settings.TotalTime.Delta = 1e9
	d, err := regress.New(settings)
	require.NoError(t, err)
	s := newSuite(24)
	for i := range 10 {
		s.each(fmt.Sprintf("test_%02d", i), func(run int) measured {
			m := s.steady()
			switch {
			case run >= 17 && i < 5:
				m.total *= 10
			case run >= 17:
				m.total /= 10
			}
			return m
		})
	}
	for run := 17; run < 24; run++ {
		r, err := d.Judge(past(s.runs, run), s.all())
		require.NoError(t, err)
		assert.Zero(t, r.Summary.Regressions+r.Summary.Suspects+r.Summary.Improvements, run)
	}
	assert.Positive(t, s.judge(t, 23).Summary.Regressions)
	assert.Positive(t, s.judge(t, 23).Summary.Improvements)
}

// TestWindowRuns holds that a step is confirmed by as many runs as are asked for where two are not enough, and that it is over when most of as many
// runs are as before.
func TestWindowRuns(t *testing.T) {
	t.Parallel()
	const suspect, regression, ok = monitor.StatusSuspect, monitor.StatusRegression, monitor.StatusOK
	for window, want := range map[int][]monitor.Status{
		2: {ok, suspect, regression, regression, regression, regression, regression, ok, ok},
		3: {ok, suspect, suspect, regression, regression, regression, regression, ok, ok},
		4: {ok, suspect, suspect, suspect, regression, regression, regression, regression, ok},
		5: {ok, suspect, suspect, suspect, suspect, regression, regression, regression, ok},
	} {
		settings := regress.Defaults()
		settings.WindowRuns, settings.HoldRuns, settings.CPUTime.TwoRunsRatio = window, 12, 10
		s := stepped(28, 20, 25)
		var got []monitor.Status
		for run := 19; run < 28; run++ {
			from := run + 1 - window
			l := monitor.Comparison{Branch: "main", Baseline: s.runs[:from], Window: s.runs[from : run+1]}
			for _, x := range judgeWith(t, settings, l, s.samples).Results {
				if x.ItemVariant == "test_slower" && x.Metric == monitor.MetricCPUTime {
					got = append(got, x.Status)
				}
			}
		}
		assert.Equal(t, want, got, "%d runs", window)
	}
}
