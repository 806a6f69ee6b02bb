package regress

import (
	"math"
	"slices"
)

// base is what is usual: the levels of the last runs that count as usual.
type base struct {
	limit  int       // how many levels are kept at most
	kept   []float64 // oldest first
	sorted []float64 // the same by size

	estimated bool // median, up and down are those of the levels that are kept now
	median    float64
	// up and down are the spreads above and below the median.
	up, down float64
}

// Factors that make the quantities of a normal distribution its standard deviation.
const (
	perMAD      = 1.4826
	perQuartile = 1.349  // between the quartiles
	perDecile   = 1.2816 // from the median to the upper or lower tenth
)

// n returns how many levels are kept.
func (b *base) n() int { return len(b.kept) }

// reset forgets all levels.
func (b *base) reset() {
	b.kept, b.sorted, b.estimated = b.kept[:0], b.sorted[:0], false
}

// add keeps a level, in place of the oldest if there are too many.
func (b *base) add(level float64) {
	if len(b.kept) == b.limit {
		i, _ := slices.BinarySearch(b.sorted, b.kept[0])
		b.sorted = slices.Delete(b.sorted, i, i+1)
		b.kept = slices.Delete(b.kept, 0, 1)
	}
	b.estimated = false
	b.kept = append(b.kept, level)
	i, _ := slices.BinarySearch(b.sorted, level)
	b.sorted = slices.Insert(b.sorted, i, level)
}

// estimate works out the median and the spreads. Each spread is at least what th assumes, and the largest of three robust
// ones. For each of the three there are tests that make it too small: more than half of the values equal (median
// deviation), more than three quarters equal (quartiles), or slow in fewer than one of ten runs (decile). The spread below
// is at least the spread above: a disturbance makes a test slower and lifts its median, so that the test only seems to
// become faster when the disturbance ends.
func (b *base) estimate(th *thresholds) {
	if b.estimated {
		return
	}
	b.estimated = true
	b.median = quantile(b.sorted, 0.5)
	both := max(th.Noise, math.Log1p(th.Jitter*math.Exp(-b.median)), perMAD*deviation(b.sorted, b.median),
		(quantile(b.sorted, 0.75)-quantile(b.sorted, 0.25))/perQuartile)
	b.up = max(both, (quantile(b.sorted, 0.9)-b.median)/perDecile)
	b.down = max(b.up, (b.median-quantile(b.sorted, 0.1))/perDecile)
}

// ordinary says whether a level is surely not conspicuous, by the parts of the spreads that cost little to work out. Most
// levels are ordinary, so this saves most of the time that judging takes.
func (b *base) ordinary(level float64, th *thresholds) bool {
	middle, reach := quantile(b.sorted, 0.5), th.reach[b.n()]
	up := max(th.Noise, (quantile(b.sorted, 0.9)-middle)/perDecile)
	return math.Abs(level-middle) <= max(th.lnSuspect, reach*up)
}

// quantile interpolates between the two values that are nearest to the quantile p of sorted values (type 7 of Hyndman and
// Fan, as in numpy and R), which gonum does not have.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// deviation returns the median of the absolute differences of sorted values from their median. It walks outwards from
// the middle, always to the nearer side, so that nothing has to be sorted.
func deviation(sorted []float64, median float64) float64 {
	n := len(sorted)
	above, _ := slices.BinarySearch(sorted, median)
	below := above - 1
	var last, before float64
	for range n/2 + 1 {
		before = last
		if above >= n || below >= 0 && median-sorted[below] <= sorted[above]-median {
			last = median - sorted[below]
			below--
		} else {
			last = sorted[above] - median
			above++
		}
	}
	if n%2 == 1 {
		return last
	}
	return (before + last) / 2
}

// median returns the median of values, which it sorts.
func median(values []float64) float64 {
	slices.Sort(values)
	return quantile(values, 0.5)
}

// selected returns the median of values, which it rearranges. It takes time in proportion to their number.
func selected(v []float64) float64 {
	k := len(v) / 2
	high := nth(v, k)
	if len(v)%2 == 1 {
		return high
	}
	return (slices.Max(v[:k]) + high) / 2
}

// nth returns the k-th smallest value, and puts the smaller ones before it (Hoare's quickselect).
func nth(v []float64, k int) float64 {
	for low, high := 0, len(v)-1; low < high; {
		pivot := v[low+(high-low)/2]
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return v[k]
		}
	}
	return v[k]
}

// numbers returns the numbers from 0 to n - 1.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
