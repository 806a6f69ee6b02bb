package web

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

const maxBranches = 200 // that a page offers

// runListPage lists the runs of a project.
type runListPage struct {
	Runs     []*runRow `json:"runs"`
	Next     string    `json:"before"` // position of the next page; empty on the last one
	Looked   int       `json:"looked_at"`
	Branches []string  `json:"branches"`
	Envs     []string  `json:"environments"` // of the runs looked at
	Branch   string    `json:"-"`            // as asked for
	First    bool      `json:"-"`            // this is the first page
	Now      time.Time `json:"-"`
}

// runStatuses are the values of the filter. A run has failed if a test of it has.
var runStatuses = []string{"failed", "regression", "slow_machine", "suspect", "drift", "ok", "learning", "not_judged", running, judging}

// allBranches is the value of the parameter branch for runs of all branches. The empty one is for runs without a branch.
const allBranches = "*"

// runList answers which runs there are.
func (p *Pages) runList(v *visit) (*view, error) {
	ctx, s := v.Request.Context(), v.State
	filter := runFilter{env: s.text("env", ""), status: s.oneOf("status", "", runStatuses...), words: words(s.text("q", ""))}
	query := monitor.RunInfoQuery{Project: v.Project}
	branch := s.text("branch", allBranches)
	if branch != allBranches {
		query.Branch = &branch
	}
	after := s.position("before")
	if err := s.err(); err != nil {
		return nil, err
	}
	data := &runListPage{Branch: branch, Now: p.Now(), First: after == position{}, Runs: []*runRow{}}
	if err := p.fillRunList(ctx, data, query, after, filter); err != nil {
		return nil, err
	}
	if len(data.Runs) == 0 && data.Looked == 0 && data.First && query.Branch == nil {
		return p.start(v, v.Project)
	}
	var err error
	if data.Branches, err = p.parts.Store.Branches(ctx, v.Project, maxBranches); err != nil {
		return nil, err
	}
	if query.Branch != nil && !slices.Contains(data.Branches, *query.Branch) {
		data.Branches = append(data.Branches, *query.Branch)
	}
	if filter.env != "" && !slices.Contains(data.Envs, filter.env) {
		data.Envs = append(data.Envs, filter.env)
	}
	return &view{Template: "run-list", Fragments: []string{"run-list-rows"}, Title: "Runs", Place: "runs", Data: data,
		Table: func() *table { return runListTable(data.Runs) }}, nil
}

type runFilter struct {
	env, status string
	words       []string
}

// like says whether a run has the class of machine and the words.
func (f *runFilter) like(info *monitor.RunInfo) bool {
	if f.env != "" && !slices.Contains(info.Environments, f.env) {
		return false
	}
	text := strings.ToLower(strings.Join([]string{info.ID, info.ScmRef, info.Branch, info.Build}, "\n"))
	for _, word := range f.words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return f.status != "failed" || info.Failed > 0
}

// fillRunList adds the runs that the filter chooses, up to a page, from as many as one page looks at.
func (p *Pages) fillRunList(ctx context.Context, data *runListPage, q monitor.RunInfoQuery, after position, f runFilter) error {
	var chosen []*monitor.RunInfo
	last := after
	more, err := p.scan(ctx, q, after, func(part []*monitor.RunInfo) (bool, error) {
		found, err := p.withStatus(ctx, f, part)
		if err != nil {
			return false, err
		}
		for _, info := range part {
			if found[info] && len(chosen) == pageRows {
				return false, nil // one more for another page
			}
			data.Looked++
			last = positionOf(info)
			for _, env := range info.Environments {
				if !slices.Contains(data.Envs, env) {
					data.Envs = append(data.Envs, env)
				}
			}
			if found[info] {
				chosen = append(chosen, info)
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if more {
		data.Next = last.String()
	}
	slices.Sort(data.Envs)
	rows, err := p.runRows(ctx, chosen)
	if err != nil {
		return err
	}
	data.Runs = append(data.Runs, rows...)
	slices.SortStableFunc(data.Runs, func(a, b *runRow) int { return a.after() - b.after() })
	return nil
}

// after is 0 for a run under way, which comes first, and 1 for the others.
func (r *runRow) after() int {
	if r.Status == running {
		return 0
	}
	return 1
}

// withStatus returns the runs that the filter chooses.
func (p *Pages) withStatus(ctx context.Context, f runFilter, part []*monitor.RunInfo) (map[*monitor.RunInfo]bool, error) {
	found := map[*monitor.RunInfo]bool{}
	var like []*monitor.RunInfo
	for _, info := range part {
		if f.like(info) {
			found[info] = true
			like = append(like, info)
		}
	}
	if f.status == "" || f.status == "failed" || len(like) == 0 {
		return found, nil
	}
	project, runs := part[0].Project, idsOf(like)
	reports, err := p.parts.Store.KeptReports(ctx, project, runs)
	if err != nil {
		return nil, err
	}
	activities, err := p.parts.Store.Activities(ctx, project, slices.DeleteFunc(runs, func(run string) bool { return reports[run] != nil }))
	for _, info := range like {
		status := p.unjudged(activities[info.ID])
		if report := reports[info.ID]; report != nil {
			status = string(report.Verdict())
		}
		if status != f.status {
			delete(found, info)
		}
	}
	return found, err
}

func runListTable(rows []*runRow) *table {
	t := &table{Header: []string{"run", "status", "scm_ref", "branch", "build", "started", "took", "tests", "failed", "total_time", "cpu_time",
		"environments"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{r.ID, r.Status, r.ScmRef, r.Branch, r.Build, r.Started.Format(time.RFC3339), numberText(monitor.Number(r.Took)),
			strconv.FormatInt(r.Tests, 10), strconv.FormatInt(r.Failed, 10), numberText(r.Wall), numberText(r.CPU),
			strings.Join(r.Envs, "; ")})
	}
	return t
}

// Statuses lists the values of the filter.
func (d *runListPage) Statuses() []string { return runStatuses[:len(runStatuses)-1] }

// Filtered says whether the page looked at runs that it does not list.
func (d *runListPage) Filtered() bool { return d.Looked > len(d.Runs) }
