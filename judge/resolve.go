package judge

import (
	"context"
	"fmt"
	"math"

	"pymon-bridge/monitor"
)

const (
	// resolveReports is how many earlier reports are searched for regressions. A matrix has each class of machine only once
	// in as many runs as it has jobs, and a run may leave most tests out.
	resolveReports = 32
	// resolveResults bounds how many of their results are read, where whole suites are conspicuous.
	resolveResults = 50_000
)

// resolve marks the results of a report that are ok again after a regression, so that whoever learned of the regression
// learns of its end, once.
func (w *Worker) resolve(ctx context.Context, r *monitor.Report) error {
	if r.Previous == "" {
		return nil
	}
	halves, err := w.regressions(ctx, r)
	switch {
	case err == nil:
	case monitor.ErrorCode(err) == monitor.EUnavailable || ctx.Err() != nil:
		return fmt.Errorf("read the reports on other runs: %w", err)
	default: // a fault in an old report must not cost the new one
		w.logger.ErrorContext(ctx, "cannot tell what is resolved", "project", r.Project, "run", r.Run, "error", err)
		return nil
	}
	if len(halves) == 0 {
		return nil
	}
	for i := range r.Results {
		result := &r.Results[i]
		half, ok := halves[result.ID()]
		switch {
		case !ok || result.Status != monitor.StatusOK && result.Status != monitor.StatusDrift:
		case result.Value < half:
			result.Status, result.Drift = monitor.StatusResolved, nil
		default: // the new level has become the usual one, so the regression is not resolved, and will not be
			r.Accepted = append(r.Accepted, result.ID())
		}
	}
	r.Arrange()
	return nil
}

// regressions returns the results that are a regression in the last report that says something of them, each with the
// value that lies half-way between the usual one and the regression: see [monitor.Report.Courses].
func (w *Worker) regressions(ctx context.Context, r *monitor.Report) (map[monitor.ResultID]monitor.Number, error) {
	over := monitor.Number(math.NaN())
	last := map[monitor.ResultID]monitor.Number{} // the half-way value, or over where the last report has no regression
	note := func(id monitor.ResultID, half monitor.Number) {
		if _, later := last[id]; !later {
			last[id] = half
		}
	}
	read := 0
	for other, err := range w.reports.ReportsAround(ctx, r, resolveReports) {
		if err != nil {
			return nil, err
		}
		after := other.Started.After(r.Started) // a later run was judged first, and its report may have resolved the result
		for told := range other.Courses() {
			switch r := told.Result; {
			case r != nil && after && r.Status != monitor.StatusResolved && r.Status != monitor.StatusAccepted: // it changed after the run that is judged
			case told.Course == monitor.CourseOpen:
				note(told.ID, (r.Baseline+r.Value)/2)
			default:
				note(told.ID, over)
			}
		}
		if read += len(other.Results); read > resolveResults {
			break
		}
	}
	for id, half := range last {
		if math.IsNaN(float64(half)) {
			delete(last, id)
		}
	}
	return last, nil
}
