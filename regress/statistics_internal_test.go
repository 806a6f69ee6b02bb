package regress

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
)

// ticks draws values many of which are equal, as those of a clock with ticks are.
func ticks(t *rapid.T, least int) []float64 {
	tick := rapid.Map(rapid.IntRange(-6, 6), func(i int) float64 { return float64(i) / 4 })
	return rapid.SliceOfN(tick, least, 40).Draw(t, "values")
}

// TestQuantile holds the definition by the examples of numpy's documentation.
func TestQuantile(t *testing.T) {
	t.Parallel()
	values := []float64{1, 2, 3, 4}
	for p, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 0.9: 3.7, 1: 4} {
		assert.InDelta(t, want, quantile(values, p), 1e-12)
	}
	assert.InDelta(t, 7, quantile([]float64{7}, 0.9), 0)
}

// TestDeviation compares the walk from the middle with sorting.
func TestDeviation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := ticks(t, 1)
		m := median(values)
		var apart []float64
		for _, x := range values {
			apart = append(apart, math.Abs(x-m))
		}
		require.InDelta(t, median(apart), deviation(values, m), 1e-12)
	})
}

// TestCorrected compares with the definition: the least m·p/rank of all that are not smaller.
func TestCorrected(t *testing.T) {
	t.Parallel()
	assert.Empty(t, corrected(nil))
	assert.InDeltaSlice(t, []float64{0.04, 0.06, 0.06, 0.5}, corrected([]float64{0.01, 0.03, 0.045, 0.5}), 1e-12)
	assert.InDeltaSlice(t, []float64{0.02, 0.02}, corrected([]float64{0.02, 0.02}), 1e-12)
}

// TestBase holds that the base keeps the last levels in order of size.
func TestBase(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := base{limit: rapid.IntRange(1, 12).Draw(t, "limit")}
		values := ticks(t, 1)
		for _, x := range values {
			b.add(x)
		}
		last := values[max(0, len(values)-b.limit):]
		require.Equal(t, last, b.kept)
		require.Equal(t, slices.Sorted(slices.Values(last)), b.sorted)
	})
}

// TestOrdinary holds that what is taken for ordinary at a glance is not conspicuous at a closer look.
func TestOrdinary(t *testing.T) {
	t.Parallel()
	th := newThresholds(Defaults().CPUTime, 0.01, 30)
	rapid.Check(t, func(t *rapid.T) {
		tr := track{th: th, minN: 8, hold: 10, window: 3, base: base{limit: 30}}
		for _, x := range ticks(t, 8) {
			tr.base.add(x)
		}
		level := rapid.Float64Range(-3, 3).Draw(t, "level")
		ordinary := tr.base.ordinary(level, th)
		tr.base.estimate(th)
		if ordinary {
			require.Zero(t, tr.conspicuous(level))
		}
	})
}

// TestLimit holds that the limit is where a level becomes conspicuous, in both directions.
func TestLimit(t *testing.T) {
	t.Parallel()
	th := newThresholds(Defaults().TotalTime, 0.01, 30)
	rapid.Check(t, func(t *rapid.T) {
		tr := track{th: th, minN: 8, hold: 10, window: 3, base: base{limit: 30}}
		for _, x := range ticks(t, 8) {
			tr.base.add(x)
		}
		tr.base.estimate(th)
		for _, dir := range []int{worse, better} {
			limit, step := tr.limit(dir), float64(dir)*1e-6
			require.Zero(t, tr.conspicuous(limit-step))
			if !math.IsInf(limit, 0) {
				require.Equal(t, dir, tr.conspicuous(limit+step))
			}
		}
	})
}

// TestCalibration holds that of steady tests no more than the intended share are suspects, and that hardly any would be
// confirmed even by itself, however many of the last runs are of one commit.
func TestCalibration(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 5))
	d, err := New(Defaults())
	require.NoError(t, err)
	for _, n := range []int{8, 15, 30} {
		for repeats := 1; repeats <= 3; repeats++ {
			foreign := repeats == 1 // the rule for one run is for other branches
			e := d.newEvaluator(runs{window: n, again: make([]bool, n+3), foreign: foreign}, slices.Repeat([]bool{true}, n+3))
			for i := range repeats {
				e.again[n+2-i] = true
			}
			e.level = make([]float64, n+3)
			e.infos = make([]*monitor.RunInfo, n+3)
			suspects, candidates := 0, 0
			const trials = 20_000
			for range trials {
				for run := range e.level {
					e.level[run] = 1 + 0.1*random.NormFloat64()
				}
				v := e.judge(d.byMonitor[cpuTime])
				if v.suspect {
					suspects++
				}
				if v.candidate {
					candidates++
				}
			}
			assert.LessOrEqual(t, float64(suspects)/trials, 0.013, "%d runs, %d of the commit", n, repeats)
			assert.LessOrEqual(t, candidates, trials/1000, "%d runs, %d of the commit", n, repeats)
		}
	}
}

// TestMetrics holds that the positions of metrics with rules of their own are right.
func TestMetrics(t *testing.T) {
	t.Parallel()
	for metric, name := range map[int]string{cpuTime: monitor.MetricCPUTime, memUsage: monitor.MetricMemUsage,
		totalTime: monitor.MetricTotalTime} {
		assert.Equal(t, name, monitor.JudgedMetrics[metric].Name)
	}
}

// TestEachPanicsWhereItIsCalled holds that a fault on another goroutine can be recovered from, and leaves none behind.
func TestEachPanicsWhereItIsCalled(t *testing.T) {
	t.Parallel()
	fault := func() (p any) {
		defer func() { p = recover() }()
		each(100, func(i int) {
			if i == 50 {
				panic("index out of range")
			}
		})
		return nil
	}()
	assert.Contains(t, fault, "index out of range")
	assert.Contains(t, fault, "statistics_internal_test.go", "where it was")
}

// TestNth compares the selection with sorting.
func TestNth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := ticks(t, 1)
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		k := rapid.IntRange(0, len(values)-1).Draw(t, "k")
		require.InDelta(t, sorted[k], nth(slices.Clone(values), k), 0)
		require.InDelta(t, quantile(sorted, 0.5), selected(values), 1e-12)
	})
}

// TestBend compares the fits by moments with sums over the points: no other level and line, and no other two levels, are nearer.
func TestBend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var c curve
		for i, y := range ticks(t, pointsOfTrend) {
			c = append(c, point{at: i, x: float64(5 * i), runs: float64(rapid.IntRange(1, 8).Draw(t, "runs")), y: y})
		}
		centred, all := c.centred(len(c))
		b, ok := centred.bend(all, len(c), false)
		require.True(t, ok)
		rest := 0.0
		for i, r := range centred.residuals(b) {
			rest += c[i].runs * r * r
		}
		require.InDelta(t, rest, b.rest, 1e-6)
		other := bend{last: rapid.IntRange(0, len(c)-pointsOfTrend).Draw(t, "last"), slope: b.slope + rapid.Float64Range(-0.1, 0.1).Draw(t, "more")}
		more := 0.0
		for i, r := range centred.residuals(other) {
			more += c[i].runs * r * r
		}
		require.GreaterOrEqual(t, more, b.rest-1e-6)

		_, rest = centred.step(all)
		at := rapid.IntRange(1, len(c)-1).Draw(t, "at")
		apart := 0.0
		for _, part := range []curve{c[:at], c[at:]} {
			for _, p := range part {
				apart += p.runs * (p.y - part.level()) * (p.y - part.level())
			}
		}
		require.LessOrEqual(t, rest, apart+1e-6)
	})
}

// TestChancesOfALine holds that the best of many lines in white noise is as steep as chance allows so many independent ones to be, and that
// the number is not taken for much greater than it is: then growth would be found late.
func TestChancesOfALine(t *testing.T) {
	t.Parallel()
	const points, p, z, series = 13, 0.01, 2.326, 6000 // p is the chance of a normal value above z
	random := rand.New(rand.NewPCG(1, 2))
	steep, tried := 0, 0
	for range series {
		c := make(curve, points)
		for i := range c {
			c[i] = point{at: i, x: float64(8*i + 4), y: random.NormFloat64() / math.Sqrt(8), runs: 8}
		}
		fitted, b, places := c.growth()
		tried = places
		if fitted != nil && b.slope*math.Sqrt(b.sxx) > z {
			steep++
		}
	}
	found := float64(steep) / series / p
	assert.LessOrEqual(t, found, chances(tried))
	assert.Less(t, chances(tried), 4*found)
	assert.InDelta(t, 3, chances(3), 1e-9, "never more than were tried")
}
