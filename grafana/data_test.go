package grafana_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// The history of [realistic] is between these times.
var (
	from = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC)
)

const (
	project   = "webshop"
	runCount  = 30
	slowSince = 20 // from this run on, slowTest takes 2.3 times as long
	fatSince  = 16 // from this run on, fatTest uses three times the memory
	slowTest  = "test_pay_by_card[visa]"
	fatTest   = "test_bulk_import[10000 rows]"
	fastSince = 9 // from this run on, fastTest takes 60 % of its time
	fastTest  = "test_rebuild"
	retryTest = "test_refund[twice]" // in every eighth run it passes at the second attempt
	mixedTest = "test_refund[full]"  // in every twelfth run it fails, and in the next run of the same commit it passes
	brokeTest = "test_health"        // it always fails
	slowRun   = 13                   // in this run the machine is slow: every test takes 1.5 times as long
	mainEnv   = "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11"
	otherEnv  = "Linux-aarch64 4x Neoverse-N1 16G py3.12"
)

// history has the test runs of a month: a text in line protocol for each bucket.
type history struct {
	metrics, metadata strings.Builder
	records           []*monitor.Record // the accepted records that the lines come from
	random            *rand.Rand
	tests             []test
	runs              []string
	origins           []monitor.Origin // of each run
	starts            []time.Time
}

// test is a test of the suite with its usual wall time in seconds, CPU use and memory in MiB.
type test struct {
	component, path, item, variant string
	seconds, cpu, memory           float64
}

// realistic returns a history of runs of two projects on two classes of machine. One test becomes slow, another test uses
// more memory, and tests are added. Every call returns the same history.
func realistic() *history {
	h := &history{random: rand.New(rand.NewPCG(7, 11))}
	h.suite()
	for n := range runCount {
		h.run(n, project)
	}
	h.run(runCount, "billing")
	h.verdicts()
	return h
}

// store writes the history to two new buckets and returns their names.
func (h *history) store(tb testing.TB, db *harness.Influx) (metrics, metadata string) {
	tb.Helper()
	metrics, metadata = db.NewBucket("pytest", 0), db.NewBucket("pytest_meta", 0)
	db.Write(metrics, h.metrics.String())
	db.Write(metadata, h.metadata.String())
	return metrics, metadata
}

// suite adds the tests. Their ids have characters with a meaning in line protocol, Flux or regular expressions.
func (h *history) suite() {
	add := func(component, module, item string, seconds, memory float64, ids ...string) {
		for _, id := range ids {
			variant := item
			if id != "" {
				variant += "[" + id + "]"
			}
			h.tests = append(h.tests, test{component, module, item, variant,
				seconds * (0.7 + 0.6*h.random.Float64()), 0.2 + 0.7*h.random.Float64(), memory * (0.5 + h.random.Float64())})
		}
	}
	add("checkout", "tests.checkout.test_payment", "test_pay_by_card", 2.4, 22, "visa", "mastercard", "expired")
	add("checkout", "tests.checkout.test_payment", "test_refund", 0.9, 18, "full", "partial", "twice")
	add("catalog", "tests.catalog.test_import", "test_bulk_import", 6.5, 45, "100 rows", "10000 rows")
	add("catalog", "tests.catalog.test_listing", "test_filter", 0.25, 14, `colour=red, size="L"`, "a/b", `C:\dir`, "100%", "naïve ✓")
	add("catalog", "tests.catalog.test_template", "test_render", 0.12, 9, "${name}", "{{ name }}", "a|b", "^$", "line\nbreak")
	add("search", "tests.search.test_index", "test_rebuild", 11, 60, "")
	add("", "tests.test_smoke", "test_health", 0.04, 3, "")
	for n := range 40 {
		components := []string{"account", "cart", "catalog", "search"}
		component := components[n%len(components)]
		add(component, "tests."+component+".test_api", fmt.Sprintf("test_endpoint_%02d", n), 0.05*math.Pow(1.11, float64(n)), 8, "")
	}
}

// run adds run number n. It has two sessions that share the tests, as with pytest-xdist.
func (h *history) run(n int, project string) {
	id := digest("run", n)
	h.runs = append(h.runs, id)
	start := from.Add(30 * time.Hour).Add(time.Duration(n) * 23 * time.Hour)
	origin := monitor.Origin{Env: mainEnv, Run: id, ScmRef: digest("commit", n) + digest("more", n)[:8], Branch: "main", Build: fmt.Sprint(1400 + n)}
	switch n % 7 {
	case 3:
		origin.Env = otherEnv
	case 5:
		origin.Branch = "feature/checkout-speed"
	}
	h.origins, h.starts = append(h.origins, origin), append(h.starts, start)
	clocks := [2]time.Time{start.Add(2 * time.Second), start.Add(2100 * time.Millisecond)}
	for worker := range clocks {
		h.session(project, n, worker, start, origin)
	}
	for i, test := range h.tests[:len(h.tests)-runCount/2+(n+1)/2] { // two runs bring one new test
		worker := i % len(clocks)
		m := h.measure(n, worker, test, clocks[worker])
		clocks[worker] = clocks[worker].Add(time.Duration(m.TotalTime*1e9) + 3*time.Millisecond)
		h.line(&h.metrics, &monitor.Point{Record: &monitor.Record{Project: project, Metric: m}, Origin: origin})
	}
	h.modules(project, n, clocks[0], origin)
	origin.ScmRef = digest("commit", n-n%2) // two runs of each commit
	for i, test := range h.tests[:20] {
		h.outcome(project, n, test, start.Add(time.Duration(i)*time.Second), origin)
	}
}

// outcome adds what became of a test.
func (h *history) outcome(project string, n int, t test, at time.Time, origin monitor.Origin) {
	m := &monitor.Metric{SessionH: digest("session", n, 0), ContextH: digest("context", n), Kind: "function", Component: t.component,
		ItemPath: t.path, Item: t.item, ItemVariant: t.variant, ItemFSLoc: strings.ReplaceAll(t.path, ".", "/") + ".py", TotalTime: t.seconds}
	o := &monitor.Outcome{Metric: *startAt(m, at), NodeID: m.ItemFSLoc + "::" + t.variant, Outcome: monitor.Passed, Attempts: 1}
	switch {
	case t.variant == retryTest && n%8 == 7:
		o.Attempts = 2
	case t.variant == mixedTest && n%12 == 0, t.variant == brokeTest:
		o.Outcome = monitor.OutcomeFailed
	case t.variant == slowTest && n%5 == 0:
		o.Outcome = "skipped"
	}
	h.line(&h.metrics, &monitor.Point{Record: &monitor.Record{Project: project, Outcome: o}, Origin: origin})
}

// measure returns one measurement of a test: its usual values with noise and with the changes of the history.
func (h *history) measure(n, worker int, t test, at time.Time) *monitor.Metric {
	seconds, memory := t.seconds*math.Exp(0.05*h.random.NormFloat64()), t.memory*(1+0.01*h.random.NormFloat64())
	if t.variant == slowTest && n >= slowSince {
		seconds *= 2.3
	}
	if t.variant == fatTest && n >= fatSince {
		memory *= 3
	}
	if t.variant == fastTest && n >= fastSince {
		seconds *= 0.6
	}
	if n == slowRun {
		seconds *= 1.5
	}
	cpu := math.Round(seconds*t.cpu*100) / 100
	m := &monitor.Metric{
		SessionH: digest("session", n, worker), ContextH: digest("context", n), Kind: "function", Component: t.component,
		ItemPath: t.path, Item: t.item, ItemVariant: t.variant, ItemFSLoc: strings.ReplaceAll(t.path, ".", "/") + ".py",
		TotalTime: seconds, UserTime: cpu * 0.875, KernelTime: cpu * 0.125, CPUUsage: cpu / seconds, MemUsage: memory,
	}
	return startAt(m, at)
}

// modules adds a measurement for each module of a run.
func (h *history) modules(project string, n int, at time.Time, origin monitor.Origin) {
	seen := map[string]bool{}
	for _, t := range h.tests {
		if seen[t.path] {
			continue
		}
		seen[t.path] = true
		name := t.path[strings.LastIndex(t.path, ".")+1:]
		m := h.measure(n, 0, test{t.component, t.path[:strings.LastIndex(t.path, ".")], name, "", 10 * t.seconds, t.cpu, t.memory}, at)
		m.Kind = "module"
		h.line(&h.metrics, &monitor.Point{Record: &monitor.Record{Project: project, Metric: m}, Origin: origin})
	}
}

// session adds the session and, for the first worker, the context of a run.
func (h *history) session(project string, n, worker int, start time.Time, origin monitor.Origin) {
	s := &monitor.Session{
		SessionH: digest("session", n, worker), RunDate: start.Format("2006-01-02T15:04:05"), ScmRef: monitor.Text{String: origin.ScmRef},
		Description: fmt.Sprintf(`{"description": "nightly", "run": "%s"}`, origin.Run), Run: origin.Run, Branch: origin.Branch, Build: origin.Build,
		Start: monitor.Instant{UTC: start.UnixNano() + int64(worker)},
	}
	c := &monitor.Context{H: digest("context", n), CPUCount: 8, CPUFrequency: 2300 + float64(n)/10, CPUVendor: monitor.Text{String: "Intel(R) Xeon(R) CPU @ 2.30GHz"},
		RAMTotal: 32000, MachineNode: fmt.Sprintf("runner-%d", n), MachineType: "x86_64", MachineArch: "64bit",
		SystemInfo: "Linux - 6.1.0", PythonInfo: "3.11.7", Env: origin.Env}
	h.line(&h.metadata, &monitor.Point{Record: &monitor.Record{Project: project, Received: start, Session: s}})
	if worker == 0 {
		h.line(&h.metadata, &monitor.Point{Record: &monitor.Record{Project: project, Received: start, Context: c}})
	}
}

// line adds a point to the text for a bucket.
func (h *history) line(b *strings.Builder, p *monitor.Point) {
	b.Write(influx.AppendLine(nil, p))
	b.WriteByte('\n')
	h.records = append(h.records, p.Record)
}

// startAt sets the start of a metric, as a client in UTC and the journal do.
func startAt(m *monitor.Metric, at time.Time) *monitor.Metric {
	m.At = monitor.Instant{UTC: at.UnixMicro() * 1000}
	m.ItemStartTime = m.At.LocalText()
	m.At.UTC = monitor.PointTime(m.At, monitor.RecordHash(project, m))
	return m
}

// digest returns the MD5 sum of what in hexadecimal digits, like a hash of pytest-monitor.
func digest(what ...any) string {
	sum := md5.Sum([]byte(fmt.Sprint(what...)))
	return hex.EncodeToString(sum[:])
}

// totals has sums over the tests of one run.
type totals struct {
	start                time.Time
	tests                int
	seconds, cpu, memory float64
}

// total returns the sums of run number n.
func (h *history) total(n int) totals {
	var sum totals
	for _, r := range h.records {
		m := r.Metric
		if m == nil || m.Kind != "function" || m.ContextH != digest("context", n) {
			continue
		}
		if at := m.At.Time(); sum.tests == 0 || at.Before(sum.start) {
			sum.start = at
		}
		sum.tests++
		sum.seconds += m.TotalTime
		sum.cpu += m.UserTime + m.KernelTime
		sum.memory = max(sum.memory, m.MemUsage)
	}
	return sum
}
