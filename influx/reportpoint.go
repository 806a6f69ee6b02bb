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
}

// reportPoints returns the points of a report: of its results and of those that it takes back, of its machines, and
// last that of the run, when all that it sums up is there.
func reportPoints(r *monitor.Report) []reportPoint {
	points := make([]reportPoint, 0, len(r.Results)+len(r.Retracted)+len(r.Suite.Machines)+1)
	for _, results := range [][]monitor.Result{r.Results, r.Retracted} {
		for i := range results {
			if status := results[i].Status; status.Notable() || status == monitor.StatusOK {
				points = append(points, reportPoint{Report: r, result: &results[i]})
			}
		}
	}
	for i := range r.Suite.Machines {
		points = append(points, reportPoint{Report: r, machine: &r.Suite.Machines[i]})
	}
	return append(points, reportPoint{Report: r})
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
		l.result(p.Report, p.result)
	case p.machine != nil:
		l.machine(p.Report, p.machine)
	default:
		l.run(p.Report)
	}
	return l.buf
}

func (l *line) result(r *monitor.Report, v *monitor.Result) {
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

func (l *line) run(r *monitor.Report) {
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
	l.integer("accepted", int64(r.Summary.Accepted))
	l.integer("improvements", int64(r.Summary.Improvements))
	l.float("total_time", total)
	l.float("cpu_time", cpu)
	l.offsets(r.Suite.Offset)
	l.end(reportTime(r, 0))
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
