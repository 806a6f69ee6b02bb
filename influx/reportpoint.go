package influx

import (
	"pymon-bridge/monitor"
)

// The measurements of reports, in the metrics bucket.
const (
	RegressionMeasurement = "regressions" // a test and metric of a run
	RunMeasurement        = "runs"        // a run
	MachineMeasurement    = "machines"    // a run on one class of machine
)

// reportPoint is one point of a report: that of a result, of a machine, or of the run where both are nil.
type reportPoint struct {
	*monitor.Report
	result  *monitor.Result
	machine *monitor.Machine
	page    string // address of the page of the test or the run; may be empty
}

// reportPoints returns the points of a report: of its results and of those that it takes back, of its machines, and
// last that of the run, when all that it sums up is there. bridge is where people reach the pages; empty for no links.
func reportPoints(r *monitor.Report, bridge string) []reportPoint {
	points := make([]reportPoint, 0, len(r.Results)+len(r.Retracted)+len(r.Suite.Machines)+1)
	for _, results := range [][]monitor.Result{r.Results, r.Retracted} {
		for i := range results {
			if status := results[i].Status; status.Notable() || status == monitor.StatusOK {
				page := monitor.PageURL(bridge, monitor.TestPath(r.Project, results[i].TestID))
				points = append(points, reportPoint{Report: r, result: &results[i], page: page})
			}
		}
	}
	for i := range r.Suite.Machines {
		points = append(points, reportPoint{Report: r, machine: &r.Suite.Machines[i]})
	}
	return append(points, reportPoint{Report: r, page: monitor.PageURL(bridge, monitor.RunPath(r.Project, r.Run))})
}

// reportTime returns the time of a report's points in nanoseconds since 1970: the run's start in microseconds, and
// digits that follow from its id, so that judging again overwrites. Tests of one id in a run have a time each.
func reportTime(r *monitor.Report, occurrence int) int64 {
	digits := monitor.HashMod(monitor.HashOf(r.Project, r.Run), 1000)
	return r.Started.UnixMicro()*1000 + (digits+int64(occurrence))%1000
}

func appendReportLine(dst []byte, p reportPoint) []byte {
	l := line{buf: dst}
	switch {
	case p.result != nil:
		l.result(p)
	case p.machine != nil:
		l.machine(p.Report, p.machine)
	default:
		l.run(p)
	}
	return l.buf
}

func (l *line) result(p reportPoint) {
	r, v := p.Report, p.result
	l.start(RegressionMeasurement)
	l.tag("component", v.Component)
	l.tag("env", v.Env)
	l.tag("item", v.Item)
	l.tag("item_path", v.ItemPath)
	l.tag("item_variant", v.ItemVariant)
	l.tag("kind", v.Kind)
	l.tag("metric", v.Metric)
	l.tag(tagProject, r.Project)
	l.text("status", string(v.Status))
	l.text("level", string(v.Level))
	if d := v.Drift; d != nil { // of the first level and the present one
		grown := *v
		grown.Baseline, grown.Value, grown.Ratio, grown.Delta = d.First, d.Now, d.Ratio, d.Now-d.First
		grown.P, grown.Q, grown.N = d.P, d.Q, d.Runs
		v = &grown
		l.float("rate", float64(d.Rate))
		l.text("since", d.Since.ScmRef)
	}
	l.float("baseline", float64(v.Baseline))
	l.float("limit", float64(v.Limit))
	l.float("value", float64(v.Value))
	l.float("delta", float64(v.Delta))
	l.float("ratio", float64(v.Ratio))
	l.float("p", float64(v.P))
	l.float("q", float64(v.Q))
	l.integer("n", int64(v.N))
	l.judged(r)
	l.text("against", r.Against)
	l.text("last_good", v.LastGood)
	l.text("first_bad", v.FirstBad)
	l.text("item_fs_loc", v.ItemFSLoc)
	l.page(p.page)
	l.end(reportTime(r, v.Occurrence))
}

func (l *line) machine(r *monitor.Report, m *monitor.Machine) {
	l.start(MachineMeasurement)
	l.tag("env", m.Env)
	l.tag(tagProject, r.Project)
	l.judged(r)
	l.text("status", string(m.Status))
	l.integer("tests", int64(m.Tests))
	l.float("total_time", m.TotalTime)
	l.float("cpu_time", m.CPUTime)
	l.offsets(m.Offset)
	l.end(reportTime(r, 0))
}

func (l *line) run(p reportPoint) {
	r := p.Report
	var total, cpu float64
	for _, m := range r.Suite.Machines {
		total += m.TotalTime
		cpu += m.CPUTime
	}
	l.start(RunMeasurement)
	l.tag(tagProject, r.Project)
	l.judged(r)
	l.text("against", r.Against)
	l.text("suite", string(r.Suite.Status))
	l.integer("sessions", int64(len(r.Sessions)))
	l.integer("baseline_runs", int64(r.BaselineRuns))
	l.integer("tests", int64(r.Summary.Tests))
	l.integer("learning", int64(r.Summary.Learning))
	l.integer("ok", int64(r.Summary.OK))
	l.integer("not_judged", int64(r.Summary.NotJudged))
	l.integer("suspects", int64(r.Summary.Suspects))
	l.integer("regressions", int64(r.Summary.Regressions))
	l.integer("drifts", int64(r.Summary.Drifts))
	l.integer("accepted", int64(r.Summary.Accepted))
	l.integer("improvements", int64(r.Summary.Improvements))
	l.float("total_time", total)
	l.float("cpu_time", cpu)
	l.offsets(r.Suite.Offset)
	l.page(p.page)
	l.end(reportTime(r, 0))
}

// page appends the address of a page, if there is one. It is as browsers need it: other texts have other escapes. An address has no
// quotation mark and no backslash.
func (l *line) page(address string) {
	if address != "" {
		l.name("page")
		l.buf = append(append(append(l.buf, '"'), address...), '"')
	}
}

// judged appends which run was judged.
func (l *line) judged(r *monitor.Report) {
	l.text("run", r.Run)
	l.text("scm_ref", r.ScmRef)
	l.text("branch", r.Branch)
	l.text("build", r.Build)
}

// offsets appends the offsets that are known.
func (l *line) offsets(by map[string]monitor.Number) {
	for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricTotalTime} {
		if offset, ok := by[metric]; ok {
			l.float("offset_"+metric, float64(offset))
		}
	}
}
