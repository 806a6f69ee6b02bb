package storetest

import (
	"cmp"
	"fmt"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// laterFirst orders runs as [monitor.HistoryStore] lists them.
func laterFirst(a, b *monitor.RunInfo) int {
	return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(a.ID, b.ID))
}

// history returns the records of [data.records] and then the runs of three suites. Each run of a suite has the same
// tests.
func (d *data) history() []*monitor.Record {
	d.records()
	d.now = begin.Add(30 * 24 * time.Hour)
	suites := make(map[string][]monitor.Metric)
	for _, project := range projects {
		for range 12 {
			d.metric(project, "a session that never comes", "")
			suites[project] = append(suites[project], *d.out[len(d.out)-1].Metric)
		}
	}
	for run := range 12 {
		for _, project := range projects {
			d.run(project, run, suites[project])
		}
		d.now = d.now.Add(time.Duration(1+d.random.IntN(20)) * time.Hour)
	}
	d.tieRuns("shop")
	return d.out
}

// run adds a run of one or more sessions with their metrics. The sessions have the same hashes in all projects. One of
// several sessions may have no metrics. The session that started first may not be accepted first.
func (d *data) run(project string, n int, suite []monitor.Metric) {
	context := d.context(project, 100+n)
	branch := pick(d.random, []string{"main", "main", "", "feature/x", pick(d.random, syntax)})
	var sessions []string
	for i := range 1 + n%3 {
		h := fmt.Sprintf("%s-%x", hash("r", n), i)
		sessions = append(sessions, h)
		description := fmt.Sprintf(`{"run": "run-%d", "branch": %s, "pipeline_build_no": "%d", "part": %d%s}`, n, quoted(branch), n, i,
			pick(d.random, []string{"", `, "machine": "ci-large"`}))
		ref := monitor.Text{String: pick(d.random, []string{fmt.Sprintf("c0ffee%d", n/2), "", pick(d.random, syntax)})}
		start := d.now.Add(time.Duration(d.random.IntN(20)) * time.Second)
		marks := monitor.Marks{Completion: pick(d.random, []monitor.Completion{"", monitor.Complete, monitor.Complete, monitor.Complete, monitor.Partial}),
			Method: pick(d.random, []string{"", "", "m2"})}
		d.add(project, &monitor.Session{SessionH: h, RunDate: clock(start), ScmRef: ref, Description: description,
			Tags: wire.ParseDescription(description), Marks: marks})
		branch = pick(d.random, []string{branch, "other"})
	}
	for _, test := range suite {
		for range pick(d.random, []int{0, 1, 1, 1, 1, 1, 3}) { // a test may run several times
			test.SessionH, test.ContextH = pick(d.random, sessions), pick(d.random, []string{context, context, context, "unknown"})
			test.ItemStartTime = clock(d.now)
			test.TotalTime, test.UserTime, test.KernelTime, test.MemUsage = d.random.Float64(), d.float(), d.float(), d.float()
			m := test
			d.add(project, &m)
			if d.random.IntN(10) == 0 {
				d.again(&m)
			}
		}
	}
}

// tieRuns adds runs of one project that start in the same nanosecond. Their hashes differ in the first two digits,
// since InfluxDB cannot have two sessions with the same time and the same first two digits.
func (d *data) tieRuns(project string) {
	name := func(i int) string { return fmt.Sprintf("%02xtied%d", i%256, i) }
	digits := func(i int) int64 { return monitor.HashMod(monitor.HashOf(project, name(i)), 1000) }
	start := d.now
	for i, found := 0, 0; found < 3; i++ {
		if digits(i) != digits(0) {
			continue
		}
		found++
		description := fmt.Sprintf(`{"run": "tied-%d"}`, 9-found)
		d.add(project, &monitor.Session{SessionH: name(i), RunDate: clock(start), Description: description,
			Tags: wire.ParseDescription(description)})
	}
}
