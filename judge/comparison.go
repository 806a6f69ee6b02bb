package judge

import (
	"context"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// comparison chooses the runs that a run is judged by. branch is the one whose runs are the baseline, nil for the run's own.
func (j *Judge) comparison(ctx context.Context, run *monitor.RunInfo, branch *string) (monitor.Comparison, error) {
	against := run.Branch
	if branch != nil {
		against = *branch
	}
	if run.Branch == against {
		own, err := j.upTo(ctx, run, against, j.Window+j.LookBack)
		return j.byItsPast(against, own), err
	}
	own, err := j.upTo(ctx, run, run.Branch, j.Own)
	if err != nil {
		return monitor.Comparison{}, err
	}
	// The baseline goes up to the judged run and not to the first run of its window: what the run's branch has taken over
	// from the other one since then is not its own doing.
	baseline, err := j.upTo(ctx, run, against, j.LookBack)
	if err == nil && len(baseline) == 0 {
		err = monitor.Errorf(monitor.ENotFound, "project %q has no run of branch %q before %s to compare with", run.Project,
			against, describe(run))
	}
	return monitor.Comparison{Branch: against, Baseline: baseline, Window: own}, err
}

// byItsPast returns the comparison of the last of some runs of a branch with those before it.
func (j *Judge) byItsPast(branch string, runs []*monitor.RunInfo) monitor.Comparison {
	window := max(0, len(runs)-j.Window)
	return monitor.Comparison{Branch: branch, Baseline: runs[:window], Window: runs[window:]}
}

// upTo returns the last runs of a branch that started before run, measured something and are not partial, oldest first. If
// run is of the branch, it is the last, partial or not.
func (j *Judge) upTo(ctx context.Context, run *monitor.RunInfo, branch string, limit int) ([]*monitor.RunInfo, error) {
	runs, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{
		Project: run.Project, Branch: &branch, Before: run.Started, Measured: true, Whole: true, Limit: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("find earlier runs: %w", err)
	}
	runs = oldestFirst(runs)
	if run.Branch == branch {
		runs = append(runs, run)
	}
	return last(runs, limit), nil
}

func oldestFirst(runs []*monitor.RunInfo) []*monitor.RunInfo {
	runs = slices.Clone(runs)
	slices.Reverse(runs)
	return runs
}

// last returns the last n of some runs.
func last(runs []*monitor.RunInfo, n int) []*monitor.RunInfo { return runs[max(0, len(runs)-n):] }

// describe names a run to a person.
func describe(run *monitor.RunInfo) string {
	if run.ScmRef == "" {
		return fmt.Sprintf("run %q", run.ID)
	}
	return fmt.Sprintf("run %q of commit %q", run.ID, run.ScmRef)
}
