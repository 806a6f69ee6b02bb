package judge

import (
	"context"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// A report on a commit has the results of its runs. The jobs of a pipeline, and the shards of a suite, may be runs of
// different branches, where the CI system gives the name of the job for the branch.

// maxOfCommit is how many runs of a commit are looked at. Older ones are not counted either.
const maxOfCommit = 1000

// ofCommit returns the runs of a run's commit. The run that started last comes first. Runs without a commit have nothing in
// common, so the run is the only one then.
func (j *Judge) ofCommit(ctx context.Context, run *monitor.RunInfo) ([]*monitor.RunInfo, error) {
	if run.ScmRef == "" {
		return []*monitor.RunInfo{run}, nil
	}
	runs, err := j.history.RunInfos(ctx, monitor.RunInfoQuery{Project: run.Project, ScmRef: run.ScmRef, Limit: maxOfCommit})
	if err != nil {
		return nil, fmt.Errorf("find the runs of the commit: %w", err)
	}
	return runs, nil
}

// addCommit adds to the report on the judged run of c what the other runs of its commit have: first the earlier runs of its
// branch, then those of each other branch. With q.Head it is the only branch. Each branch counts, since it may have tests or
// jobs of its own. It returns the branches that were left out, since q.Branch has no run to compare them with.
func (j *Judge) addCommit(ctx context.Context, r *monitor.Report, c monitor.Comparison, q monitor.JudgeQuery,
	runs []*monitor.RunInfo) (incomparable []string, err error) {
	var others []*monitor.RunInfo // the last run of each other branch
	for _, run := range runs {
		same := func(o *monitor.RunInfo) bool { return o.Branch == run.Branch }
		if q.Head == nil && q.Run == "" && run.Measured() && run.Completion != monitor.Partial && run.Branch != c.Judged().Branch && !slices.ContainsFunc(others, same) {
			others = append(others, run)
		}
	}
	others = others[:min(len(others), j.Commit-1)]
	room := j.Commit - 1 - len(others) // for runs that are not the last of their branch
	added, err := j.addEarlier(ctx, r, c, room)
	room -= added
	for _, run := range others {
		if err != nil {
			return nil, err
		}
		own, notFound := j.comparison(ctx, run, q.Branch)
		if monitor.ErrorCode(notFound) == monitor.ENotFound {
			incomparable = append(incomparable, run.Branch)
			continue
		}
		var other *monitor.Report
		if err = notFound; err == nil {
			other, err = j.detect(ctx, own)
		}
		if err == nil {
			added, err = j.addEarlier(ctx, other, own, room)
		}
		if err == nil {
			room -= added
			join(r, other)
		}
	}
	return incomparable, err
}

// addEarlier adds to the report on the judged run of c what earlier runs of its commit and branch have, up to max of them.
// It returns how many there were.
func (j *Judge) addEarlier(ctx context.Context, r *monitor.Report, c monitor.Comparison, max int) (n int, err error) {
	for _, before := range j.earlierRuns(c, max) {
		earlier, err := j.detect(ctx, before)
		if err != nil {
			return 0, err
		}
		complete(r, earlier)
		n++
	}
	return n, nil
}

// earlierRuns returns the comparisons of the earlier runs of the judged commit, up to max of them, the last run first.
func (j *Judge) earlierRuns(c monitor.Comparison, max int) (all []monitor.Comparison) {
	run, own := c.Judged(), c.Window
	foreign := run.Branch != c.Branch
	if !foreign {
		own = slices.Concat(c.Baseline, c.Window)
	}
	for n := len(own) - 1; n > 0 && len(all) < max; n-- {
		switch {
		case own[n-1].ScmRef != run.ScmRef:
		case foreign:
			all = append(all, monitor.Comparison{Branch: c.Branch, Baseline: c.Baseline, Window: own[:n]})
		default:
			all = append(all, j.byItsPast(c.Branch, own[:n]))
		}
	}
	return all
}

// leftOut says what a report does not have of its commit, and why, beside what it says already. runs are all runs of the
// commit, and incomparable are the branches without a run to compare with. Where nothing could be judged for lack of earlier
// runs, the gate says so.
func leftOut(r *monitor.Report, q monitor.JudgeQuery, runs []*monitor.RunInfo, incomparable []string) []monitor.LeftOut {
	all := []monitor.LeftOut{}
	at := func(reason string) *monitor.LeftOut {
		i := slices.IndexFunc(all, func(l monitor.LeftOut) bool { return l.Reason == reason })
		if i < 0 {
			i = len(all)
			all = append(all, monitor.LeftOut{Reason: reason, Runs: []string{}, Branches: []string{}, Environments: []string{}})
		}
		return &all[i]
	}
	for _, l := range r.LeftOut {
		at(l.Reason).Tests += l.Tests
	}
	learning := func(m monitor.Machine) bool { return m.Status == monitor.StatusLearning }
	for _, m := range r.Suite.Machines {
		if learning(m) && slices.ContainsFunc(r.Suite.Machines, func(m monitor.Machine) bool { return !learning(m) }) {
			l := at("too few earlier runs on this class of machine")
			l.Environments, l.Tests = append(l.Environments, m.Env), l.Tests+int64(m.Tests)
		}
	}
	var judged []string // classes of machine
	for _, run := range runs {
		if !slices.Contains(r.Runs, run.ID) {
			continue
		}
		judged = append(judged, run.Environments...)
		if run.Sort() == monitor.Tests && run.Modules > 0 {
			at("modules are judged only in runs without tests").Modules += run.Modules
		}
	}
	for _, run := range runs {
		if slices.Contains(r.Runs, run.ID) {
			continue
		}
		l := at(whyLeftOut(q, r, run, incomparable))
		l.Runs, l.Branches = append(l.Runs, run.ID), appendNew(l.Branches, run.Branch)
		l.Tests, l.Modules = l.Tests+run.Tests, l.Modules+run.Modules
		for _, env := range run.Environments {
			if !slices.Contains(judged, env) {
				l.Environments = appendNew(l.Environments, env)
			}
		}
	}
	return all
}

// whyLeftOut says why a report has nothing of a run of its commit.
func whyLeftOut(q monitor.JudgeQuery, r *monitor.Report, run *monitor.RunInfo, incomparable []string) string {
	switch {
	case !run.Measured():
		return "measured nothing"
	case q.ScmRef == "" || q.Run != "" && run.Branch != r.Branch:
		return "one run was asked for, and not its commit"
	case run.Completion == monitor.Partial:
		return "partial: did not run the whole suite"
	case q.Head != nil && run.Branch != *q.Head:
		return "of another branch than the one asked for"
	case slices.Contains(incomparable, run.Branch):
		return "started before all runs of the branch to compare with"
	default:
		return "more than are judged for one commit"
	}
}

// appendNew appends texts that the list does not have yet.
func appendNew(list []string, texts ...string) []string {
	for _, text := range texts {
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}
