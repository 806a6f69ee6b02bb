package judge

import (
	"context"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// mend marks what was a regression in the report on the run before and is none any more, so that who was told of it is
// told of that as well.
func (c *Clerk) mend(ctx context.Context, r *monitor.Report) error {
	if r.Previous == "" {
		return nil
	}
	previous, err := c.reports.Report(ctx, r.Project, r.Previous)
	if monitor.ErrorCode(err) == monitor.ENotFound {
		return nil // nobody was told
	}
	if err != nil {
		return fmt.Errorf("read the report on the run before: %w", err)
	}
	half := map[resultKey]monitor.Number{}
	for _, before := range previous.Results {
		if before.Status == monitor.StatusRegression {
			half[resultKey{before.TestID, before.Metric}] = (before.Baseline + before.Value) / 2
		}
	}
	if len(half) == 0 {
		return nil
	}
	for i := range r.Results {
		result := &r.Results[i]
		// What is ok because the new level has become what is usual is not mended.
		if most, ok := half[resultKey{result.TestID, result.Metric}]; ok && result.Status == monitor.StatusOK && result.Value < most {
			result.Status = monitor.StatusMended
		}
	}
	slices.SortStableFunc(r.Results, compare)
	return nil
}
