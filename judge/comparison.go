package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// comparison chooses the run that is asked for and the runs that it is judged by.
func (j *Judge) comparison(ctx context.Context, q monitor.JudgeQuery) (monitor.Comparison, error) {
	run, err := j.find(ctx, q)
	if err != nil {
		return monitor.Comparison{}, err
	}
	against := run.Branch
	if q.Branch != nil {
		against = *q.Branch
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
		err = monitor.Errorf(monitor.ENotFound, "project %q has no run of branch %q before %s to compare with", q.Project,
			against, describe(run))
	}
	return monitor.Comparison{Branch: against, Baseline: baseline, Window: own}, err
}

// byItsPast returns the comparison of the last of some runs of a branch with those before it.
func (j *Judge) byItsPast(branch string, runs []*monitor.RunInfo) monitor.Comparison {
	window := max(0, len(runs)-j.Window)
	return monitor.Comparison{Branch: branch, Baseline: runs[:window], Window: runs[window:]}
}

// find finds the run that is asked for.
func (j *Judge) find(ctx context.Context, q monitor.JudgeQuery) (*monitor.RunInfo, error) {
	runs, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{Project: q.Project, Run: q.Run, ScmRef: q.ScmRef,
		Branch: q.Head, Limit: 1})
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the run: %w", err)
	case len(runs) > 0:
		return runs[0], nil
	}
	missing, hint := "runs", ""
	if q.Run != "" {
		missing = fmt.Sprintf("run %q", q.Run)
	}
	if q.ScmRef != "" {
		missing = strings.TrimSuffix(missing, "s") + fmt.Sprintf(" of commit %q", q.ScmRef)
		if q.Run == "" {
			hint = whole(q.ScmRef)
		}
	}
	if q.Head != nil {
		missing += fmt.Sprintf(" of branch %q", *q.Head)
	}
	return nil, monitor.Errorf(monitor.ENotFound, "project %q has no %s%s", q.Project, missing, hint)
}

// whole says what may be wrong with a commit that is not found, where it looks like the beginning of a hash. Hashes
// are not completed: it would take a look at every run, and the answer might be another commit's.
func whole(commit string) string {
	const sha1 = 40
	if len(commit) < sha1 && strings.Trim(commit, "0123456789abcdef") == "" {
		return ": expected the whole hash, as git rev-parse prints it"
	}
	return ""
}

// upTo returns the last runs of a branch that started before run, oldest first. If run is of the branch, it is the last.
func (j *Judge) upTo(ctx context.Context, run *monitor.RunInfo, branch string, limit int) ([]*monitor.RunInfo, error) {
	runs, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{
		Project: run.Project, Branch: &branch, Before: run.Started, Limit: limit,
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
