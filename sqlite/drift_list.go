package sqlite

import (
	"cmp"
	"context"
	"slices"

	"pymon-bridge/monitor"
)

// driftRuns is how many runs are looked at for the last one of each class of machine.
const driftRuns = 64

// ListDrift implements [monitor.DriftStore]. Of each class of machine it reads the reports on the last commit: the shards of a suite
// may be several runs.
func (db *DB) ListDrift(ctx context.Context, q monitor.DriftQuery) (*monitor.DriftList, error) {
	list := &monitor.DriftList{Project: q.Project, Runs: []monitor.RunMark{}, Results: []monitor.Result{}, Parts: []monitor.PartDrift{}}
	if q.Branch == nil {
		last, err := db.RunInfos(ctx, monitor.RunInfoQuery{Project: q.Project, Live: true, Measured: true, Limit: 1})
		if err != nil || len(last) == 0 {
			return list, err
		}
		q.Branch = &last[0].Branch
	}
	list.Branch = *q.Branch
	runs, err := db.RunInfos(ctx, monitor.RunInfoQuery{Project: q.Project, Branch: q.Branch, Live: true, Measured: true, Whole: true, Limit: driftRuns})
	if err != nil {
		return nil, err
	}
	known := map[monitor.ResultID]bool{}
	commits := map[string]string{} // the last one that was judged, by class of machine
	for _, run := range runs {
		envs := slices.DeleteFunc(slices.Clone(run.Environments), func(env string) bool {
			commit, seen := commits[env]
			return q.Env != "" && env != q.Env || seen && (commit == "" || commit != run.ScmRef)
		})
		if len(envs) == 0 {
			continue
		}
		report, err := db.Report(ctx, q.Project, run.ID)
		switch {
		case monitor.ErrorCode(err) == monitor.ENotFound: // it is being judged, or never was
			continue
		case err != nil:
			return nil, err
		}
		list.Runs = append(list.Runs, monitor.RunMark{Run: report.Run, ScmRef: report.ScmRef, Started: report.Started})
		for _, env := range envs {
			commits[env] = run.ScmRef
		}
		addDrift(list, report, envs, q, known)
	}
	slices.SortStableFunc(list.Results, func(a, b monitor.Result) int { return cmp.Compare(b.Drift.Ratio, a.Drift.Ratio) })
	slices.SortStableFunc(list.Parts, func(a, b monitor.PartDrift) int {
		return cmp.Compare(slices.Index(partKinds, a.Kind), slices.Index(partKinds, b.Kind))
	})
	return list, nil
}

var partKinds = []monitor.PartKind{monitor.PartSuite, monitor.PartComponent, monitor.PartFolder}

// addDrift adds what a report says. Of jobs that have the same test, the last one counts.
func addDrift(list *monitor.DriftList, r *monitor.Report, envs []string, q monitor.DriftQuery, known map[monitor.ResultID]bool) {
	for _, result := range r.Results {
		if d := result.Drift; d != nil && slices.Contains(envs, result.Env) && !d.Since.Started.Before(q.Since) && !known[result.ID()] {
			known[result.ID()] = true
			list.Results = append(list.Results, result)
		}
	}
	for _, p := range slices.Concat(r.Suite.Drift, r.Parts) {
		same := func(o monitor.PartDrift) bool {
			return o.Kind == p.Kind && o.Part == p.Part && o.Env == p.Env && o.Metric == p.Metric
		}
		if slices.Contains(envs, p.Env) && !p.Since.Started.Before(q.Since) && !slices.ContainsFunc(list.Parts, same) {
			list.Parts = append(list.Parts, p)
		}
	}
}
