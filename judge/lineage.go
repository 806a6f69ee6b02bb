package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// lineage chooses the run that is asked for and those that it is judged by.
func (j *Judge) lineage(ctx context.Context, q monitor.JudgeQuery) (monitor.Comparison, error) {
	judged, err := j.judged(ctx, q)
	if err != nil {
		return monitor.Comparison{}, err
	}
	against := judged.Branch
	if q.Branch != nil {
		against = *q.Branch
	}
	if judged.Branch == against {
		own, err := j.upTo(ctx, judged, against, monitor.WindowRuns+j.LookBack)
		return past(against, oldestFirst(own)), err
	}
	own, err := j.upTo(ctx, judged, judged.Branch, j.Own)
	if err != nil {
		return monitor.Comparison{}, err
	}
	l := monitor.Comparison{Branch: against, Window: oldestFirst(own)}
	// Up to the judged run and not to the first of its window: what its branch took over from the other one since then
	// is not its own doing.
	baseline, err := j.upTo(ctx, judged, against, j.LookBack)
	if err != nil {
		return monitor.Comparison{}, err
	}
	if l.Baseline = oldestFirst(baseline); len(baseline) == 0 {
		return monitor.Comparison{}, monitor.Errorf(monitor.ENotFound,
			"project %q has no run of branch %q before %s to compare with", q.Project, against, describe(judged))
	}
	return l, nil
}

// past is the lineage of a run that is judged by its branch's own past: the last one of these.
func past(branch string, runs []*monitor.RunInfo) monitor.Comparison {
	window := max(0, len(runs)-monitor.WindowRuns)
	return monitor.Comparison{Branch: branch, Baseline: runs[:window], Window: runs[window:]}
}

// judged finds the run that is asked for.
func (j *Judge) judged(ctx context.Context, q monitor.JudgeQuery) (*monitor.RunInfo, error) {
	heads, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{Project: q.Project, Run: q.Run, ScmRef: q.ScmRef,
		Branch: q.Head, Limit: 1})
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the run: %w", err)
	case len(heads) > 0:
		return heads[0], nil
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

// upTo returns runs of a branch, newest first, that started before last; if it is of that branch, it comes first.
func (j *Judge) upTo(ctx context.Context, last *monitor.RunInfo, branch string, limit int) ([]*monitor.RunInfo, error) {
	heads, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{
		Project: last.Project, Branch: &branch, Before: last.Started, Limit: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("find earlier runs: %w", err)
	}
	if last.Branch == branch {
		heads = append([]*monitor.RunInfo{last}, heads...)
	}
	return heads[:min(len(heads), limit)], nil
}

func oldestFirst(runs []*monitor.RunInfo) []*monitor.RunInfo {
	runs = slices.Clone(runs)
	slices.Reverse(runs)
	return runs
}

// describe names a run to a person.
func describe(run *monitor.RunInfo) string {
	if run.ScmRef == "" {
		return fmt.Sprintf("run %q", run.ID)
	}
	return fmt.Sprintf("run %q of commit %q", run.ID, run.ScmRef)
}
