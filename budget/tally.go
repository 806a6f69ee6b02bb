package budget

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// near is the share of a limit from which a value is shown before it exceeds the limit.
const near = 0.8

// metrics has the names of the metrics in the order of [values].
var metrics = [...]string{monitor.MetricTotalTime, monitor.MetricCPUTime, monitor.MetricMemUsage}

// values are seconds of wall time, seconds of CPU time, and MiB. What was not measured is NaN.
type values [len(metrics)]float64

// unmeasured has no value of any metric.
var unmeasured = values{math.NaN(), math.NaN(), math.NaN()}

// joined joins the values that were measured.
func (v values) joined(with values, how func(a, b float64) float64) values {
	for i, other := range with {
		v[i] = joined(v[i], other, how)
	}
	return v
}

func joined(a, b float64, how func(a, b float64) float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return how(a, b)
}

func sum(a, b float64) float64 { return a + b }

// Tally takes the tests of the runs of a report, and compares them with the limits of a file.
type Tally struct {
	file *File
	seen map[measurement]*amounts
	peak map[string]*float64 // MiB, by job
}

// measurement is a test that a run measured. Several tests of a run may have one name, since pytest-monitor leaves classes out.
type measurement struct{ run, job, test string }

type amounts struct{ sum, most values }

// NewTally returns a tally without tests.
func NewTally(f *File) *Tally {
	return &Tally{file: f, seen: map[measurement]*amounts{}, peak: map[string]*float64{}}
}

// Add adds a test of a run. Runs of one job are one: a test that they measured again counts once. What one run measured of a test
// adds up, also in several sessions, as the workers of pytest-xdist are. Only tests that passed count.
func (t *Tally) Add(run, job string, o *monitor.Outcome) {
	if o.Outcome != monitor.Passed && o.Outcome != monitor.XPassed {
		return
	}
	a := at(t.seen, measurement{run, job, o.NodeID}, amounts{unmeasured, unmeasured})
	v := values{o.TotalTime, o.UserTime + o.KernelTime, o.MemUsage}
	a.sum, a.most = a.sum.joined(v, sum), a.most.joined(v, math.Max)
	peak := at(t.peak, job, math.NaN())
	for _, v := range [...]float64{o.MemPeak, o.MemUsage} {
		*peak = joined(*peak, max(v, 0), math.Max)
	}
}

// at returns the value of a key. A new key has the value first.
func at[K comparable, V any](all map[K]*V, key K, first V) *V {
	if all[key] == nil {
		all[key] = &first
	}
	return all[key]
}

// Budget compares. Where several runs of a job measured a test, the lowest value counts: a machine only adds to what a test
// needs. Of several jobs the worst counts.
func (t *Tally) Budget() *monitor.Budget {
	type test struct{ job, name string }
	lowest := map[test]*amounts{}
	for key, a := range t.seen {
		known := at(lowest, test{key.job, key.test}, amounts{unmeasured, unmeasured})
		known.sum, known.most = known.sum.joined(a.sum, math.Min), known.most.joined(a.most, math.Min)
	}
	worst, totals := map[string]*values{}, map[string]*values{}
	for of, a := range lowest {
		w, total := at(worst, of.name, unmeasured), at(totals, of.job, unmeasured)
		*w, *total = w.joined(a.most, math.Max), total.joined(a.sum, sum)
	}
	all := unmeasured
	for job, total := range totals {
		total[2] = *t.peak[job]
		all = all.joined(*total, math.Max)
	}
	return t.file.compare(worst, all)
}

// compare compares the values of tests, by name, and of all together with the limits.
func (f *File) compare(tests map[string]*values, total values) *monitor.Budget {
	b := &monitor.Budget{Uses: []monitor.BudgetUse{}, Unmatched: []string{}}
	b.Limits += take(b, "", f.total.bounds(""), total)
	for name, value := range tests {
		var of [len(metrics)]bound
		for _, r := range f.tests { // the last one that has a limit counts
			if r.match.matches(name) {
				r.matched = true
				for metric, own := range r.bounds(string(r.pattern)) {
					if own.limit > 0 {
						of[metric] = own
					}
				}
			}
		}
		b.Limits += take(b, name, of, *value)
	}
	for _, r := range f.tests {
		if !r.matched && !slices.Contains(b.Unmatched, string(r.pattern)) {
			b.Unmatched = append(b.Unmatched, string(r.pattern))
		}
		r.matched = false
	}
	slices.SortFunc(b.Uses, func(x, y monitor.BudgetUse) int {
		return cmp.Or(cmp.Compare(y.Share, x.Share), strings.Compare(x.Test, y.Test), strings.Compare(x.Metric, y.Metric))
	})
	return b
}

// bound is a limit of a metric, and the pattern that it is from. The limit 0 is none.
type bound struct {
	limit   float64
	pattern string
}

func (l limits) bounds(pattern string) (all [len(metrics)]bound) {
	for i, limit := range [...]float64{float64(l.wallTime), float64(l.cpuTime), float64(l.memory)} {
		all[i] = bound{limit, pattern}
	}
	return all
}

// take compares the values of a test, or of all where it has no name, and returns how many were measured and have a limit.
func take(b *monitor.Budget, test string, of [len(metrics)]bound, value values) (limits int) {
	for i, metric := range metrics {
		if of[i].limit == 0 || math.IsNaN(value[i]) {
			continue
		}
		limits++
		u := monitor.BudgetUse{Test: test, Pattern: of[i].pattern, Metric: metric, Value: monitor.Number(value[i]),
			Limit: monitor.Number(of[i].limit), Share: monitor.Number(value[i] / of[i].limit)}
		if u.Exceeds() {
			b.Exceeded++
		}
		if u.Share >= near || test == "" {
			b.Uses = append(b.Uses, u)
		}
	}
	return limits
}
