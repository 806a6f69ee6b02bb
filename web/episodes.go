package web

import "pymon-bridge/monitor"

// episodes follows results through reports, the latest first. A regression lasts from the report that has it first to the
// one that says that it is resolved or accepted: see [monitor.Report.Courses].
type episodes struct {
	all   []*regression
	end   map[monitor.ResultID]ending      // what a later report says of the end of an earlier regression
	under map[monitor.ResultID]*regression // the regression that an earlier report may have begun
	rows  map[episode]*regression
}

// ending is how a regression ended.
type ending struct {
	state monitor.Course
	by    *changedRun
}

// episode identifies a row. The metrics of a test that changed at the same commit and ended alike are one row.
type episode struct {
	monitor.TestID
	bad   string
	state monitor.Course
	ended string
}

func (e *episodes) add(run *changedRun, r *monitor.Report) {
	for told := range r.Courses() {
		switch {
		case told.Course == monitor.CourseOpen:
			e.show(run, told.Result)
		case told.Result != nil && told.Result.Status == monitor.StatusAccepted:
			e.accept(run, told.Result)
		default:
			e.finish(told.ID, ending{told.Course, run})
		}
	}
}

// finish notes what ended the regressions in earlier reports.
func (e *episodes) finish(id monitor.ResultID, by ending) {
	e.end[id] = by
	delete(e.under, id)
}

// accept takes a result of a report that somebody accepted. It ended in the first of the reports that say so.
func (e *episodes) accept(run *changedRun, result *monitor.Result) {
	if known := e.under[result.ID()]; known != nil && known.Acceptance != nil {
		known.First, known.Ended = run, run
		return
	}
	e.finish(result.ID(), ending{monitor.CourseAccepted, run})
	e.show(run, result)
}

// show takes a regression of a report. Its numbers are those of the latest report.
func (e *episodes) show(run *changedRun, result *monitor.Result) {
	id := result.ID()
	if known := e.under[id]; known != nil {
		if run.Started.Before(known.First.Started) {
			known.First = run
		}
		return
	}
	end, ended := e.end[id]
	if !ended {
		end.state = monitor.CourseOpen
	}
	key := episode{result.TestID, result.FirstBad, end.state, ""}
	if end.by != nil {
		key.ended = end.by.Run
	}
	row := e.rows[key]
	if row == nil {
		row = &regression{finding: finding{Result: *result, Title: metricTitle(result.Metric)}, State: end.state, First: run, Last: run, Ended: end.by}
		e.rows[key] = row
		e.all = append(e.all, row)
	} else {
		row.Also = append(row.Also, metricTitle(result.Metric))
	}
	e.under[id] = row
}
