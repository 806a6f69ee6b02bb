package web

import (
	"slices"

	"pymon-bridge/monitor"
)

// maxFound is how many runs and tests a search shows.
const maxFound = 50

// findPage has what a search found.
type findPage struct {
	Text  string           `json:"q"`
	Runs  []*runRow        `json:"runs"`
	Tests []monitor.Series `json:"tests"`
}

// find goes straight to a run when it is the only one of this id or commit. Otherwise it lists what it found.
func (p *Pages) find(v *visit) (*view, error) {
	ctx := v.Request.Context()
	data := &findPage{Text: v.State.text("q", "")}
	v.State.defaults["find"] = ""
	v.State.values.Set("find", data.Text)
	if data.Text == "" {
		return &view{Template: "find", Place: "find", Title: "Find", Data: data}, nil
	}
	runs, tests, err := p.parts.Store.Find(ctx, v.Project, data.Text, maxFound)
	if err != nil {
		return nil, err
	}
	begun, err := p.runsOfHash(ctx, v.Project, data.Text, maxFound)
	if err != nil {
		return nil, err
	}
	for _, run := range begun {
		if !slices.Contains(runs, run) && len(runs) < maxFound {
			runs = append(runs, run)
		}
	}
	if len(runs) == 1 {
		return &view{Redirect: monitor.RunPath(v.Project, runs[0])}, nil
	}
	for _, id := range runs {
		rows, err := p.runs(ctx, monitor.RunInfoQuery{Project: v.Project, Run: id})
		if err != nil {
			return nil, err
		}
		data.Runs = append(data.Runs, rows...)
	}
	data.Tests = tests
	return &view{Template: "find", Place: "find", Title: "Find", Data: data}, nil
}
