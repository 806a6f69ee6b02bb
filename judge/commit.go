package judge

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// A report on a commit has the results of its runs. The jobs of a pipeline, and the shards of a suite, may be runs of
// different branches, where the CI system gives the name of the job for the branch. They may also be runs of one branch.

// ofCommit returns all runs of a run's commit, of a live run only the live ones. The run that started last comes first. Runs
// without a commit have nothing in common, so the run is the only one then.
func (j *Judge) ofCommit(ctx context.Context, run *monitor.RunInfo) ([]*monitor.RunInfo, error) {
	if run.ScmRef == "" {
		return []*monitor.RunInfo{run}, nil
	}
	runs, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{Project: run.Project, ScmRef: run.ScmRef, Live: !run.Imported})
	if err != nil {
		return nil, fmt.Errorf("find the runs of the commit: %w", err)
	}
	return runs, nil
}

// choose returns which runs of a commit to judge besides the given one, the last first, and which ones are too many. There are
// up to [Judge.Commit] with the given one. The largest run of each branch is taken first, since each branch may have tests or
// jobs of its own. Then large runs are taken before small ones.
func (j *Judge) choose(run *monitor.RunInfo, q monitor.JudgeQuery, runs []*monitor.RunInfo) (chosen, tooMany []*monitor.RunInfo) {
	size := func(r *monitor.RunInfo) int64 { return r.Tests + r.Modules }
	largest := map[string]*monitor.RunInfo{}
	for _, o := range runs {
		if most := largest[o.Branch]; most == nil || size(o) > size(most) {
			largest[o.Branch] = o
		}
	}
	rank := func(r *monitor.RunInfo) int {
		if r == largest[r.Branch] {
			return 0
		}
		return 1
	}
	others := slices.DeleteFunc(slices.Clone(runs), func(o *monitor.RunInfo) bool { return o.ID == run.ID || !asked(q, o) })
	bySize := slices.SortedStableFunc(slices.Values(others), func(a, b *monitor.RunInfo) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(size(b), size(a)))
	})
	first := bySize[:min(len(bySize), j.Commit-1)]
	return slices.DeleteFunc(others, func(o *monitor.RunInfo) bool { return !slices.Contains(first, o) }), bySize[len(first):]
}

// asked says whether a question about a commit is about one of its runs.
func asked(q monitor.JudgeQuery, run *monitor.RunInfo) bool {
	return !oneRun(q) && run.Measured() && (q.Head == nil || run.Branch == *q.Head)
}

// oneRun says whether a question is about one run, and not about all runs of a commit.
func oneRun(q monitor.JudgeQuery) bool { return q.ScmRef == "" || q.Run != "" }

// together reports on a run and on others of its commit. against is the branch to compare with, nil for the own branch of each run.
// judged learns what they have. next is called before each run. It also returns the branches without a run to compare with. The report
// has nothing of them.
func (j *Judge) together(ctx context.Context, run *monitor.RunInfo, others []*monitor.RunInfo, against *string, judged latest,
	next func() error) (r *monitor.Report, incomparable []string, err error) {
	branches, of := []string{run.Branch}, map[string][]*monitor.RunInfo{run.Branch: {run}}
	for _, o := range others {
		branches, of[o.Branch] = appendNew(branches, o.Branch), append(of[o.Branch], o)
	}
	var onBranches [][]monitor.Comparison // those of a branch have the run that started last at the end
	for _, branch := range branches {
		comparisons, err := j.comparisons(ctx, of[branch], against)
		switch {
		case len(onBranches) > 0 && monitor.ErrorCode(err) == monitor.ENotFound:
			incomparable = append(incomparable, branch)
			continue
		case err != nil:
			return nil, nil, err
		}
		slices.Reverse(comparisons)
		onBranches = append(onBranches, comparisons)
	}
	held := j.hold(slices.Concat(onBranches...))
	defer held.close()
	for _, comparisons := range onBranches {
		report, err := j.onBranch(ctx, comparisons, judged, held, next)
		switch {
		case err != nil:
			return nil, nil, err
		case r == nil:
			r = report
		default:
			join(r, report)
		}
	}
	return r, incomparable, nil
}

// onBranch reports on runs of one commit and branch.
func (j *Judge) onBranch(ctx context.Context, comparisons []monitor.Comparison, judged latest, held *held, next func() error) (
	*monitor.Report, error) {
	var jobs []*job
	known := newRelated(len(comparisons))
	for _, c := range comparisons {
		if err := next(); err != nil {
			return nil, err
		}
		r, err := j.detect(ctx, c, known, held)
		if err != nil {
			return nil, err
		}
		held.next()
		judged.add(c.Judged(), r.report)
		jobs = addRun(jobs, r)
	}
	last := len(jobs) - 1
	for _, other := range slices.Backward(jobs[:last]) {
		join(jobs[last].report, other.report)
	}
	return jobs[last].report, nil
}
