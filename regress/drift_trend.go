package regress

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"pymon-bridge/monitor"
)

// trend is slow growth of a series.
type trend struct {
	since      int // last point of the first level
	end        int // last point
	first, now float64
	rate       float64 // growth a run
	p          float64
}

// trend tells growth from chance; nil where the present level is not far enough above the first one. trust is how many points the
// noise of other tests counts for beside the points of the curve: a few points may look steadier than they are. Where they look
// less steady, they are believed.
func (s *series) trend(c curve, trust, noise float64, grew func(first, now curve) bool) *trend {
	if !s.enough(c) {
		return nil
	}
	first, now := c.ends(float64(s.settings.Drift.LevelRuns))
	if len(first)+len(now) > len(c) || !grew(first, now) || c.sudden(now.level()-first.level(), noise) {
		return nil
	}
	fitted, b, places := c.growth()
	if fitted == nil {
		return nil
	}
	freedom := float64(len(c)-3) + trust
	usual := s.usualNoise(first.level())
	spread := max(b.rest/float64(len(c)-3), (b.rest+trust*usual)/freedom, usual/10)
	t := b.slope / math.Sqrt(spread*repeated(fitted.residuals(b))/b.sxx)
	return &trend{
		since: c[max(b.last, len(first)-1)].at, end: c[len(c)-1].at,
		first: math.Exp(first.level()), now: math.Exp(now.level()), rate: math.Expm1(b.slope),
		p: min(1, chances(places)*distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Survival(t)),
	}
}

// chances is how many independent lines so many tried ones stand for. Lines that begin or end at neighbouring points are nearly the same:
// of white noise, the best of 55 lines is as steep as one of 4 lines would be at p = 0.01, of 7 at 0.0001, and of some 10 at a millionth.
func chances(tried int) float64 { return min(float64(tried), 2*math.Sqrt(float64(tried))) }

// inTests is how many points the noise of other tests counts for.
const inTests = 8

// perMedian is by how much the variance of a median exceeds that of a mean.
const perMedian = math.Pi / 2

// usualNoise is the least variance assumed of the logarithm of one run.
func (s *series) usualNoise(level float64) float64 {
	least := max(s.th.Noise, math.Log1p(s.th.Jitter*math.Exp(-level)))
	return max(s.noise, perMedian*least*least)
}

// sudden says whether the growth leaps. In time it does if most of it happens from one stretch to the next but one, as in a step. In
// height it does if no level lies in the middle of it, as where a test is now fast and now slow. Three even steps are no leap. noise
// is the variance of one run: what the difference of two stretches has of it is no leap.
func (c curve) sudden(growth, noise float64) bool {
	chance := math.Sqrt(2 * noise * float64(len(c)) / c.runs())
	y := c.levels()
	for i := 2; i < len(y); i++ {
		if y[i]-y[i-2]-chance > leapInTime*growth {
			return true
		}
	}
	slices.Sort(y)
	for i := 1; i < len(y); i++ {
		if y[i]-y[i-1]-chance > leapInHeight*growth {
			return true
		}
	}
	return false
}

// These are the greatest shares of growth in a leap. Four even levels have two thirds in time and one third in height.
const leapInTime, leapInHeight = 0.8, 0.45

// repeated is by how much noise that lasts from a point to the next one makes the variance of a slope greater.
func repeated(rest []float64) float64 {
	var product, square float64
	for i := range rest {
		square += rest[i] * rest[i]
		if i > 0 {
			product += rest[i] * rest[i-1]
		}
	}
	if square == 0 {
		return 1
	}
	r := min(0.8, max(0, product/square))
	return (1 + r) / (1 - r)
}

func (h *pastRuns) drift(t *trend, q float64) monitor.Drift {
	runs := 0
	for _, i := range h.used[t.since+1 : t.end+1] {
		runs += h.Stretches[i].Runs
	}
	return monitor.Drift{Since: h.Stretches[h.used[t.since]].Last, Runs: runs, First: monitor.Number(t.first), Now: monitor.Number(t.now),
		Ratio: monitor.Number(t.now / t.first), Rate: monitor.Number(t.rate), P: monitor.Number(t.p), Q: monitor.Number(q)}
}

// firstOfProcess leaves only the tests that memory grows in. pytest-monitor measures the memory of the process, which adds up over its tests:
// what one test adds, all tests after it show. The order of tests is that of their first levels, as memory hardly shrinks. Each
// keeps what it shows beyond the tests before it.
func (s *series) firstOfProcess(found []testTrend) (kept []testTrend) {
	order := slices.Clone(found)
	slices.SortFunc(order, func(a, b testTrend) int {
		return cmp.Or(cmp.Compare(a.first, b.first), s.Tests[a.test].Compare(&s.Tests[b.test]))
	})
	known := 0.0
	for _, t := range order {
		grew := t.now - t.first
		if more := grew - known; more >= s.th.Delta && math.Log1p(more/t.first) >= s.th.lnRatio {
			kept = append(kept, t)
		}
		known = max(known, grew)
	}
	return kept
}
