package regress_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// course is what the tests of a suite measured in many runs.
type course struct {
	tests  []monitor.TestID
	files  []string
	values [3][][]float64 // by metric in the order of [monitor.JudgedMetrics], test and run
	apart  time.Duration  // between runs
	env    string
	random *rand.Rand
}

// newCourse makes a suite without tests.
func newCourse(seed uint64) *course {
	return &course{apart: 12 * time.Hour, env: "m", random: rand.New(rand.NewPCG(seed, 5))}
}

// add adds a test of so many runs. value gives its value in a run by metric.
func (c *course) add(file, name string, runs int, value func(run int) measured) {
	c.tests = append(c.tests, monitor.TestID{ItemPath: "m", Item: name, ItemVariant: name, Kind: monitor.KindFunction, Env: c.env})
	c.files = append(c.files, file)
	all := [3][]float64{}
	for run := range runs {
		m := value(run)
		for metric, v := range []float64{m.cpu, m.mem, m.total} {
			all[metric] = append(all[metric], v)
		}
	}
	for metric := range all {
		c.values[metric] = append(c.values[metric], all[metric])
	}
}

// noise is a factor with a relative spread.
func (c *course) noise(spread float64) float64 { return math.Exp(spread * c.random.NormFloat64()) }

// steady is a test of 0.4 s CPU, 0.6 s wall and 120 MiB, times a factor, with a noise of 2 %.
func (c *course) steady(factor float64) measured {
	return measured{0.4 * factor * c.noise(0.02), 0.6 * factor * c.noise(0.02), 120 * factor * c.noise(0.002)}
}

// crowd adds n steady tests.
func (c *course) crowd(n, runs int) {
	for i := range n {
		c.add("tests/crowd/test_a.py", fmt.Sprintf("crowd%03d", i), runs, func(int) measured { return c.steady(1) })
	}
}

func mark(run int, apart time.Duration) monitor.RunMark {
	return monitor.RunMark{Run: fmt.Sprintf("run%04d", run), ScmRef: fmt.Sprintf("c%04d", run),
		Started: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(run) * apart)}
}

// rollups are the medians of the runs before one, of so many consecutive runs each.
func (c *course) rollups(runs, size int) *monitor.Rollups {
	r := &monitor.Rollups{Project: "p", Branch: "main", Env: c.env, Tests: c.tests, Files: c.files}
	for from := 0; from < runs; from += size {
		to := min(runs, from+size)
		r.Stretches = append(r.Stretches, monitor.Stretch{First: mark(from, c.apart), Last: mark(to-1, c.apart), Runs: to - from})
	}
	for metric := range c.values {
		r.Values[metric] = make([][]float32, len(c.tests))
		for i, values := range c.values[metric] {
			for from := 0; from < runs; from += size {
				r.Values[metric][i] = append(r.Values[metric][i], medianOf(values[from:min(runs, from+size)]))
			}
		}
	}
	return r
}

func medianOf(values []float64) float32 {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(v) == 0 {
		return float32(math.NaN())
	}
	slices.Sort(v)
	return float32((v[(len(v)-1)/2] + v[len(v)/2]) / 2)
}

// drift looks for slow growth with the default settings.
func drift(t require.TestingT, r *monitor.Rollups) *monitor.Drifts {
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	found := d.Drift(r, nil, nil)
	return found
}

// sizes are the numbers of runs in a stretch that are tried.
var sizes = []int{5, 6, 8}
