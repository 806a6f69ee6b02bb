package budget

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

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
	runs map[string][]*jobRun // by job, in the order in which they began
	peak map[string]*float64  // MiB, by job
}

// Run is a run of a report. Ended is the end of its last test.
type Run struct {
	ID             string
	Started, Ended time.Time
}

// jobRun is what a run measured on one class of machine. Several tests of a run may have one name, since pytest-monitor leaves classes
// out.
type jobRun struct {
	id string
	monitor.JobRun[string, *amounts]
}

type amounts struct{ sum, most values }

// NewTally returns a tally without tests.
func NewTally(f *File) *Tally {
	return &Tally{file: f, runs: map[string][]*jobRun{}, peak: map[string]*float64{}}
}

// Add adds a test of a run. Runs are added in the order in which they began. Those on one branch and class of machine are one job. What
// one run measured of a test adds up, also in several sessions, as the workers of pytest-xdist are. Only tests that passed count.
func (t *Tally) Add(run Run, job string, o *monitor.Outcome) {
	if o.Outcome != monitor.Passed && o.Outcome != monitor.XPassed {
		return
	}
	runs := t.runs[job]
	if n := len(runs); n == 0 || runs[n-1].id != run.ID {
		runs = append(runs, &jobRun{id: run.ID, JobRun: monitor.JobRun[string, *amounts]{Began: run.Started.UnixNano(), Ended: run.Ended.UnixNano(),
			Tests: map[string]*amounts{}}})
		t.runs[job] = runs
	}
	v := values{o.TotalTime, o.UserTime + o.KernelTime, o.MemUsage}
	at(runs[len(runs)-1].Tests, o.NodeID, unknown).join(&amounts{v, v}, sum, math.Max)
	peak := at(t.peak, job, math.NaN())
	for _, v := range [...]float64{o.MemPeak, o.MemUsage} {
		*peak = joined(*peak, max(v, 0), math.Max)
	}
}

var unknown = amounts{unmeasured, unmeasured}

func (a *amounts) join(with *amounts, sum, most func(a, b float64) float64) {
	a.sum, a.most = a.sum.joined(with.sum, sum), a.most.joined(with.most, most)
}

// at returns the value of a key. A new key has the value first.
func at[K comparable, V any](all map[K]*V, key K, first V) *V {
	if all[key] == nil {
		all[key] = &first
	}
	return all[key]
}

// measured returns what some runs of one job measured. Where a run repeats another one, the lower value of a test counts: a machine only
// adds to what a test needs. Otherwise the runs are shards, or did the same in other ways, and the higher value counts.
func measured(runs []*jobRun) map[string]*amounts {
	var parts []*monitor.JobRun[string, *amounts]
	for _, run := range runs {
		r := &monitor.JobRun[string, *amounts]{Began: run.Began, Ended: run.Ended, Tests: map[string]*amounts{}}
		joinAll(r.Tests, run.Tests, sum) // a copy
		before, others := map[string]*amounts{}, parts[:0:0]
		for i, again := range r.Repeats(parts) {
			if again {
				joinAll(before, parts[i].Tests, math.Max)
			} else {
				others = append(others, parts[i])
			}
		}
		joinAll(r.Tests, before, math.Min)
		parts = append(others, r)
	}
	all := map[string]*amounts{}
	for _, part := range parts {
		joinAll(all, part.Tests, math.Max)
	}
	return all
}

func joinAll(tests, others map[string]*amounts, how func(a, b float64) float64) {
	for name, a := range others {
		at(tests, name, unknown).join(a, how, how)
	}
}

// Budget compares. Of several jobs the worst counts.
func (t *Tally) Budget() *monitor.Budget {
	worst, all := map[string]*values{}, unmeasured
	for job, runs := range t.runs {
		total := unmeasured
		for name, a := range measured(runs) {
			w := at(worst, name, unmeasured)
			*w, total = w.joined(a.most, math.Max), total.joined(a.sum, sum)
		}
		total[2] = *t.peak[job]
		all = all.joined(total, math.Max)
	}
	return t.file.compare(worst, all)
}

// compare compares the values of tests, by name, and of all together with the limits.
func (f *File) compare(tests map[string]*values, total values) *monitor.Budget {
	b := &monitor.Budget{Uses: []monitor.BudgetUse{}, Unmatched: []string{}}
	b.Limits += take(b, "", f.total.bounds(""), total)
	matched := map[pattern]bool{}
	for name, value := range tests {
		var of [len(metrics)]bound
		for _, r := range f.tests { // the last one that has a limit counts
			if r.match.matches(name) {
				matched[r.pattern] = true
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
		if !matched[r.pattern] {
			b.Unmatched, matched[r.pattern] = append(b.Unmatched, string(r.pattern)), true // once
		}
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
