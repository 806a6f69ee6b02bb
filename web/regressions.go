package web

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	judgedRuns = 160 // runs of a branch whose reports are read
	maxChanges = 500 // rows that a page shows
)

// regressionPage lists what the kept reports of a branch say of regressions.
type regressionPage struct {
	Branch   string         `json:"branch"`
	Branches []string       `json:"branches"`
	Envs     []string       `json:"environments"` // of the runs whose reports were read
	Judged   int            `json:"judged_runs"`
	Since    time.Time      `json:"since"` // start of the first of them
	Counts   map[string]int `json:"counts"`
	Groups   []*changeGroup `json:"groups"`
	growing
	More   int       `json:"more"` // regressions that the page leaves out
	ByTest bool      `json:"-"`
	State  string    `json:"-"`
	Now    time.Time `json:"-"`
}

// changeGroup has the regressions that came with the same commits.
type changeGroup struct {
	LastGood string        `json:"last_good"`
	FirstBad string        `json:"first_bad"`
	First    *changedRun   `json:"first"` // the latest of the runs that showed one of them first
	Rows     []*regression `json:"regressions"`
}

// changedRun is a run that a regression is told by.
type changedRun struct {
	Run     string    `json:"run"`
	Started time.Time `json:"started"`
}

// regression is a test that was or is worse, with all metrics that became worse together.
type regression struct {
	finding
	State monitor.Course `json:"state"`
	First *changedRun    `json:"first"` // that showed it first
	Last  *changedRun    `json:"last"`  // that showed it last
	Ended *changedRun    `json:"ended"` // that resolved or accepted it; nil while it is open
}

// regressionList answers what is worse, since when, and what was.
func (p *Pages) regressionList(v *visit) (*view, error) {
	ctx, s := v.Request.Context(), v.State
	data := &regressionPage{State: s.oneOf("state", states[0], states[1:]...),
		ByTest: s.oneOf("group", "commit", "test") == "test", Groups: []*changeGroup{}, Now: p.Now()}
	if err := s.err(); err != nil {
		return nil, err
	}
	branch, start, err := p.mainBranch(v)
	if err != nil || start != nil {
		return start, err
	}
	data.Branch = branch
	if data.Branches, err = p.branches(ctx, v.Project, data.Branch); err != nil {
		return nil, err
	}
	f, err := p.follow(ctx, v.Project, data.Branch)
	if err != nil {
		return nil, err
	}
	data.Judged, data.Since, data.Envs = f.judged, f.since, f.envs
	if err := p.fillRegressions(ctx, v.Project, data, f); err != nil {
		return nil, err
	}
	data.Counts[stateDrift] = len(findingsOf(f.growth.Results)) + len(f.growth.Parts)
	if data.State == stateDrift {
		if data.growing, err = p.growing(ctx, f.growth); err != nil {
			return nil, err
		}
	}
	return &view{Template: "regression-list", Title: "Regressions", Place: "regressions", Data: data,
		Table: func() *table { return regressionTable(data) }}, nil
}

// fillRegressions adds those that have the state, in their groups.
func (p *Pages) fillRegressions(ctx context.Context, project string, data *regressionPage, f *followed) error {
	data.Counts = maps.Clone(f.counts)
	var chosen []*regression
	for _, r := range f.all {
		if data.State == stateAll || data.State == string(r.State) {
			own := *r // others look at the same
			chosen = append(chosen, &own)
		}
	}
	chosen = chosen[:min(maxChanges, len(chosen))]
	data.More = max(0, f.counts[data.State]-len(chosen))
	data.group(chosen)
	found := make([]*finding, len(chosen))
	for i, r := range chosen {
		found[i] = &r.finding
	}
	if err := p.draw(ctx, project, data.Branch, 0, found); err != nil {
		return err
	}
	for _, r := range chosen {
		if r.State != monitor.CourseOpen {
			r.Trend.Usual, r.Trend.Status = math.NaN(), string(monitor.StatusOK)
		}
	}
	return nil
}

// group puts regressions that came with the same commits together, in the order of the first of each. By test, all are one
// group.
func (d *regressionPage) group(chosen []*regression) {
	type key struct{ good, bad string }
	groups := map[key]*changeGroup{}
	for _, r := range chosen {
		k := key{r.LastGood, r.FirstBad}
		if d.ByTest {
			k = key{}
		}
		g := groups[k]
		if g == nil {
			g = &changeGroup{LastGood: k.good, FirstBad: k.bad, First: r.First}
			groups[k] = g
			d.Groups = append(d.Groups, g)
		}
		g.Rows = append(g.Rows, r)
	}
	if d.ByTest && len(d.Groups) > 0 {
		slices.SortStableFunc(d.Groups[0].Rows, (*regression).byName)
	}
}

func regressionTable(d *regressionPage) *table {
	t := &table{Header: []string{"state", "item_fs_loc", "component", "item_path", "item", "item_variant", "kind", "env", "metric", "baseline",
		"value", "ratio", "last_good", "first_bad", "first_run", "last_run", "ended_by", "accepted_by", "note"}}
	for _, g := range d.Groups {
		for _, r := range g.Rows {
			ended, by, note := "", "", ""
			if r.Ended != nil {
				ended = r.Ended.Run
			}
			if r.Acceptance != nil {
				by, note = r.Acceptance.By, r.Acceptance.Note
			}
			t.Rows = append(t.Rows, []string{string(r.State), r.ItemFSLoc, r.Component, r.ItemPath, r.Item, r.ItemVariant, r.Kind, r.Env, r.Metric,
				numberText(r.Baseline), numberText(r.Value), numberText(r.Ratio), r.LastGood, r.FirstBad, r.First.Run, r.Last.Run, ended, by, note})
		}
	}
	for _, f := range d.Drifts {
		t.Rows = append(t.Rows, []string{stateDrift, f.ItemFSLoc, f.Component, f.ItemPath, f.Item, f.ItemVariant, f.Kind, f.Env, f.Metric,
			numberText(f.Baseline), numberText(f.Value), numberText(f.Ratio), f.Drift.Since.ScmRef, "", f.Drift.Since.Run, "", "", "", ""})
	}
	for i := range d.Parts {
		part := &d.Parts[i]
		folder, component := part.Part, ""
		if part.Kind == monitor.PartComponent {
			folder, component = "", part.Part
		}
		t.Rows = append(t.Rows, []string{stateDrift, folder, component, "", "", "", string(part.Kind), part.Env, part.Metric,
			numberText(part.First), numberText(part.Now), numberText(part.Ratio), part.Since.ScmRef, "", part.Since.Run, "", "", "", ""})
	}
	return t
}

func (r *regression) byName(o *regression) int {
	return cmp.Or(cmp.Compare(r.ItemFSLoc, o.ItemFSLoc), cmp.Compare(r.Name(), o.Name()))
}

// stateDrift is slow growth, as the last reports say it.
const stateDrift, stateAll = "drift", "all"

// states are the values of the filter.
var states = []string{string(monitor.CourseOpen), string(monitor.CourseResolved), string(monitor.CourseAccepted), stateDrift, stateAll}

// States lists the values of the filter.
func (d *regressionPage) States() []string { return states }

// Sign is the status whose sign stands before the test.
func (r *regression) Sign() string {
	switch r.State {
	case monitor.CourseOpen:
		return string(monitor.StatusRegression)
	case monitor.CourseResolved:
		return string(monitor.StatusResolved)
	case monitor.CourseAccepted:
		return string(monitor.StatusAccepted)
	}
	return string(monitor.StatusNotJudged)
}

// Most is how many regressions a page shows.
func (d *regressionPage) Most() int { return maxChanges }
