package regress_test

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// fewTests is the usual number: it costs little.
const fewTests = 1000

var driftTests = flag.Int("drift-tests", fewTests, "number of tests in the bootstrap of slow growth")

// recorded is the unchanged code of a recorded series, by run and test in the order of start; NaN where not measured.
func recorded(t testing.TB, name string, runs int) *course {
	d := readDataset(t, name)
	c := newCourse(1)
	c.env = d.env
	at := map[injectionKey]int{}
	for run, samples := range d.samples[:runs] {
		nth := map[[2]string]int{}
		for _, x := range samples {
			key := [2]string{x.Series.ItemPath, x.Series.ItemVariant}
			id := injectionKey{key[0], key[1], nth[key]}
			nth[key]++
			i, ok := at[id]
			if !ok {
				i = len(c.tests)
				at[id] = i
				c.add("tests/"+id.path+"/test.py", fmt.Sprint(id.variant, id.occurrence), runs, func(int) measured {
					return measured{math.NaN(), math.NaN(), math.NaN()}
				})
			}
			for metric, m := range monitor.JudgedMetrics {
				c.values[metric][i][run] = m.Of(x)
			}
		}
	}
	return c
}

// resampled makes a longer series of the same tests, of blocks of recorded runs and of tests that follow each other, so that the
// noise, and how it lasts, stay.
func (c *course) resampled(seed uint64, runs int) *course {
	made := newCourse(seed)
	made.env = c.env
	had := len(c.values[0][0])
	var order []int
	for len(order) < runs {
		from, n := made.random.IntN(had), 3+made.random.IntN(6)
		for i := range n {
			order = append(order, (from+i)%had)
		}
	}
	for len(made.tests) < len(c.tests) {
		from, n := made.random.IntN(len(c.tests)), 10
		for i := from; i < min(from+n, len(c.tests)); i++ {
			k := len(made.tests)
			made.add(c.files[i], fmt.Sprint(c.tests[i].Item, k), runs, func(run int) measured {
				r := order[run]
				return measured{c.values[0][i][r], c.values[2][i][r], c.values[1][i][r]}
			})
		}
	}
	return made
}

// TestFalseDrifts holds that unchanged code has at most 0.5 false drifts in 1,000 tests and 100 runs: as many distinct drifts of tests
// and parts as are reported after any of the runs. -drift-tests says of how many tests.
func TestFalseDrifts(t *testing.T) {
	t.Parallel()
	names := []string{"networkx", "toolz", "tornado", "numpy"}
	sets := []*course{recorded(t, "networkx", cleanRuns), recorded(t, "toolz", cleanRuns), recorded(t, "tornado", 18), recorded(t, "numpy", 18)}
	step := 1
	if *driftTests <= fewTests {
		step = 4
	}
	for _, size := range []int{5, 8} {
		tests, ever := 0, map[string]bool{}
		for seed := uint64(1); tests < *driftTests; seed++ {
			for k, set := range sets {
				c := set.resampled(seed*10+uint64(k), 100)
				tests += len(c.tests)
				of := fmt.Sprint(names[k], seed)
				for run := 100; run >= 24; run -= step {
					d := drift(t, c.rollups(run, size))
					for id := range d.Tests {
						ever[of+id.Metric+id.Item] = true
					}
					for _, p := range d.Parts {
						ever[of+p.Metric+string(p.Kind)+p.Part] = true
					}
				}
			}
		}
		t.Logf("%d runs in a stretch, %d tests: %v", size, tests, slices.Sorted(maps.Keys(ever)))
		assert.LessOrEqual(t, float64(len(ever)), max(1, 0.5*float64(tests)/1000), "%d runs in a stretch", size)
	}
}
