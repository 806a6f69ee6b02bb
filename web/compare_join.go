package web

import (
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// compared are the values of the parameter metric, and comparedNames the names of the metrics.
var (
	compared      = []string{"wall", "cpu", "mem"}
	comparedNames = []string{monitor.MetricTotalTime, monitor.MetricCPUTime, monitor.MetricMemUsage}
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
	measure  int // index into [monitor.JudgedMetrics]
	detector Detector
	apart    bool // the runs have no class of machine in common, so it is not compared

	added, gone []*test // by name
	unknown     int
	base, head  monitor.Number // sums
}

type joinKey struct {
	name       testName
	env        string
	occurrence int
}

func keyOf(t *test, apart bool) joinKey {
	if apart {
		return joinKey{t.testName, "", t.Occurrence}
	}
	return joinKey{t.testName, t.Env, t.Occurrence}
}

// index finds tests by their keys, with or without the class of machine. It is made once.
func (s *snapshot) index(apart bool) map[joinKey]int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[apart] == nil {
		s.byKey[apart] = make(map[joinKey]int32, len(s.tests))
		for i := range s.tests {
			s.byKey[apart][keyOf(&s.tests[i], apart)] = int32(i)
		}
	}
	return s.byKey[apart]
}

// compare calls take with the tests that both runs have and measured.
func (j *join) compare(base, head *snapshot, take func(c comparison)) {
	known, found, noises := base.index(j.apart), make([]bool, len(base.tests)), base.noise(j.detector, j.measure)
	for i := range head.tests {
		t := &head.tests[i]
		at, ok := known[keyOf(t, j.apart)]
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
		take(comparison{Base: monitor.Number(a), Head: monitor.Number(b), Change: monitor.Number(b / a),
			Times: monitor.Number(noises[at].times(b - a)), of: t})
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

// valueAt returns the value of a metric, by its index into [monitor.JudgedMetrics]; NaN when absent or when the test failed.
func valueAt(t *test, measure int) float64 {
	if t.Status == "failed" {
		return math.NaN()
	}
	return monitor.JudgedValue(monitor.JudgedMetrics[measure].Name, t.TotalTime, t.CPUTime, t.MemUsage)
}

// noise is how much a metric of a test may be below or above what is usual for no reason.
type noise struct{ below, above float32 }

// noise returns the noise of a metric of all tests, by this run and the runs before it. It is made once.
func (s *snapshot) noise(d Detector, measure int) []noise {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noises[measure] == nil {
		all := make([]noise, len(s.tests))
		values := make([]float64, earlierRuns+1)
		for i := range s.tests {
			t := &s.tests[i]
			values[earlierRuns] = valueAt(t, measure)
			for n, v := range t.past[measure] {
				values[n] = float64(v)
			}
			low, usual, high := d.Usual(t.Env, monitor.JudgedMetrics[measure].Name, values)
			all[i] = noise{float32(usual - low), float32(high - usual)}
		}
		s.noises[measure] = all
	}
	return s.noises[measure]
}

// times returns a difference as a multiple of the noise; negative for a lower value.
func (n noise) times(difference float64) float64 {
	if difference < 0 {
		return difference / float64(n.below)
	}
	return difference / float64(n.above)
}

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
	return c.of.has(f.words)
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

func compareTable(d *comparePage) *table {
	t := &table{Header: []string{"item_fs_loc", "component", "item_path", "item", "item_variant", "kind", "env", "metric", "base", "head", "ratio",
		"times_noise", "verdict"}}
	for _, c := range d.Rows {
		t.Rows = append(t.Rows, []string{c.File, c.Test.Component, c.Test.ItemPath, c.Test.Item, c.Test.ItemVariant, c.Test.Kind, c.Env, d.Metric,
			numberText(c.Base), numberText(c.Head), numberText(c.Change), numberText(c.Times), c.Verdict})
	}
	return t
}
