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

// partOf returns the slow growth of a part; nil for none.
func partOf(d *monitor.Drifts, kind monitor.PartKind, name, metric string) *monitor.PartDrift {
	for i := range d.Parts {
		if p := &d.Parts[i]; p.Kind == kind && p.Part == name && p.Metric == metric {
			return p
		}
	}
	return nil
}

// TestDriftOfManySmallTests holds that a thousand tests that grow by 2 ms each are found together, where none of them is conspicuous.
func TestDriftOfManySmallTests(t *testing.T) {
	t.Parallel()
	const runs = 120
	c := newCourse(11)
	for i := range 1000 {
		c.add(fmt.Sprintf("tests/small/test_%d.py", i%7), fmt.Sprint("small", i), runs, func(run int) measured {
			more := 0.002 * float64(run) / (runs - 1)
			return measured{(0.010 + more) * c.noise(0.1), (0.012 + more) * c.noise(0.1), 20}
		})
		c.tests[i].Component = "core"
	}
	for i := range 1500 {
		c.add(fmt.Sprintf("tests/other/test_%d.py", i%7), fmt.Sprint("other", i), runs, func(int) measured {
			return measured{0.010 * c.noise(0.1), 0.012 * c.noise(0.1), 20}
		})
	}
	c.env = "m m2" // the plugin tells 10 ms from 12 ms
	d := drift(t, c.rollups(runs, 6))
	assert.Empty(t, d.Tests)
	for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricTotalTime} {
		for kind, name := range map[monitor.PartKind]string{monitor.PartFolder: "tests/small", monitor.PartComponent: "core"} {
			p := partOf(d, kind, name, metric)
			require.NotNil(t, p, "%s %s", kind, metric)
			assert.Equal(t, 1000, p.Tests)
			assert.InDelta(t, 2, float64(p.FromSlower), 0.3)
			assert.InDelta(t, 0, float64(p.FromNew), 1e-9)
			assert.InDelta(t, 1.17, float64(p.Ratio), 0.03)
			assert.InDelta(t, float64(p.Growth), float64(p.FromSlower+p.FromNew+p.Machine), 1e-9)
			assert.Equal(t, "m m2", p.Env)
		}
		assert.Nil(t, partOf(d, monitor.PartFolder, "tests/other", metric))
	}
}

// TestDriftOfAllTests holds that growth of all tests is the suite's, with a cause that may be the machine, and no test's.
func TestDriftOfAllTests(t *testing.T) {
	t.Parallel()
	c := newCourse(12)
	const runs = 45
	for i := range 40 {
		c.add("tests/test_a.py", fmt.Sprint("t", i), runs, func(run int) measured { return c.steady(math.Pow(1.01, float64(run))) })
	}
	d := drift(t, c.rollups(runs, 5))
	for id := range d.Tests {
		assert.Equal(t, monitor.MetricMemUsage, id.Metric, "the machine does not show in memory")
	}
	for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricTotalTime} {
		p := partOf(d, monitor.PartSuite, "", metric)
		require.NotNil(t, p, metric)
		assert.InDelta(t, 0.01, float64(p.Rate), 0.001)
		assert.InDelta(t, float64(p.Growth), float64(p.Machine), 0.1*float64(p.Growth))
		assert.InDelta(t, 0, float64(p.FromSlower), 0.1*float64(p.Growth))
		assert.Nil(t, partOf(d, monitor.PartFolder, "tests", metric))
	}
}

// TestGrowthByNewTests holds that what new tests need is told from what old ones need more, and that removed tests count against it.
func TestGrowthByNewTests(t *testing.T) {
	t.Parallel()
	const runs = 120
	c := newCourse(13)
	c.crowd(30, runs)
	for i := range 30 {
		c.add("tests/slow/test_a.py", fmt.Sprint("slower", i), runs, func(run int) measured { return c.steady(1 + 0.4*float64(run)/runs) })
	}
	for i := range 20 {
		c.add("tests/slow/test_a.py", fmt.Sprint("new", i), runs, func(run int) measured {
			if run < 60 {
				return measured{math.NaN(), math.NaN(), math.NaN()}
			}
			return c.steady(1)
		})
	}
	for i := range 5 {
		c.add("tests/slow/test_a.py", fmt.Sprint("gone", i), runs, func(run int) measured {
			if run > 70 {
				return measured{math.NaN(), math.NaN(), math.NaN()}
			}
			return c.steady(1)
		})
	}
	p := partOf(drift(t, c.rollups(runs, 6)), monitor.PartFolder, "tests/slow", monitor.MetricCPUTime)
	require.NotNil(t, p)
	assert.Equal(t, 30, p.Tests)
	assert.InDelta(t, 15*0.4, float64(p.FromNew), 0.7)
	assert.InDelta(t, 30*0.4*0.36, float64(p.FromSlower), 0.6)
	assert.InDelta(t, 0, float64(p.Machine), 0.7)
}

// TestNewTestsOfAnAcceptedPart holds that what was added or removed before a part was accepted is no growth of it.
func TestNewTestsOfAnAcceptedPart(t *testing.T) {
	t.Parallel()
	const runs, accepted = 180, 60
	c := newCourse(14)
	c.crowd(120, runs)
	none := measured{math.NaN(), math.NaN(), math.NaN()}
	for name, there := range map[string]func(run int) bool{
		"slower": func(int) bool { return true },
		"new":    func(run int) bool { return run >= 40 },
		"gone":   func(run int) bool { return run < 50 },
		"later":  func(run int) bool { return run >= 120 },
	} {
		for i := range 20 {
			c.add("tests/slow/test_a.py", fmt.Sprint(name, i), runs, func(run int) measured {
				if !there(run) {
					return none
				}
				return c.steady(1 + 0.8*float64(max(0, run-accepted))/(runs-accepted))
			})
		}
	}
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	found := d.Drift(c.rollups(runs, 6), nil, []monitor.Acceptance{{
		AcceptedScope: monitor.AcceptedScope{Part: "tests/slow"}, Run: mark(accepted, c.apart).Run, Started: mark(accepted, c.apart).Started}})
	p := partOf(found, monitor.PartFolder, "tests/slow", monitor.MetricCPUTime)
	require.NotNil(t, p)
	assert.Equal(t, 40, p.Tests, "the new ones were accepted, the removed ones too")
	assert.InDelta(t, 20*0.4*1.75, float64(p.FromNew), 1, "of those that came later")
}

// TestADayIsNoDriftOfTheSuite holds that a machine that is busier by day than by night does not look like growth within a day, while the same
// curve over weeks does.
func TestADayIsNoDriftOfTheSuite(t *testing.T) {
	t.Parallel()
	// hours is how many the rhythm takes, begin where in it the first run is.
	suites := func(runs int, apart time.Duration, hours, begin float64) (found int) {
		c := newCourse(15)
		c.apart = apart
		for i := range 40 {
			c.add("tests/test_a.py", fmt.Sprint("t", i), runs, func(run int) measured {
				return c.steady(math.Exp(0.3 * math.Sin(2*math.Pi*(begin+float64(run)*apart.Hours()/hours))))
			})
		}
		for _, p := range drift(t, c.rollups(runs, 5)).Parts {
			if p.Kind == monitor.PartSuite {
				found++
			}
		}
		return found
	}
	slow := 0
	for begin := 0.0; begin < 1; begin += 1. / 24 {
		assert.Zero(t, suites(24, time.Hour, 24, begin), "24 runs in a day, from %v of it", begin)
		assert.Zero(t, suites(48, 30*time.Minute, 24, begin), "48 runs in a day, from %v of it", begin)
		assert.Zero(t, suites(48, 20*time.Minute, 24, begin), "48 runs in most of a day, from %v of it", begin)
		slow += suites(48, 20*time.Hour, 24*60, begin)
	}
	assert.Positive(t, slow)
}
