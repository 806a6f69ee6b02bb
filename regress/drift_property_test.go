package regress_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// drawCourse draws a suite of all that rollups have: growth of tests and of all, steps, gaps, new and removed tests.
func drawCourse(t *rapid.T) *course {
	runs := rapid.IntRange(30, 90).Draw(t, "runs")
	c := newCourse(rapid.Uint64().Draw(t, "seed"))
	c.env = rapid.SampledFrom([]string{"m", "m m2"}).Draw(t, "env")
	shared := rapid.SampledFrom([]float64{0, 0.006}).Draw(t, "shared")
	for i := range rapid.IntRange(1, 40).Draw(t, "tests") {
		kind := c.random.IntN(8)
		c.add(fmt.Sprintf("tests/f%d/test_a.py", i%3), fmt.Sprint("t", i), runs, func(run int) measured {
			f := math.Exp(shared * float64(run))
			switch {
			case kind < 2:
				f *= math.Exp(0.01 * float64(run))
			case kind == 2 && run > runs/2:
				f *= 1.5
			case kind == 3 && run < runs/3, kind == 4 && run > runs/2, kind == 5 && c.random.IntN(5) == 0:
				f = math.NaN()
			}
			return c.steady(f)
		})
		c.tests[i].Component = fmt.Sprint("c", i%2)
	}
	return c
}

// TestOrderOfRollups holds that the order of tests, and a stretch that is there twice, change nothing.
func TestOrderOfRollups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		runs := len(c.values[0][0])
		r := c.rollups(runs, rapid.IntRange(4, 8).Draw(t, "size"))
		want := drift(t, r)

		other := *r
		order := c.random.Perm(len(r.Tests))
		other.Tests, other.Files = reordered(r.Tests, order), reordered(r.Files, order)
		twice := rapid.IntRange(0, len(r.Stretches)-2).Draw(t, "twice")
		other.Stretches = slices.Insert(slices.Clone(r.Stretches), twice, r.Stretches[twice])
		for metric := range r.Values {
			other.Values[metric] = reordered(r.Values[metric], order)
			for i, values := range other.Values[metric] {
				other.Values[metric][i] = slices.Insert(slices.Clone(values), twice, values[twice])
			}
		}
		require.Equal(t, want, drift(t, &other))
	})
}

func reordered[T any](values []T, order []int) (made []T) {
	for _, i := range order {
		made = append(made, values[i])
	}
	return made
}

// TestUnitsOfRollups holds that rollups in other units, by settings in these units, have the same growth.
func TestUnitsOfRollups(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		r := c.rollups(len(c.values[0][0]), 6)
		want := drift(t, r)

		factor := math.Pow(2, float64(rapid.IntRange(-3, 10).Draw(t, "power"))) // not even the last digit differs
		for metric := range r.Values {
			for _, values := range r.Values[metric] {
				for at := range values {
					values[at] *= float32(factor)
				}
			}
		}
		s := regress.Defaults()
		for _, g := range []*regress.Thresholds{&s.CPUTime, &s.MemUsage, &s.TotalTime, &s.PluginCPUTime, &s.PluginMemUsage} {
			g.Least *= factor
			g.Jitter *= factor
			g.Delta *= factor
		}
		d, err := regress.New(s)
		require.NoError(t, err)
		got := d.Drift(r, nil, nil)
		require.Len(t, got.Tests, len(want.Tests))
		for id, x := range want.Tests {
			same(t, x, got.Tests[id], factor)
		}
		require.Len(t, got.Parts, len(want.Parts))
		for i := range want.Parts {
			require.Equal(t, want.Parts[i].Part, got.Parts[i].Part)
			require.Equal(t, want.Parts[i].Tests, got.Parts[i].Tests)
			same(t, want.Parts[i].Drift, got.Parts[i].Drift, factor)
			near(t, float64(want.Parts[i].Growth)*factor, float64(got.Parts[i].Growth))
		}
	})
}

func same(t require.TestingT, want, got monitor.Drift, factor float64) {
	require.Equal(t, want.Since, got.Since)
	require.Equal(t, want.Runs, got.Runs)
	near(t, float64(want.First)*factor, float64(got.First))
	near(t, float64(want.Now)*factor, float64(got.Now))
	near(t, float64(want.Rate), float64(got.Rate))
}

// TestAnyRollups holds that whatever rollups have, the answer is one, and its numbers are probabilities and sums.
func TestAnyRollups(t *testing.T) {
	t.Parallel()
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, -1, -1e30, 1e-40, math.MaxFloat32, 1, 2}
	rapid.Check(t, func(t *rapid.T) {
		r := &monitor.Rollups{Env: rapid.SampledFrom([]string{"m", "m m2"}).Draw(t, "env")}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		run := 0
		for range rapid.IntRange(0, 12).Draw(t, "stretches") {
			n := random.IntN(9)
			r.Stretches = append(r.Stretches, monitor.Stretch{First: mark(run, 1), Last: mark(run+n, 1), Runs: n})
			run += random.IntN(12)
		}
		share := rapid.SampledFrom([]float64{0, 0.05, 1}).Draw(t, "odd")
		for i := range rapid.IntRange(0, 30).Draw(t, "tests") {
			r.Tests = append(r.Tests, monitor.TestID{Item: fmt.Sprint(i), Component: fmt.Sprint(i % 3)})
			for metric := range r.Values {
				values := make([]float32, len(r.Stretches))
				for at := range values {
					values[at] = float32(math.Exp(0.2 * float64(at)))
					if random.Float64() < share {
						values[at] = odd[random.IntN(len(odd))]
					}
				}
				r.Values[metric] = append(r.Values[metric], values)
			}
		}
		d := drift(t, r)
		for _, x := range d.Tests {
			require.True(t, x.P >= 0 && x.P <= x.Q*(1+1e-9) && x.Q <= 1, "%+v", x)
			require.Greater(t, float64(x.Ratio), 1.0)
		}
		for _, x := range d.Parts {
			require.True(t, x.P >= 0 && x.P <= x.Q*(1+1e-9) && x.Q <= 1, "%+v", x)
		}
	})
}
