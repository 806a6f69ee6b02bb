package regress

import (
	"iter"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"pymon-bridge/monitor"
)

// shared is what all tests have in common, by point. Without enough tests, and for metrics that the speed of a machine does not
// show in, nothing is.
type shared struct {
	offset []float64 // how much slower than in the last stretch, as a logarithm; NaN where it is not known
	slow   []float64 // the same without abrupt changes
	factor []float64 // what makes a value one at the speed of the last stretch; NaN where that is not known
}

// gain is what all tests slowly gained from some points to others: of the whole gain and the one without abrupt changes, the one
// that is chosen. Where abrupt and slow changes take turns, one of the two alone proves nothing.
func (s *shared) gain(first, now curve, choose func(a, b float64) float64) float64 {
	return choose(mean(s.slow, now)-mean(s.slow, first), mean(s.offset, now)-mean(s.offset, first))
}

// mean is the mean at some points, by their runs.
func mean(of []float64, points curve) float64 {
	sum, runs := 0.0, 0.0
	for _, p := range points {
		if !math.IsNaN(of[p.at]) {
			sum += p.runs * of[p.at]
			runs += p.runs
		}
	}
	return sum / max(1, runs)
}

// newShared works out the speed of the machine: first from each stretch to the next one, as the median over the tests that both
// have, since tests come and go. Such a chain walks away by the sum of its errors. So each test gets its usual level at these
// speeds, and each stretch its speed from these levels.
func (s *series) newShared() shared {
	n := len(s.axis)
	made := shared{make([]float64, n), make([]float64, n), slices.Repeat([]float64{1}, n)}
	if !monitor.JudgedMetrics[s.metric].Timed || n == 0 {
		return made
	}
	offset := s.chain()
	if len(present(offset)) < 2 {
		return made
	}
	offset = s.polished(offset)
	last := len(offset) - 1
	for last > 0 && math.IsNaN(offset[last]) {
		last--
	}
	var known curve
	for i, p := range s.axis {
		made.offset[i] = offset[i] - offset[last]
		made.factor[i] = math.Exp(-made.offset[i])
		if p.y = made.offset[i]; !math.IsNaN(p.y) {
			known = append(known, p)
		}
	}
	copy(made.slow, made.offset)
	for _, from := range known.steps(math.Log(abruptSpeed), 0) {
		jump := known.jump(from)
		for i := range made.slow {
			if i < known[from].at {
				made.slow[i] += jump
			}
		}
	}
	return made
}

// abruptSpeed is the least ratio of an abrupt change of the machine's speed. Smaller ones are not told from slow ones.
const abruptSpeed = 1.1

// clear returns the logarithm of a value that the machine's speed shows in, NaN for others.
func (s *series) clear(test, point int) float64 {
	if v := s.measured(test, point); v > s.th.Least {
		return math.Log(v)
	}
	return math.NaN()
}

// chain returns the speeds by the tests that stretches have in common. Each is compared with the last one that has enough of its tests,
// since jobs and shards may take turns. One that has enough tests, but none in common with earlier ones, begins at the speed of the one
// before it: its tests are in no stretch that this could be wrong for. One with too few tests is unknown.
func (s *series) chain() []float64 {
	offset := slices.Repeat([]float64{math.NaN()}, len(s.axis))
	var slower []float64
	known := 0.0 // speed of the last stretch that is known
	for i := range offset {
		if !s.many(i) {
			continue
		}
		offset[i] = known
		for before := i - 1; before >= 0; before-- {
			if math.IsNaN(offset[before]) {
				continue
			}
			slower = slower[:0]
			for test := range s.values {
				v, was := s.measured(test, i), s.measured(test, before)
				if v > s.th.Least && was > s.th.Least {
					slower = append(slower, v/was)
				}
			}
			if len(slower) >= s.settings.MinTests {
				offset[i] = offset[before] + math.Log(selected(slower))
				break
			}
		}
		known = offset[i]
	}
	return offset
}

// many says whether a stretch has enough tests to tell the machine from the tests.
func (s *series) many(point int) bool {
	n := 0
	for test := range s.values {
		if s.measured(test, point) > s.th.Least {
			n++
		}
	}
	return n >= s.settings.MinTests
}

// polished returns the speeds by the usual levels of the tests, each the median over its stretches. Only the tests whose levels at the
// beginning and at the end are apart most alike tell the speed: a large part of a suite that grows must not look like the machine.
func (s *series) polished(offset []float64) []float64 {
	usual, grew := make([]float64, len(s.values)), make([]float64, len(s.values))
	inParallel(len(usual), func(from, to int) {
		var levels []float64
		for test := from; test < to; test++ {
			levels = levels[:0]
			for i := range offset {
				if level := s.clear(test, i) - offset[i]; !math.IsNaN(level) {
					levels = append(levels, level)
				}
			}
			usual[test], grew[test] = math.NaN(), math.NaN()
			if n := len(levels); n >= pointsOfTrend {
				part := max(2, n/4)
				grew[test] = stat.Mean(levels[n-part:], nil) - stat.Mean(levels[:part], nil)
				usual[test] = selected(levels)
			}
		}
	})
	low, high := densest(grew)
	better := slices.Clone(offset)
	inTurns(len(offset), func(points iter.Seq[int]) {
		var slower []float64
		for i := range points {
			if slower = slower[:0]; math.IsNaN(offset[i]) {
				continue
			}
			for test := range usual {
				if level := s.clear(test, i) - usual[test]; grew[test] >= low && grew[test] <= high && !math.IsNaN(level) {
					slower = append(slower, level)
				}
			}
			if len(slower) >= s.settings.MinTests/2 {
				better[i] = selected(slower)
			}
		}
	})
	return better
}

// densest returns the shortest interval that has half of the values.
func densest(values []float64) (low, high float64) {
	v := present(values)
	slices.Sort(v)
	low, high = math.Inf(-1), math.Inf(1)
	for half, i := len(v)/2, 0; i+half < len(v); i++ {
		if v[i+half]-v[i] < high-low {
			low, high = v[i], v[i+half]
		}
	}
	return low, high
}
