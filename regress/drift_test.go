package regress_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// grown makes a suite in which one test grows by a rate a run, from a run on.
func grown(rate float64, from, runs int) *course {
	c := newCourse(3)
	c.add("tests/test_grows.py", "grows", runs, func(run int) measured {
		return c.steady(math.Pow(1+rate, float64(max(0, run-from))))
	})
	c.crowd(39, runs)
	return c
}

// grows is the result of the test that grows.
func (c *course) grows(metric string) monitor.ResultID {
	return monitor.ResultID{TestID: c.tests[0], Metric: metric}
}

// TestDriftIsReported holds how soon slow growth is reported, in all metrics: at 1 % a run before 1.4 times the first level, at 0.3 %
// before 1.5 times. It says since when and how fast.
func TestDriftIsReported(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		rate, before float64
		from         int
	}{{0.01, 1.4, 0}, {0.01, 1.4, 20}, {0.01, 1.4, 100}, {0.01, 1.4, 400}, {0.003, 1.5, 0}, {0.003, 1.5, 100}, {0.003, 1.5, 300}} {
		runs := x.from + int(math.Ceil(math.Log(x.before)/math.Log1p(x.rate)))
		c := grown(x.rate, x.from, runs)
		for _, size := range sizes {
			d := drift(t, c.rollups(runs, size))
			require.Len(t, d.Tests, 3, "%+v, %d runs a stretch", x, size)
			for _, metric := range monitor.JudgedMetrics {
				g := d.Tests[c.grows(metric.Name)]
				assert.InEpsilon(t, x.rate, float64(g.Rate), 0.25, "%+v %+v", x, g)
				assert.InDelta(t, x.before, float64(g.Ratio), 0.2)
				assert.InDelta(t, float64(g.Now/g.First), float64(g.Ratio), 1e-9)
				assert.LessOrEqual(t, float64(g.P), float64(g.Q))
				// The first level takes ten runs; the growth shows when it leaves the noise.
				since := mark(x.from, c.apart).Started
				assert.WithinDuration(t, since, g.Since.Started, 20*c.apart, "%+v %s", x, metric.Name)
				assert.InDelta(t, runs-x.from, g.Runs, 20)
			}
		}
	}
}

// TestNoDrift holds what is no slow growth: each row is what a quarter of the tests do, or all of them.
func TestNoDrift(t *testing.T) {
	t.Parallel()
	sine := func(period float64) func(*course, int, int) float64 {
		return func(_ *course, run, _ int) float64 { return 1 + 0.3*math.Sin(float64(run)*2*math.Pi/period) }
	}
	between := func(from, to int, factor float64) func(*course, int, int) float64 {
		return func(_ *course, run, _ int) float64 {
			if run >= from && run < to {
				return factor
			}
			return 1
		}
	}
	for name, x := range map[string]struct {
		all    bool
		apart  time.Duration
		factor func(c *course, run, test int) float64
	}{
		"nothing":                       {true, 12 * time.Hour, between(0, 0, 1)},
		"a step":                        {false, 12 * time.Hour, between(73, 999, 1.25)},
		"a large step":                  {false, 12 * time.Hour, between(80, 999, 3)},
		"two steps":                     {false, 12 * time.Hour, func(_ *course, run, _ int) float64 { return math.Pow(1.3, float64(run/50)) }},
		"an improvement for some time":  {false, 12 * time.Hour, between(50, 90, 0.6)},
		"slower for some time":          {false, 12 * time.Hour, between(100, 130, 1.6)},
		"a slow machine":                {true, 12 * time.Hour, between(83, 120, 1.6)},
		"a slow machine for ever":       {true, 12 * time.Hour, between(83, 999, 1.6)},
		"a machine not slow for all":    {true, 12 * time.Hour, func(c *course, run, i int) float64 { return between(83, 999, 1.6*(1+0.1*float64(i%5-2)))(c, run, i) }},
		"a machine that becomes faster": {true, 12 * time.Hour, func(_ *course, run, i int) float64 { return math.Exp(-0.003 * float64(min(1, i%5)*run)) }},
		"now fast and now slow": {false, 12 * time.Hour, func(c *course, _, _ int) float64 {
			return 1 + 0.6*float64(c.random.IntN(2))
		}},
		"gaps": {true, 12 * time.Hour, func(c *course, _, _ int) float64 {
			if c.random.Float64() < 0.2 {
				return math.NaN()
			}
			return 1
		}},
		"a rhythm of 5 runs":           {false, 24 * time.Hour, sine(5)},
		"a rhythm of 7 runs":           {false, 24 * time.Hour, sine(7)},
		"a busy weekend":               {true, 24 * time.Hour, func(c *course, run, _ int) float64 { return between(0, 2, 1.5)(c, run%7, 0) }},
		"a rhythm of 7 runs, of all":   {true, 24 * time.Hour, sine(7)},
		"a day of 8 runs":              {false, 3 * time.Hour, sine(8)},
		"a day of 24 runs":             {false, time.Hour, sine(24)},
		"a day of 48 runs, of all":     {true, 30 * time.Minute, sine(48)},
		"a busy day of 48 runs of all": {true, 30 * time.Minute, func(c *course, run, _ int) float64 { return between(16, 36, 1.5)(c, run%48, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const runs = 140
			c := newCourse(9)
			c.apart = x.apart
			for i := range 40 {
				c.add("tests/x/test_b.py", fmt.Sprint("t", i), runs, func(run int) measured {
					m := c.steady(1)
					if x.all || i%4 == 0 {
						f := x.factor(c, run, i)
						m.cpu, m.total = m.cpu*f, m.total*f
					}
					return m
				})
			}
			for _, size := range sizes {
				for run := 26; run <= runs; run += 6 {
					d := drift(t, c.rollups(run, size))
					require.Empty(t, d.Tests, "%d runs, %d in a stretch", run, size)
					require.Empty(t, d.Parts, "%d runs, %d in a stretch", run, size)
				}
			}
		})
	}
}

// TestSmallStepsAreGrowth holds that a chain of steps is slow growth where each is too small for the judgement of single runs.
func TestSmallStepsAreGrowth(t *testing.T) {
	t.Parallel()
	const runs = 160
	found := func(step float64, settings regress.Settings) int {
		c := newCourse(16)
		c.add("tests/test_a.py", "steps", runs, func(run int) measured {
			m := c.steady(1)
			m.cpu *= math.Pow(step, float64(run/33))
			return m
		})
		c.crowd(30, runs)
		d, err := regress.New(settings)
		require.NoError(t, err)
		drifts := d.Drift(c.rollups(runs, 6), nil, nil)
		return len(drifts.Tests)
	}
	s := regress.Defaults()
	assert.Equal(t, 1, found(1.07, s))
	assert.Equal(t, 0, found(1.25, s))
	s.Drift.Step = 9
	assert.Equal(t, 1, found(1.25, s))
}

// TestStepsInMemory holds that steps and changes of mode in memory are no slow growth: it is measured far more precisely than time.
func TestStepsInMemory(t *testing.T) {
	t.Parallel()
	const runs = 140
	c := newCourse(10)
	c.env = "m m2"
	c.crowd(30, runs)
	for i := range 10 {
		c.add("tests/x/test_b.py", fmt.Sprint("step", i), runs, func(run int) measured {
			m := c.steady(1)
			if run >= 60+i {
				m.mem *= 1.08
			}
			return m
		})
		c.add("tests/x/test_b.py", fmt.Sprint("modes", i), runs, func(int) measured {
			m := c.steady(1)
			m.mem *= 1 + 0.2*float64(c.random.IntN(2))
			return m
		})
	}
	for _, size := range sizes {
		for run := 26; run <= runs; run += 6 {
			require.Empty(t, drift(t, c.rollups(run, size)).Tests, "%d runs, %d in a stretch", run, size)
		}
	}
}

// TestMemoryOfTheProcess holds that only the test is named whose memory grows, and not those after it in the same process. The
// plugin measures the memory of each test.
func TestMemoryOfTheProcess(t *testing.T) {
	t.Parallel()
	const runs = 60
	c := newCourse(14)
	for i := range 30 {
		c.add("tests/test_a.py", fmt.Sprint("t", i), runs, func(run int) measured {
			m := c.steady(1)
			m.mem = (100 + float64(i)) * c.noise(0.0005)
			if i >= 20 {
				m.mem += 0.5 * float64(run)
			}
			return m
		})
	}
	d := drift(t, c.rollups(runs, 6))
	require.Len(t, d.Tests, 1)
	assert.Contains(t, d.Tests, monitor.ResultID{TestID: c.tests[20], Metric: monitor.MetricMemUsage})
	c.env = "m m2"
	assert.Len(t, drift(t, c.rollups(runs, 6)).Tests, 10)
}

// TestDriftAfterSteps holds that slow growth is measured after the last change that was confirmed or accepted.
func TestDriftAfterSteps(t *testing.T) {
	t.Parallel()
	const runs = 120
	c := grown(0.004, 0, runs)
	r := c.rollups(runs, 6)
	id := c.grows(monitor.MetricCPUTime)
	of := func(path, variant, part string, run int) []monitor.Acceptance {
		return []monitor.Acceptance{{AcceptedScope: monitor.AcceptedScope{ItemPath: path, ItemVariant: variant, Part: part}, Run: mark(run, c.apart).Run, Started: mark(run, c.apart).Started}}
	}
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	for name, x := range map[string]struct {
		steps    map[monitor.ResultID][]monitor.RunMark
		accepted []monitor.Acceptance
		want     int
		since    int // run after which the first level is
	}{
		"none":                  {nil, nil, 3, 0},
		"confirmed late":        {map[monitor.ResultID][]monitor.RunMark{id: {mark(3, c.apart), mark(90, c.apart)}}, nil, 2, 0},
		"confirmed early":       {map[monitor.ResultID][]monitor.RunMark{id: {mark(50, c.apart), mark(7, c.apart)}}, nil, 3, 50},
		"accepted test":         {nil, of("m", "grows", "", 100), 0, 0},
		"accepted another test": {nil, of("m", "crowd001", "", 100), 3, 0},
		"accepted folder":       {nil, of("", "", "tests", 119), 0, 0},
		"accepted other folder": {nil, of("", "", "tests/crowd", 119), 3, 0},
		"accepted all":          {nil, of("", "", "", 100), 0, 0},
		"accepted early":        {nil, of("", "", "", 50), 3, 51},
	} {
		found := d.Drift(r, x.steps, x.accepted)
		assert.Len(t, found.Tests, x.want, name)
		if g, ok := found.Tests[id]; ok {
			assert.False(t, g.Since.Started.Before(mark(x.since, c.apart).Started), name)
		}
	}
}

// TestDriftNeedsRuns holds that a new class of machine, a new test and a rollup without runs have no slow growth.
func TestDriftNeedsRuns(t *testing.T) {
	t.Parallel()
	c := grown(0.05, 0, 60)
	for runs := range 24 {
		assert.Empty(t, drift(t, c.rollups(runs, 5)).Tests, runs)
	}
	assert.NotEmpty(t, drift(t, c.rollups(30, 5)).Tests)
	for _, values := range c.values {
		for run := range 40 {
			values[0][run] = math.NaN()
		}
	}
	assert.Empty(t, drift(t, c.rollups(60, 5)).Tests, "20 runs of a new test")
	empty := drift(t, &monitor.Rollups{})
	assert.Empty(t, empty.Tests)
	assert.NotNil(t, empty.Parts)
}

// TestDriftLooksBackSoFar holds that the first level lies within the last runs and days.
func TestDriftLooksBackSoFar(t *testing.T) {
	t.Parallel()
	c := newCourse(4)
	c.add("tests/test_grew.py", "grew", 120, func(run int) measured { return c.steady(math.Pow(1.005, float64(min(run, 70)))) })
	c.crowd(39, 120)
	for name, change := range map[string]func(s *regress.DriftSettings){
		"all":  func(*regress.DriftSettings) {},
		"runs": func(s *regress.DriftSettings) { s.MaxRuns = 45 },
		"days": func(s *regress.DriftSettings) { s.MaxDays = 22 },
	} {
		s := regress.Defaults()
		change(&s.Drift)
		d, err := regress.New(s)
		require.NoError(t, err)
		found := d.Drift(c.rollups(120, 5), nil, nil)
		assert.Len(t, found.Tests, map[string]int{"all": 3}[name], name)
	}
}

// TestDriftSettingsCount holds that each setting of slow growth does something. The others have tests of their own.
func TestDriftSettingsCount(t *testing.T) {
	t.Parallel()
	c := grown(0.01, 10, 60)
	for i := range 39 {
		c.files[i+1] = "tests/other/test_a.py"
	}
	r := c.rollups(60, 5)
	for name, change := range map[string]func(s *regress.Settings){
		"MinRuns":   func(s *regress.Settings) { s.Drift.MinRuns = 61 },
		"LevelRuns": func(s *regress.Settings) { s.Drift.LevelRuns, s.Drift.MinRuns = 31, 62 },
		"Q":         func(s *regress.Settings) { s.Drift.Q, s.Drift.PartQ = 1e-300, 1e-300 },
		"Ratio":     func(s *regress.Settings) { s.CPUTime.Ratio, s.CPUTime.CritRatio, s.CPUTime.TwoRunsRatio = 2, 2, 2 },
		"Delta":     func(s *regress.Settings) { s.CPUTime.Delta = 1 },
	} {
		s := regress.Defaults()
		change(&s)
		d, err := regress.New(s)
		require.NoError(t, err)
		found := d.Drift(r, nil, nil)
		assert.NotContains(t, found.Tests, c.grows(monitor.MetricCPUTime), name)
	}
	assert.Contains(t, drift(t, r).Tests, c.grows(monitor.MetricCPUTime))
}

// TestDriftWithoutFiles holds that the files of tests may be unknown.
func TestDriftWithoutFiles(t *testing.T) {
	t.Parallel()
	r := grown(0.01, 0, 40).rollups(40, 5)
	r.Files = nil
	assert.NotEmpty(t, drift(t, r).Tests)
}

// TestDriftOfJobsThatTakeTurns holds that slow growth is found in each half of a suite whose halves have no stretch in common, at the speed
// that the machine has in the stretches of that half.
func TestDriftOfJobsThatTakeTurns(t *testing.T) {
	t.Parallel()
	const runs, size, tests = 240, 5, 30
	c := newCourse(21)
	speed := make([]float64, runs)
	for run := range speed {
		speed[run] = c.noise(0.15)
	}
	for i := range 2 * tests {
		c.add("tests/test_a.py", fmt.Sprint("test", i), runs, func(run int) measured {
			if run/size%2 != i%2 {
				return measured{math.NaN(), math.NaN(), math.NaN()}
			}
			m := c.steady(1)
			if i < 2 {
				m = c.steady(math.Pow(1.003, float64(run)))
			}
			return measured{m.cpu * speed[run], m.mem, m.total * speed[run]}
		})
	}
	r := c.rollups(runs, size)
	found := drift(t, r)
	for i := range 2 * tests {
		for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricTotalTime} {
			d, ok := found.Tests[monitor.ResultID{TestID: c.tests[i], Metric: metric}]
			require.Equal(t, i < 2, ok, "%s of test %d", metric, i)
			if ok {
				assert.InDelta(t, 2, float64(d.Ratio), 0.15)
			}
		}
	}
}
