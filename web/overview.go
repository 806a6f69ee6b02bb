package web

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// overviewPage says how a project is.
type overviewPage struct {
	Branch    string        `json:"branch"`
	Running   *runRow       `json:"running"` // nil for none
	Last      *runRow       `json:"last"`    // of the branch, with a report if one has one
	Trends    []trend       `json:"trends"`
	Found     []*finding    `json:"regressions"`
	Drifts    []*finding    `json:"drifts"`
	Growth    []string      `json:"-"`    // of the suite and its parts
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
	if data.Branch, err = p.mainBranch(ctx, v, latest); err != nil {
		return nil, err
	}
	if err := p.fillOverview(ctx, v.Project, data); err != nil {
		return nil, err
	}
	return &view{Template: "overview", Fragments: []string{"overview-live"}, Title: "Overview", Data: data}, nil
}

// mainBranch returns the branch that the page is about: the one asked for, else the usual name of the main branch, else the
// branch of the last run.
func (p *Pages) mainBranch(ctx context.Context, v *visit, latest []*runRow) (string, error) {
	if v.State.values.Has("branch") {
		return v.State.text("branch", "\x00"), nil
	}
	for _, name := range []string{"main", "master"} {
		infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: v.Project, Branch: &name, Measured: true, Limit: 1})
		if err != nil || len(infos) > 0 {
			return name, err
		}
	}
	return latest[0].Branch, nil
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
	data.Last, data.Trends, data.Machines = ended[0], trends(ended, p.parts.Words), machines(ended)
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
	if data.Last.Report != nil {
		if data.Found, err = p.findings(ctx, data.Last, monitor.StatusRegression); err != nil {
			return err
		}
		data.Growth = p.parts.Words.Growing(data.Last.Report)
		data.Drifts, err = p.findings(ctx, data.Last, monitor.StatusDrift)
	}
	return err
}
