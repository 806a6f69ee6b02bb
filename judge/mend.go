package judge

import (
	"context"
	"fmt"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

const (
	// mendRuns is how many earlier reports are looked through for regressions: a matrix has each class of machine only
	// once in as many runs as it has jobs, and a run may leave most tests out.
	mendRuns = 32
	// mendResults bounds how many of their results are looked at, where whole suites are conspicuous.
	mendResults = 50_000
)

// mend marks what was a regression when it was last told of and is none any more, so that who was told of it is told of
// that as well, and once.
func (c *Worker) mend(ctx context.Context, r *monitor.Report) error {
	if r.Previous == "" {
		return nil
	}
	half, err := c.regressions(ctx, r)
	switch {
	case err == nil:
	case monitor.ErrorCode(err) == monitor.EUnavailable || ctx.Err() != nil:
		return fmt.Errorf("read the reports on other runs: %w", err)
	default: // what is wrong with an old report must not cost the new one
		c.logger.ErrorContext(ctx, "cannot tell what is mended", "project", r.Project, "run", r.Run, "error", err)
		return nil
	}
	if len(half) == 0 {
		return nil
	}
	for i := range r.Results {
		result := &r.Results[i]
		most, ok := half[result.ID()]
		switch {
		case !ok || result.Status != monitor.StatusOK:
		case result.Value < most:
			result.Status = monitor.StatusResolved
		default: // what is ok because the new level has become what is usual is not mended, and will not be
			r.Accepted = append(r.Accepted, result.ID())
		}
	}
	slices.SortStableFunc(r.Results, compare)
	return nil
}

// regressions returns what was a regression when the runs before last said something of it, with the half of its effect.
// That something is ok is not kept, so a report that does not mention a result says nothing: the run may have left the
// test out, or have been on another class of machine. A suspect says nothing either, since it may be chance.
func (c *Worker) regressions(ctx context.Context, r *monitor.Report) (map[monitor.ResultID]monitor.Number, error) {
	closed := monitor.Number(math.NaN())
	last := map[monitor.ResultID]monitor.Number{} // what was said last: half of the effect, or that there is none
	note := func(id monitor.ResultID, half monitor.Number) {
		if _, later := last[id]; !later {
			last[id] = half
		}
	}
	looked := 0
	for other, err := range c.reports.ReportsAround(ctx, r, mendRuns) {
		if err != nil {
			return nil, err
		}
		after := other.Started.After(r.Started) // it was judged first, and may have told that something is mended
		for i := range other.Results {
			switch result := &other.Results[i]; {
			case result.Status == monitor.StatusResolved, result.Status == monitor.StatusImprovement && !after:
				note(result.ID(), closed)
			case result.Status == monitor.StatusRegression && !after:
				note(result.ID(), (result.Baseline+result.Value)/2)
			}
		}
		for _, id := range other.Accepted {
			note(id, closed)
		}
		if looked += len(other.Results); looked > mendResults {
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
