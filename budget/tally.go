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

// values are seconds of wall time, seconds of CPU time, and MiB.
type values [len(metrics)]float64

// Tally takes the tests of the runs of a report, and compares them with the limits of a file.
type Tally struct {
	file *File
	seen map[measurement]*amounts
	peak map[string]float64 // MiB, by job
}

// measurement is a test that a run measured. Several tests of a run may have one name, since pytest-monitor leaves classes out.
type measurement struct{ run, job, test string }

type amounts struct{ sum, most values }

// NewTally returns a tally without tests.
func NewTally(f *File) *Tally {
	return &Tally{file: f, seen: map[measurement]*amounts{}, peak: map[string]float64{}}
}

// Add adds a test of a run. Runs of one job are one: a test that they measured again counts once. What one run measured of a test
// adds up, also in several sessions, as the workers of pytest-xdist are. Only tests that passed count.
func (t *Tally) Add(run, job string, o *monitor.Outcome) {
	if o.Outcome != monitor.Passed && o.Outcome != monitor.XPassed {
		return
	}
	key := measurement{run, job, o.NodeID}
	a := t.seen[key]
	if a == nil {
		a = new(amounts)
		t.seen[key] = a
	}
	for i, v := range [...]float64{o.TotalTime, o.UserTime + o.KernelTime, o.MemUsage} {
		if !math.IsNaN(v) {
			a.sum[i], a.most[i] = a.sum[i]+v, max(a.most[i], v)
		}
	}
	for _, v := range [...]float64{o.MemPeak, o.MemUsage} {
		if v > t.peak[job] { // not NaN
			t.peak[job] = v
		}
	}
}

// Budget compares. Where several runs of a job measured a test, the lowest value counts: a machine only adds to what a test
// needs. Of several jobs the worst counts.
func (t *Tally) Budget() *monitor.Budget {
	type test struct{ job, name string }
	lowest := map[test]*amounts{}
	for key, a := range t.seen {
		of := test{key.job, key.test}
		known := lowest[of]
		if known == nil {
			first := *a
			lowest[of] = &first
			continue
		}
		for i := range metrics {
			known.sum[i], known.most[i] = min(known.sum[i], a.sum[i]), min(known.most[i], a.most[i])
		}
	}
	worst, totals := map[string]values{}, map[string]*values{}
	for of, a := range lowest {
		worst[of.name] = greater(worst[of.name], a.most)
		total := totals[of.job]
		if total == nil {
			total = new(values)
			totals[of.job] = total
		}
		total[0], total[1] = total[0]+a.sum[0], total[1]+a.sum[1]
	}
	var all values
	for job, total := range totals {
		total[2] = t.peak[job]
		all = greater(all, *total)
	}
	return t.file.compare(worst, all)
}

func greater(a, b values) values {
	for i := range a {
		a[i] = max(a[i], b[i])
	}
	return a
}

// compare compares the values of tests, by name, and of all together with the limits.
func (f *File) compare(tests map[string]values, total values) *monitor.Budget {
	b := &monitor.Budget{Uses: []monitor.BudgetUse{}, Unmatched: []string{}}
	if len(tests) > 0 {
		b.Limits += take(b, "", f.Total.bounds(""), total)
	}
	for name, value := range tests {
		var of [len(metrics)]bound
		for i := range f.Tests { // the last one that has a limit counts
			r := &f.Tests[i]
			if r.match.MatchString(name) {
				r.matched = true
				for metric, own := range r.bounds(r.Pattern) {
					if own.limit > 0 {
						of[metric] = own
					}
				}
			}
		}
		b.Limits += take(b, name, of, value)
	}
	for i := range f.Tests {
		r := &f.Tests[i]
		if !r.matched && !slices.Contains(b.Unmatched, r.Pattern) {
			b.Unmatched = append(b.Unmatched, r.Pattern)
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
	for i, limit := range [...]float64{float64(l.WallTime), float64(l.CPUTime), float64(l.Memory)} {
		all[i] = bound{limit, pattern}
	}
	return all
}

// take compares the values of a test, or of all where it has no name, and returns how many have a limit.
func take(b *monitor.Budget, test string, of [len(metrics)]bound, value values) (limits int) {
	for i, metric := range metrics {
		if of[i].limit == 0 {
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
