package web

import (
	"context"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// overviewPage says how a project is.
type overviewPage struct {
	Branch  string     `json:"branch"`
	Running *runRow    `json:"running"` // nil for none
	Last    *runRow    `json:"last"`    // of the branch, with a report if one has one
	Learned string     `json:"learned"` // how far the branch is from being judged
	Trends  []trend    `json:"trends"`
	Open    int        `json:"open_regressions"`
	Found   []*finding `json:"regressions"` // the first of those that are open
	growing
	Runs      []*runRow     `json:"runs"` // of all branches
	Slowest   []*testRow    `json:"slowest"`
	Hungriest []*testRow    `json:"hungriest"`
	Machines  []*machineRow `json:"machines"`
	Now       time.Time     `json:"-"`
}

const (
	overviewTrend = 40 // runs of a tile
	overviewRuns  = 10
	overviewTop   = 10
)

// overview answers whether the main branch is well, and what the suite costs.
func (p *Pages) overview(v *visit) (*view, error) {
	ctx := v.Request.Context()
	latest, err := p.runs(ctx, monitor.RunInfoQuery{Project: v.Project, Limit: overviewRuns})
	if err != nil {
		return nil, err
	}
	if len(latest) == 0 {
		return p.start(v, v.Project)
	}
	if v.GetHeader(fragmentHeader) == "start-live" {
		return p.start(v, v.Project)
	}
	data := &overviewPage{Runs: latest, Now: p.Now()}
	if latest[0].Status == running {
		data.Running = latest[0]
	}
	branch, start, err := p.mainBranch(v)
	if err != nil || start != nil {
		return start, err
	}
	data.Branch = branch
	if err := p.fillOverview(ctx, v.Project, data); err != nil {
		return nil, err
	}
	return &view{Template: "overview", Fragments: []string{"overview-live"}, Title: "Overview", Data: data}, nil
}

// mainBranch returns the branch that the page is about: the one asked for, else the usual one. For a project without runs it returns the
// page to show instead.
func (p *Pages) mainBranch(v *visit) (branch string, start *view, err error) {
	usual, err := p.usualBranch(v.Request.Context(), v.Project)
	if err != nil {
		return "", nil, err
	}
	if usual == nil {
		start, err = p.start(v, v.Project)
		return "", start, err
	}
	return v.State.text("branch", *usual), nil, nil
}

// mainNames are the usual names of a main branch.
var mainNames = []string{"main", "master"}

// usualBranch returns the branch with a usual name of the main branch, else that of the last run; nil for a project without runs.
func (p *Pages) usualBranch(ctx context.Context, project string) (*string, error) {
	for _, name := range mainNames {
		infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Branch: &name, Measured: true, Limit: 1})
		if err != nil || len(infos) > 0 {
			return &name, err
		}
	}
	last, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Limit: 1})
	if err != nil || len(last) == 0 {
		return nil, err
	}
	return &last[0].Branch, nil
}

// branches returns the branches that a page offers, with the chosen one.
func (p *Pages) branches(ctx context.Context, project, chosen string) ([]string, error) {
	all, err := p.parts.Store.Branches(ctx, project, maxBranches)
	if err == nil && !slices.Contains(all, chosen) {
		all = append(all, chosen)
	}
	return all, err
}

func (p *Pages) fillOverview(ctx context.Context, project string, data *overviewPage) error {
	rows, err := p.runs(ctx, monitor.RunInfoQuery{Project: project, Branch: &data.Branch, Measured: true, Limit: overviewTrend})
	if err != nil || len(rows) == 0 {
		return err
	}
	ended := rows // a run under way has measured only a part of the suite
	for len(ended) > 1 && ended[0].Status == running {
		ended = ended[1:]
	}
	data.Last, data.Trends, data.Machines, data.Learned = ended[0], p.trends(ended), machines(ended), p.learned(ended)
	if err := p.readReport(ctx, data.Last); err != nil {
		return err
	}
	s, err := p.snapshot(ctx, data.Last)
	if err != nil {
		return err
	}
	slowest, _ := s.pick(selection{by: "wall", descending: true, n: overviewTop})
	hungriest, _ := s.pick(selection{by: "mem", descending: true, n: overviewTop})
	for len(hungriest) > 0 && !(hungriest[len(hungriest)-1].MemUsage > 0) { // NaN too
		hungriest = hungriest[:len(hungriest)-1]
	}
	data.Slowest, data.Hungriest = testRows(slowest), testRows(hungriest)
	f, err := p.follow(ctx, project, data.Branch)
	if err != nil {
		return err
	}
	if data.growing, err = p.growing(ctx, f.growth); err != nil {
		return err
	}
	for _, r := range f.all {
		if r.State == monitor.CourseOpen && len(data.Found) < maxFindings {
			found := r.finding // others look at the same
			data.Found = append(data.Found, &found)
		}
	}
	data.Open = f.counts[string(monitor.CourseOpen)]
	return p.draw(ctx, project, data.Branch, 0, data.Found)
}
