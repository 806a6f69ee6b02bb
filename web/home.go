package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// startPage is what a newcomer sees: what to paste.
type startPage struct {
	Install string `json:"install"`
	Pytest  string `json:"pytest"`
	Then    string `json:"then"` // where to go, once the first run has begun
}

// homePage has one row for each project.
type homePage struct {
	Projects []*projectRow `json:"projects"`
	Unused   []*projectRow `json:"unused"` // for 30 days
	Number   int           `json:"found"`  // projects on all pages
	Offset   int           `json:"offset"`
	Now      time.Time     `json:"-"`
}

// projectRow sums up a project.
type projectRow struct {
	Project     string  `json:"project"`
	Last        *runRow `json:"last"`
	Regressions int     `json:"regressions"` // open ones of the main branch
	Trend       line    `json:"-"`
}

const (
	unusedAfter = 30 * 24 * time.Hour
	homeRuns    = 30  // of the sparkline of a project
	homeRows    = 100 // projects on a page
)

// home leads to the project that there is, or lists the projects. On a new bridge it says how to begin.
func (p *Pages) home(v *visit) (*view, error) {
	ctx := v.Request.Context()
	if v.Project != "" { // of the token
		return &view{Redirect: "/p/" + v.Project + "/"}, nil
	}
	projects, err := p.parts.Store.Projects(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case len(projects) == 0:
		return p.start(v, "")
	case v.GetHeader(fragmentHeader) != "":
		return p.start(v, projects[0])
	case len(projects) == 1:
		return &view{Redirect: "/p/" + projects[0] + "/"}, nil
	}
	data := &homePage{Now: p.Now(), Offset: v.State.number("offset")}
	asked := words(v.State.text("q", ""))
	projects = slices.DeleteFunc(projects, func(project string) bool {
		return slices.ContainsFunc(asked, func(w string) bool { return !strings.Contains(strings.ToLower(project), w) })
	})
	data.Number = len(projects)
	for _, project := range paginate(projects, data.Offset, homeRows) {
		row, err := p.projectRow(ctx, project)
		if err == nil {
			err = turns.FromContext(ctx).Pass(ctx)
		}
		switch {
		case err != nil:
			return nil, err
		case data.Now.Sub(row.Last.Started) > unusedAfter:
			data.Unused = append(data.Unused, row)
		default:
			data.Projects = append(data.Projects, row)
		}
	}
	return &view{Template: "home", Title: "Projects", Data: data}, nil
}

// Many says that a page does not show all projects.
func (d *homePage) Many() bool { return d.Number > homeRows || d.Offset > 0 }

func (p *Pages) projectRow(ctx context.Context, project string) (*projectRow, error) {
	runs, err := p.runs(ctx, monitor.RunInfoQuery{Project: project, Limit: 1})
	if err != nil {
		return nil, err
	}
	row := &projectRow{Project: project, Last: new(runRow)}
	if len(runs) == 0 { // they were removed at this moment
		return row, nil
	}
	row.Last = runs[0]
	if row.Regressions, err = p.openRegressions(ctx, project); err != nil {
		return nil, err
	}
	infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Branch: &row.Last.Branch, Measured: true, Limit: homeRuns})
	if err != nil {
		return nil, err
	}
	sums, err := p.parts.Store.RunSums(ctx, infos)
	for i := len(sums) - 1; i >= 0; i-- {
		row.Trend.Values = append(row.Trend.Values, sums[i].TotalTime)
	}
	p.band(&row.Trend, "", monitor.MetricTotalTime)
	return row, err
}

// start answers with the lines to paste. When a script asks whether the first run of the project has begun, it says where to
// go.
func (p *Pages) start(v *visit, project string) (*view, error) {
	remote := p.server.BaseURL(v.Context)
	switch {
	case v.Project != "":
		remote += "/p/" + v.Project
	case p.server.RequireProject:
		remote += "/p/PROJECT"
	}
	data := startPage{Install: "pip install pytest-monitor 'pytest<9.2'", Pytest: "pytest --remote-server " + remote}
	if project != "" {
		runs, err := p.parts.Store.RunInfos(v.Request.Context(), monitor.RunInfoQuery{Project: project, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(runs) > 0 {
			data.Then = httpd.LinkPrefix(v.Context) + monitor.RunPath(project, runs[0].ID)
		}
	}
	return &view{Template: "start", Fragments: []string{"start-live"}, Title: "Welcome", Data: data}, nil
}
