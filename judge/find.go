package judge

import (
	"context"
	"fmt"
	"strings"

	"pymon-bridge/monitor"
)

// find finds the run that is asked for: the last one that measured something. An imported one is history, so it is asked for
// only where no live one is there. Where no run measured anything, it is the last run at all, so that the report can say so.
func (j *Judge) find(ctx context.Context, q monitor.JudgeQuery) (*monitor.RunInfo, error) {
	for _, which := range []struct{ live, measured bool }{{true, true}, {false, true}, {false, false}} {
		run, err := j.newest(ctx, monitor.RunInfoQuery{Project: q.Project, Run: q.Run, ScmRef: q.ScmRef, Branch: q.Head,
			Live: which.live, Measured: which.measured})
		if run != nil || err != nil {
			return run, err
		}
	}
	missing := "runs"
	if q.Run != "" {
		missing = fmt.Sprintf("run %q", q.Run)
	}
	if q.ScmRef != "" {
		missing = strings.TrimSuffix(missing, "s") + fmt.Sprintf(" of commit %q", q.ScmRef)
	}
	if q.Head != nil {
		missing += fmt.Sprintf(" of branch %q", *q.Head)
	}
	hint, err := "", error(nil)
	if q.ScmRef != "" && q.Run == "" {
		hint, err = j.whyNoCommit(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	return nil, monitor.Errorf(monitor.ENotFound, "project %q has no %s%s", q.Project, missing, hint)
}

// newest returns the run of a query that started last, nil for none.
func (j *Judge) newest(ctx context.Context, q monitor.RunInfoQuery) (*monitor.RunInfo, error) {
	q.Limit = 1
	runs, err := j.history.RunInfos(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("find the run: %w", err)
	}
	if len(runs) == 0 {
		return nil, nil
	}
	return runs[0], nil
}

// whyNoCommit says what may be the reason that a commit is not found, in words that end a sentence. It is "" where nothing
// is known. A gate that never finds its commit must not look like one that has nothing to say.
func (j *Judge) whyNoCommit(ctx context.Context, q monitor.JudgeQuery) (string, error) {
	for _, branch := range []*string{q.Head, nil} {
		last, err := j.newest(ctx, monitor.RunInfoQuery{Project: q.Project, Branch: branch})
		switch {
		case err != nil:
			return "", err
		case last == nil:
			continue
		case last.ScmRef == "":
			return fmt.Sprintf("; the newest run%s has no commit, since git did not tell pytest one. Git refuses a checkout "+
				"that belongs to another user until git config --global --add safe.directory DIRECTORY allows it. "+
				"Otherwise git is not installed there, or it is no checkout", ofBranch(last)), nil
		}
		break
	}
	if q.Head == nil {
		return notWhole(q.ScmRef), nil
	}
	elsewhere, err := j.newest(ctx, monitor.RunInfoQuery{Project: q.Project, ScmRef: q.ScmRef})
	if err != nil || elsewhere == nil {
		return notWhole(q.ScmRef), err
	}
	hint := "; the newest run of this commit is of no branch"
	if elsewhere.Branch != "" {
		hint = "; the newest run of this commit is" + ofBranch(elsewhere)
	}
	if elsewhere.Branch == "" || monitor.IsJob(elsewhere.Branch) {
		hint += ": pytest says the branch with --tag branch=NAME"
	}
	return hint, nil
}

// ofBranch returns " of branch NAME", or nothing for a run that says no branch.
func ofBranch(run *monitor.RunInfo) string {
	if run.Branch == "" {
		return ""
	}
	return fmt.Sprintf(" of branch %q", run.Branch)
}

// notWhole says what may be wrong with a commit that is not found, where it looks like the beginning of a hash. The judge does not
// complete a hash: that would take a look at every run, and the answer might be another commit's.
func notWhole(commit string) string {
	const sha1 = 40
	if len(commit) < sha1 && strings.Trim(commit, "0123456789abcdef") == "" {
		return ": expected the whole hash, as git rev-parse prints it"
	}
	return ""
}
