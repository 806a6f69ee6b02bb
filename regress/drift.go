package regress

import (
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

var _ monitor.DriftDetector = (*Detector)(nil)

// Drift finds slow growth in rollups. See [monitor.DriftDetector].
func (d *Detector) Drift(r *monitor.Rollups, steps map[monitor.ResultID][]monitor.RunMark, accepted []monitor.Acceptance) *monitor.Drifts {
	h := d.newPastRuns(r)
	h.groups, h.places = groupsOf(r)
	starts := newStarts(h, steps, accepted)
	found := &monitor.Drifts{Tests: map[monitor.ResultID]monitor.Drift{}}
	var parts []part
	for metric := range r.Values {
		s := d.newSeries(h, starts, metric)
		s.find()
		if monitor.JudgedMetrics[metric].Timed {
			parts = append(parts, s.parts()...)
		}
		h.found = append(h.found, s.trends...)
	}
	p := make([]float64, len(h.found))
	for i := range h.found {
		p[i] = h.found[i].p
	}
	for i, q := range correctedAmong(h.looked, p) {
		if t := &h.found[i]; q <= d.settings.Drift.Q {
			found.Tests[monitor.ResultID{TestID: r.Tests[t.test], Metric: monitor.JudgedMetrics[t.metric].Name}] = h.drift(&t.trend, q)
		}
	}
	found.Parts = d.partsOf(h, parts)
	return found
}

// pastRuns are the stretches in which slow growth is looked for, and what was found.
type pastRuns struct {
	*monitor.Rollups
	used []int         // the stretches that count, oldest first
	axis curve         // the same without levels
	time time.Duration // from the first start to the last one

	groups []group
	places map[place][]int // by part, its groups

	found               []testTrend
	looked, lookedParts int // number of series of tests that are long enough, and of parts
}

// leastRuns is how many runs the last stretch needs to count: the median of fewer is what one of them happened to measure.
const leastRuns = 3

// newPastRuns chooses the last stretches. A stretch whose last run is that of an earlier one counts once.
func (d *Detector) newPastRuns(r *monitor.Rollups) *pastRuns {
	h := &pastRuns{Rollups: r}
	s, known := r.Stretches, map[string]bool{}
	if n := len(s); n > 1 && s[n-1].Runs < leastRuns {
		s = s[:n-1]
	}
	runs := 0
	for i := len(s) - 1; i >= 0; i-- {
		old := s[len(s)-1].Last.Started.Sub(s[i].First.Started) > time.Duration(d.settings.Drift.MaxDays)*24*time.Hour
		if runs > 0 && (old || runs+s[i].Runs > d.settings.Drift.MaxRuns) {
			break
		}
		if !known[s[i].Last.Run] && s[i].Runs > 0 {
			known[s[i].Last.Run] = true
			runs += s[i].Runs
			h.used = append(h.used, i)
		}
	}
	slices.Reverse(h.used)
	if n := len(h.used); n > 0 {
		h.time = s[h.used[n-1]].Last.Started.Sub(s[h.used[0]].First.Started)
	}
	before := 0.0
	for at, i := range h.used {
		n := float64(s[i].Runs)
		h.axis = append(h.axis, point{at: at, x: before + n/2, runs: n})
		before += n
	}
	return h
}

// series are all values of one metric.
type series struct {
	*Detector
	*pastRuns
	metric   int
	th       *thresholds
	values   [][]float32
	starts   *starts
	restarts []int   // by test, first point after its last step
	shared   shared  // by point, what all tests have in common
	noise    float64 // variance of the logarithm of one run that most tests do not have
	trends   []testTrend
}

// testTrend is the trend of one metric of a test.
type testTrend struct {
	test, metric int
	trend
}

func (d *Detector) newSeries(h *pastRuns, starts *starts, metric int) *series {
	s := &series{Detector: d, pastRuns: h, metric: metric, th: d.thresholds(h.Env)[metric], values: h.Values[metric], starts: starts,
		restarts: starts.changed[metric]}
	s.shared = s.newShared()
	return s
}

// measured is a measurement, NaN when there is none.
func (s *series) measured(test, point int) float64 {
	if v := s.values[test][s.used[point]]; v <= math.MaxFloat32 { // not infinite
		return float64(v)
	}
	return math.NaN()
}

// value is a measurement at the present speed of the machine, NaN when there is none.
func (s *series) value(test, point int) float64 {
	v := s.measured(test, point)
	if v < s.th.Least {
		v = s.th.Least
	}
	return v * s.shared.factor[point]
}

// find looks at all tests.
func (s *series) find() {
	made := make([]*testTrend, len(s.values))
	long := make([]bool, len(s.values))
	s.noise = s.typical()
	inParallel(len(s.values), func(from, to int) {
		c := make(curve, 0, len(s.axis))
		for i := from; i < to; i++ {
			made[i], long[i] = s.test(i, c)
		}
	})
	for i, t := range made {
		if long[i] {
			s.looked++
		}
		if t != nil {
			s.trends = append(s.trends, *t)
		}
	}
	if s.metric == memUsage && !monitor.ByPlugin(s.Env) {
		s.trends = s.firstOfProcess(s.trends)
	}
}

// test looks for slow growth of a test; nil for none. It also says whether the history is long enough. c is an empty curve to use.
func (s *series) test(i int, c curve) (*testTrend, bool) {
	c = s.curve(i, c)
	if !s.enough(c) {
		return nil, false
	}
	if first, now := c.ends(float64(s.settings.Drift.LevelRuns)); !s.grew(first, now) {
		return nil, true
	}
	if steps := c.steps(s.settings.Drift.Step*s.th.lnRatio, s.noise); len(steps) > 0 {
		last := steps[len(steps)-1]
		s.restarts[i] = c[last].at
		c = c[last:]
	}
	t := s.trend(c, inTests, s.noise, s.grew)
	if t == nil {
		return nil, true
	}
	return &testTrend{i, s.metric, *t}, true
}

// curve returns the levels of a test after its last step. c is an empty curve to use.
func (s *series) curve(i int, c curve) curve {
	for j, p := range s.axis {
		if j < s.restarts[i] {
			continue
		}
		if v := s.value(i, j); !math.IsNaN(v) {
			p.y = math.Log(v)
			c = append(c, p)
		}
	}
	return c
}

func (s *series) enough(c curve) bool {
	return len(c) >= pointsOfTrend && c.runs() >= float64(s.settings.Drift.MinRuns)
}

func (s *series) grew(first, now curve) bool { return s.above(first, now, s.th.lnRatio) }

// above says whether a level is so much above another one at the present speed of the machine. A test that only does not become
// faster when all others slowly do has not grown.
func (s *series) above(first, now curve, ratio float64) bool {
	low, high := first.level(), now.level()
	grew := high - low + min(0, s.shared.gain(first, now, math.Max))
	return grew >= ratio && math.Exp(high)-math.Exp(high-grew) >= s.th.Delta
}

// typical returns the variance of the logarithm of one run, from the differences of neighbouring stretches: three quarters of
// the tests have less.
func (s *series) typical() float64 {
	all := make([]float64, len(s.values))
	inParallel(len(s.values), func(from, to int) {
		var off []float64
		for i := from; i < to; i++ {
			off = off[:0]
			before, runs := math.NaN(), 0.0
			for j, p := range s.axis {
				v := s.value(i, j)
				if math.IsNaN(v) {
					continue
				}
				if !math.IsNaN(before) {
					off = append(off, 2*math.Abs(v-before)/(v+before)/math.Sqrt(1/p.runs+1/runs))
				}
				before, runs = v, p.runs
			}
			all[i] = math.NaN()
			if len(off) >= pointsOfTrend-1 {
				all[i] = median(off) * perMAD
			}
		}
	})
	all = present(all)
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	spread := quantile(all, 0.75)
	return spread * spread
}
