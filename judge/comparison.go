package judge

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// comparisons chooses what runs of one commit and branch are judged by. The run that started last comes first. branch is the
// one whose runs are the baseline, nil for the runs' own. It fails with ENotFound when that branch has no run.
func (j *Judge) comparisons(ctx context.Context, runs []*monitor.RunInfo, branch *string) (all []monitor.Comparison, err error) {
	newest, against := runs[0], runs[0].Branch
	if branch != nil {
		against = *branch
	}
	var own, baseline []*monitor.RunInfo
	foreign, limit := newest.Branch != against, j.Window+j.MaxRuns
	if foreign {
		limit = j.Window * j.Commit // each of the commit's runs is judged with runs before it
		// The baseline goes up to the judged run and not to the first run of its window: what the run's branch has taken
		// over from the other one since then is not its own doing.
		if baseline, err = j.upTo(ctx, newest, against, j.MaxRuns); err != nil {
			return nil, err
		}
		if len(baseline) == 0 {
			return nil, monitor.Errorf(monitor.ENotFound, "project %q has no run of branch %q before %s to compare with",
				newest.Project, against, describe(newest))
		}
	}
	for _, run := range runs {
		n := slices.IndexFunc(own, func(o *monitor.RunInfo) bool { return o.ID == run.ID })
		if own = own[:n+1]; n < 0 {
			if own, err = j.upTo(ctx, run, run.Branch, limit); err != nil {
				return nil, err
			}
		}
		alike := onMachinesOf(run, own)
		c := monitor.Comparison{Branch: against, Window: last(alike, j.Commit)}
		if foreign {
			c.Baseline = lastCommits(onMachinesOf(run, baseline), j.LookBack)
		} else {
			c.Window = last(alike, j.Window)
			c.Baseline = lastCommits(alike[:len(alike)-len(c.Window)], j.LookBack)
		}
		all = append(all, c)
	}
	return all, nil
}

// onMachinesOf returns which runs have a class of machine in common with a run. The others of a matrix say nothing of it, and
// would take as long to be read. A class that is not known may be any.
func onMachinesOf(run *monitor.RunInfo, runs []*monitor.RunInfo) (alike []*monitor.RunInfo) {
	if len(run.Environments) == 0 || slices.Contains(run.Environments, monitor.UnknownEnv) {
		return runs
	}
	for _, o := range runs {
		if o == run || slices.ContainsFunc(o.Environments, func(env string) bool {
			return env == monitor.UnknownEnv || slices.Contains(run.Environments, env)
		}) {
			alike = append(alike, o)
		}
	}
	return alike
}

// lastCommits returns the runs of the last n commits of some runs, oldest first. Where git is not there, builds count for commits,
// or runs.
func lastCommits(runs []*monitor.RunInfo, n int) []*monitor.RunInfo {
	seen := map[string]bool{}
	for i, run := range slices.Backward(runs) {
		if seen[cmp.Or(run.ScmRef, run.Build, run.ID)] = true; len(seen) > n {
			return runs[i+1:]
		}
	}
	return runs
}

// crowded says whether a branch has so many runs of each commit that [Judge.MaxRuns] leave less history than half of what is
// searched for.
func (j *Judge) crowded(ctx context.Context, run *monitor.RunInfo, branch string) (bool, error) {
	runs, err := j.upTo(ctx, run, branch, j.MaxRuns)
	return len(runs) == j.MaxRuns && len(lastCommits(runs, j.Runs/2-1)) == len(runs), err
}

// upTo returns the last runs of a branch that started before run, measured something and are whole, oldest first. If run is partial,
// those that are partial for the same reason are among them. If run is of the branch, it is the last, and the imported runs of its
// commit are not among them if it is live.
func (j *Judge) upTo(ctx context.Context, run *monitor.RunInfo, branch string, limit int) ([]*monitor.RunInfo, error) {
	q := monitor.RunInfoQuery{Project: run.Project, Branch: &branch, Before: run.Started, Measured: true, Whole: true, Limit: limit}
	if !run.Whole {
		q.Like = run.Partial
	}
	runs, err := j.history.RunInfos(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("find earlier runs: %w", err)
	}
	runs = oldestFirst(runs)
	if run.Branch == branch {
		runs = append(slices.DeleteFunc(runs, func(o *monitor.RunInfo) bool { return isHistoryOf(run, o) }), run)
	}
	return last(runs, limit), nil
}

// isHistoryOf says whether a run is an imported one of the commit of a live run. It neither confirms nor clears what the live one
// shows, and is history of other commits only.
func isHistoryOf(run, o *monitor.RunInfo) bool {
	return o.Imported && !run.Imported && run.ScmRef != "" && o.ScmRef == run.ScmRef
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
