package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// followed has what the kept reports on a branch say of regressions.
type followed struct {
	all    []*regression  // of each state the first ones, as pages order them; shared, so nobody changes them
	counts map[string]int // of all, by state
	judged int            // runs that could be judged: a report may say no more than that too little is known
	since  time.Time      // start of the first of them
	envs   []string       // of the runs
	growth *monitor.DriftList

	number int   // of the reports of the project
	latest int64 // version
}

// maxFollowed is how many branches stay in memory: the list of projects needs two entries for each of its rows. A branch has at
// most maxChanges regressions of each state. The cache of contexts and sessions takes a value a moment later, or not at all. Here
// that would mean to read 160 reports again.
const maxFollowed = 250

// follow returns the regressions of a branch. It reads the reports again when one was kept or removed since.
func (p *Pages) follow(ctx context.Context, project, branch string) (*followed, error) {
	number, latest, err := p.parts.Store.CountReports(ctx, project)
	if err != nil {
		return nil, err
	}
	key := [2]string{project, branch}
	if f := p.known(key, number, latest); f != nil {
		return f, nil
	}
	f := &followed{number: number, latest: latest}
	if err := p.readRegressions(ctx, project, branch, f); err != nil {
		return nil, err
	}
	if f.growth, err = p.parts.Store.ListDrift(ctx, monitor.DriftQuery{Project: project, Branch: &branch}); err != nil {
		return nil, err
	}
	p.followed.Add(key, f)
	return f, nil
}

// mainBranchOf stands for the main branch in the keys of what is known of regressions. No branch has such a name.
const mainBranchOf = "\x00"

// openRegressions returns how many regressions of the main branch are open. Which one that is, is asked when a report was kept.
func (p *Pages) openRegressions(ctx context.Context, project string) (int, error) {
	number, latest, err := p.parts.Store.CountReports(ctx, project)
	if err != nil || number == 0 {
		return 0, err
	}
	key := [2]string{project, mainBranchOf}
	if f := p.known(key, number, latest); f != nil {
		return f.counts[string(monitor.CourseOpen)], nil
	}
	branch, err := p.usualBranch(ctx, project)
	if err != nil || branch == nil {
		return 0, err
	}
	f, err := p.follow(ctx, project, *branch)
	if err != nil {
		return 0, err
	}
	p.followed.Add(key, f)
	return f.counts[string(monitor.CourseOpen)], nil
}

// known returns what is known of a branch, unless a report was kept or removed since.
func (p *Pages) known(key [2]string, number int, latest int64) *followed {
	if f, found := p.followed.Get(key); found && f.number == number && f.latest == latest {
		return f
	}
	return nil
}

// readRegressions reads the kept reports of a branch, the latest first.
func (p *Pages) readRegressions(ctx context.Context, project, branch string, f *followed) error {
	infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Branch: &branch, Measured: true, Limit: judgedRuns})
	if err != nil {
		return err
	}
	e := &episodes{end: map[monitor.ResultID]ending{}, under: map[monitor.ResultID]*regression{}, rows: map[episode]*regression{}}
	for read := 0; len(infos) > 0 && read <= maxResults; {
		part := infos[:min(reportsAtOnce, len(infos))]
		infos = infos[len(part):]
		reports, err := p.parts.Store.KeptReports(ctx, project, idsOf(part), monitor.StatusRegression, monitor.StatusResolved,
			monitor.StatusImprovement, monitor.StatusAccepted)
		if err != nil {
			return err
		}
		for _, info := range part {
			if r := reports[info.ID]; r != nil {
				f.note(info, r)
				e.add(&changedRun{info.ID, time.Unix(0, info.Started).UTC()}, r)
				read += len(r.Results)
			}
		}
		if err := turns.FromContext(ctx).Pass(ctx); err != nil {
			return err
		}
	}
	f.take(e.all)
	return nil
}

// take counts all regressions, and keeps those that a page may show.
func (f *followed) take(all []*regression) {
	slices.SortStableFunc(all, func(a, b *regression) int {
		return cmp.Or(b.First.Started.Compare(a.First.Started), cmp.Compare(b.Ratio, a.Ratio), a.byName(b))
	})
	f.counts = map[string]int{stateAll: len(all)}
	for _, r := range all {
		if f.counts[string(r.State)]++; f.counts[string(r.State)] <= maxChanges {
			f.all = append(f.all, r)
		}
	}
}

// note notes a run with a report.
func (f *followed) note(info *monitor.RunInfo, r *monitor.Report) {
	if verdict := r.Verdict(); verdict != monitor.StatusLearning && verdict != monitor.StatusNotJudged {
		f.judged, f.since = f.judged+1, time.Unix(0, info.Started).UTC()
	}
	for _, env := range info.Environments {
		if !slices.Contains(f.envs, env) {
			f.envs = append(f.envs, env)
		}
	}
}

// A report can have a result for each test of a large suite. So a few are read at a time, and none after so many results.
const (
	reportsAtOnce = 4
	maxResults    = 50_000
)
