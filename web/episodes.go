package web

import (
	"context"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// regressionsOf reads the kept reports of a branch, the latest first, and returns its regressions. It adds how many runs could be
// judged: a report may say no more than that too little is known.
func (p *Pages) regressionsOf(ctx context.Context, project string, data *regressionPage) ([]*regression, error) {
	infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Branch: &data.Branch, Measured: true, Limit: judgedRuns})
	if err != nil {
		return nil, err
	}
	e := &episodes{end: map[monitor.ResultID]ending{}, under: map[monitor.ResultID]*regression{}, rows: map[episode]*regression{}}
	for read := 0; len(infos) > 0 && read <= maxResults; {
		part := infos[:min(reportsAtOnce, len(infos))]
		infos = infos[len(part):]
		ids := make([]string, len(part))
		for i, info := range part {
			ids[i] = info.ID
		}
		reports, err := p.parts.Store.KeptReports(ctx, project, ids, monitor.StatusRegression, monitor.StatusResolved,
			monitor.StatusAccepted, monitor.StatusImprovement)
		if err != nil {
			return nil, err
		}
		for _, info := range part {
			if r := reports[info.ID]; r != nil {
				started := time.Unix(0, info.Started).UTC()
				if verdict := verdictOf(r); verdict != learning && verdict != string(monitor.StatusNotJudged) {
					data.Judged++
					data.Since = started
				}
				for _, env := range info.Environments {
					if !slices.Contains(data.Envs, env) {
						data.Envs = append(data.Envs, env)
					}
				}
				e.add(&changedRun{info.ID, started}, r)
				read += len(r.Results)
			}
		}
	}
	return e.all, nil
}

// A report can have a result for each test of a large suite. So a few are read at a time, and none after so many results.
const (
	reportsAtOnce = 4
	maxResults    = 50_000
)

// episodes follows results through reports, the latest first. A regression lasts from the report that has it first to the
// one that says that it is resolved or accepted. A report says nothing of a result that it does not have: the run may have
// left the test out, and results that are ok are not kept.
type episodes struct {
	all   []*regression
	end   map[monitor.ResultID]ending      // what a later report says of the end of an earlier regression
	under map[monitor.ResultID]*regression // the regression that an earlier report may have begun
	rows  map[episode]*regression
}

// ending is how a regression ended.
type ending struct {
	state string
	by    *changedRun
}

// episode identifies a row. The metrics of a test that changed at the same commit and ended alike are one row.
type episode struct {
	monitor.TestID
	bad   string
	state string
	ended string
}

func (e *episodes) add(run *changedRun, r *monitor.Report) {
	for _, id := range r.Accepted {
		e.finish(id, ending{stateAccepted, run})
	}
	for i := range r.Results {
		switch result := &r.Results[i]; result.Status {
		case monitor.StatusResolved, monitor.StatusImprovement:
			e.finish(result.ID(), ending{stateResolved, run})
		case monitor.StatusAccepted:
			e.accept(run, result)
		case monitor.StatusRegression:
			e.show(run, result)
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
	e.finish(result.ID(), ending{stateAccepted, run})
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
		end.state = stateOpen
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
