package web

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// compared are the values of the parameter metric, and comparedNames the names of the metrics, in the order of [past].
var (
	compared      = []string{"wall", "cpu", "mem"}
	comparedNames = []string{monitor.MetricTotalTime, monitor.MetricCPUTime, monitor.MetricMemUsage}
)

// What counts as noise: less than the spread of a test in the base and the runs before it, less than a tenth of its value, or
// less than what clocks and pages tell apart. With few runs the spread says little, so it is less than three tenths.
const (
	noisePart    = 0.1
	noiseFewPart = 0.3
	fewRuns      = 3
	noiseSeconds = 0.002
	noiseMiB     = 1.0
)

// comparison is a test in two runs.
type comparison struct {
	*testRow                // in the head
	Base     monitor.Number `json:"base"`
	Head     monitor.Number `json:"head"`
	Change   monitor.Number `json:"head_to_base"` // ratio
	Times    monitor.Number `json:"times_noise"`  // difference, as a multiple of the noise; negative for a lower value
	Verdict  string         `json:"verdict"`      // of the kept report on the head about this metric; "" for none
	Trend    line           `json:"-"`

	of *test
}

// beyond says whether the difference is more than noise.
func (c *comparison) beyond() bool { return math.Abs(float64(c.Times)) > 1 }

// join finds the tests of two runs.
type join struct {
	measure int  // index into compared
	apart   bool // the runs have no class of machine in common, so it is not compared

	added, gone []*test // by name
	unknown     int
	base, head  monitor.Number // sums
}

// joinSeed makes the hashes of tests.
var joinSeed = maphash.MakeSeed()

type joinKey struct {
	beforeKey
	occurrence int
}

func keyOf(t *test, apart bool) joinKey {
	if apart {
		return joinKey{beforeKey{t.Series, ""}, t.Occurrence}
	}
	return joinKey{beforeKey{t.Series, t.Env}, t.Occurrence}
}

// testIndex finds the tests of a snapshot by the hashes of their keys.
type testIndex struct {
	hashes []uint64 // of the tests, in their order
	at     map[uint64]int32
}

// index returns the index with or without the class of machine in the keys. It is made once.
func (s *snapshot) index(apart bool) *testIndex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[apart] == nil {
		x := &testIndex{make([]uint64, len(s.tests)), make(map[uint64]int32, len(s.tests))}
		for i := range s.tests {
			x.hashes[i] = maphash.Comparable(joinSeed, keyOf(&s.tests[i], apart))
			x.at[x.hashes[i]] = int32(i)
		}
		s.byKey[apart] = x
	}
	return s.byKey[apart]
}

// compare calls take with the tests that both runs have and measured.
func (j *join) compare(base, head *snapshot, take func(c *comparison)) {
	known, found := base.index(j.apart).at, make([]bool, len(base.tests))
	for i, hash := range head.index(j.apart).hashes {
		t := &head.tests[i]
		at, ok := known[hash]
		if !ok {
			j.added = append(j.added, t)
			continue
		}
		before := &base.tests[at]
		found[at] = true
		a, b := valueAt(before, j.measure), valueAt(t, j.measure)
		if math.IsNaN(a) || math.IsNaN(b) {
			j.unknown++
			continue
		}
		j.base, j.head = j.base+monitor.Number(a), j.head+monitor.Number(b)
		take(&comparison{Base: monitor.Number(a), Head: monitor.Number(b), Change: monitor.Number(b / a),
			Times: monitor.Number((b - a) / noise(before, base.compare, j.measure)), of: t})
	}
	for i := range base.tests {
		if !found[i] {
			j.gone = append(j.gone, &base.tests[i])
		}
	}
	for _, list := range [][]*test{j.added, j.gone} {
		slices.SortFunc(list, func(a, b *test) int { return strings.Compare(a.find, b.find) })
	}
}

// valueAt returns the value of a metric, by its index into compared; NaN when absent or when the test failed.
func valueAt(t *test, measure int) float64 {
	if t.Status == "failed" {
		return math.NaN()
	}
	return [3]float64{t.TotalTime, t.CPUTime, t.MemUsage}[measure]
}

// noise returns how much a metric of a test differs for no reason.
func noise(t *test, runs, measure int) float64 {
	value := valueAt(t, measure)
	part, least, spread := noisePart, noiseSeconds, 0.0
	if runs < fewRuns {
		part = noiseFewPart
	}
	if measure == 2 {
		least = noiseMiB
	}
	if p := t.Past; p != nil && p.least[measure] <= p.most[measure] {
		spread = max(value, p.most[measure]) - min(value, p.least[measure])
	}
	return max(spread, part*math.Abs(value), least)
}

// compareFilter chooses tests.
type compareFilter struct {
	only  string
	words []string
	min   float64 // ratio or its inverse, at least
}

func (f *compareFilter) takes(c *comparison) bool {
	switch {
	case f.only == onlyWorse && c.Times < 0, f.only == onlyBetter && c.Times > 0, f.only != onlyAll && !c.beyond():
		return false
	}
	if ratio := float64(c.Change); f.min > 1 && !(ratio >= f.min || ratio <= 1/f.min) {
		return false
	}
	for _, w := range f.words {
		if !strings.Contains(c.of.find, w) {
			return false
		}
	}
	return true
}

// count counts a test by how it differs.
func (d *comparePage) count(c *comparison) {
	switch {
	case !c.beyond():
		d.Within++
	case c.Times > 0:
		d.Worse++
	default:
		d.Better++
	}
}

// sortComparisons puts what is worse first, by ratio.
func sortComparisons(chosen []*comparison) {
	slices.SortFunc(chosen, func(a, b *comparison) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.distance(), a.distance()), strings.Compare(a.of.find, b.of.find))
	})
}

// rank puts what is worse before what is better, and that before noise.
func (c *comparison) rank() int {
	switch {
	case !c.beyond():
		return 2
	case c.Times < 0:
		return 1
	}
	return 0
}

// distance is how far the ratio is from 1, in either direction.
func (c *comparison) distance() float64 { return math.Abs(math.Log(float64(c.Change))) }

// compareTable is a comparison as CSV.
func compareTable(d *comparePage) *table {
	t := &table{Header: []string{"item_fs_loc", "component", "item_path", "item", "item_variant", "kind", "env", "metric", "base", "head", "ratio",
		"times_noise", "verdict"}}
	for _, c := range d.Rows {
		t.Rows = append(t.Rows, []string{c.File, c.Test.Component, c.Test.ItemPath, c.Test.Item, c.Test.ItemVariant, c.Test.Kind, c.Env, d.Metric,
			numberText(c.Base), numberText(c.Head), numberText(c.Change), numberText(c.Times), c.Verdict})
	}
	return t
}
