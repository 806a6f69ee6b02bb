package web

import (
	"context"
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	maxHistory = 10_000 // measurements that a page reads
	testRuns   = 20     // rows of the table
	siblings   = 30     // other tests that are named
	mostDrawn  = 500    // runs that are embedded as they are; more are thinned out
)

// testPage says since when a test changed, by how much, and whether that is real.
type testPage struct {
	Test     monitor.Series   `json:"-"`
	ID       monitor.TestID   `json:"test"`
	Name     string           `json:"name"`
	File     string           `json:"item_fs_loc"`
	Status   string           `json:"status"`  // of the last judged run
	Results  []monitor.Result `json:"results"` // of the kept report on that run
	Envs     []string         `json:"environments"`
	Branches []string         `json:"branches"`
	Env      string           `json:"env"`
	Branch   string           `json:"branch"` // everyBranch for all
	Runs     []*point         `json:"runs"`   // the latest first
	Main     string           `json:"-"`
	All      int              `json:"all"` // number of measurements on the class of machine and the branch
	Cut      bool             `json:"cut"` // there may be earlier ones that the page did not read
	Chart    *chart           `json:"-"`
	Pytest   string           `json:"pytest"`
	Variants []monitor.Series `json:"-"` // of the same function
	Others   []monitor.Series `json:"-"` // of the same file
	Lines    map[string]line  `json:"-"` // for readers without JavaScript
}

// point is a measurement in the table.
type point struct {
	Run      string                    `json:"run"`
	ScmRef   string                    `json:"scm_ref"`
	Branch   string                    `json:"branch"`
	Build    string                    `json:"build"`
	Started  time.Time                 `json:"started"`
	Wall     monitor.Number            `json:"total_time"`
	CPU      monitor.Number            `json:"cpu_time"`
	Mem      monitor.Number            `json:"mem_usage"`
	Status   string                    `json:"status"` // ok, a verdict, failed, flaky, or not_judged
	Changes  map[string]monitor.Result `json:"changes,omitempty"`
	Outcome  string                    `json:"outcome,omitempty"`
	Attempts int64                     `json:"attempts,omitempty"`

	host, system, python string
}

// everyBranch is the value of the parameter branch for all branches.
const everyBranch = "*"

func (p *Pages) test(v *visit) (*view, error) {
	ctx, s := v.Request.Context(), v.State
	series := monitor.Series{Project: v.Project, Component: s.text("component", ""), ItemPath: s.text("path", ""),
		ItemVariant: s.text("name", ""), Kind: s.text("kind", monitor.KindFunction)}
	series.Item = s.text("item", monitor.FunctionOf(series.ItemVariant))
	n := s.oneOf("n", "120", "60", "0")
	s.oneOf("x", "run", "time")
	s.oneOf("y", "zero", "fit", "log")
	s.number("from")
	s.number("to")
	history, err := p.parts.Store.TestHistory(ctx, monitor.TestQuery{Test: series, Limit: maxHistory})
	if err != nil {
		return nil, err
	}
	if len(history) == 0 {
		if path, err := p.named(ctx, series, s); path != "" || err != nil {
			return &view{Redirect: path}, err
		}
		return nil, monitor.Errorf(monitor.ENotFound, "project %q has no measurement of the test %q of %q", v.Project, series.ItemVariant, series.ItemPath)
	}
	data := &testPage{Test: series, Name: nameOf(series, 0), File: history[0].Location}
	data.choose(s, history)
	data.ID = series.ID(data.Env)
	if len(history) >= maxHistory && data.Branch != everyBranch { // most of it may be of other branches
		history, err = p.parts.Store.TestHistory(ctx, monitor.TestQuery{Test: series, Branch: &data.Branch, Limit: maxHistory})
		if err != nil {
			return nil, err
		}
	}
	data.Cut = len(history) >= maxHistory
	points := data.points(history)
	data.All = len(points)
	shown := points
	if limit := map[string]int{"60": 60, "120": 120}[n]; limit > 0 {
		shown = points[:min(limit, len(points))]
	}
	if err := p.fillTest(v, data, shown, points); err != nil {
		return nil, err
	}
	return &view{Template: "test", Place: "tests", Title: sign(data.Status) + " " + data.Name, Styles: []string{"uPlot.min.css"},
		Scripts: []string{"uPlot.iife.min.js", "chart.js"}, Data: data, Table: func() *table { return testTable(data) }}, nil
}

// choose finds the classes of machine and the branches of a history, and chooses one of each.
func (d *testPage) choose(s *state, history []monitor.TestPoint) {
	for _, h := range history {
		if !slices.Contains(d.Envs, h.Env) {
			d.Envs = append(d.Envs, h.Env)
		}
	}
	d.Env = s.text("env", d.Envs[0])
	for _, h := range history {
		if h.Env == d.Env && !slices.Contains(d.Branches, h.Branch) {
			d.Branches = append(d.Branches, h.Branch)
		}
	}
	usual := everyBranch
	if len(d.Branches) > 0 {
		usual = d.Branches[0]
	}
	for _, name := range slices.Backward(mainNames) {
		if slices.Contains(d.Branches, name) {
			usual = name
		}
	}
	d.Main, d.Branch = usual, s.text("branch", usual)
}

// points returns the measurements on the chosen class of machine and branch. The latest comes first. What is known of
// attempts is with the measurement of the last one.
func (d *testPage) points(history []monitor.TestPoint) (points []*point) {
	retried := map[int64]int64{}
	for _, h := range history {
		if h.Outcome == monitor.Passed || h.Outcome == monitor.XPassed {
			retried[micros(h.Start)] = h.Attempts
		}
	}
	for _, h := range history {
		if h.Env != d.Env || d.Branch != everyBranch && h.Branch != d.Branch || h.Outcome == monitor.Passed || h.Outcome == monitor.XPassed {
			continue
		}
		pt := &point{Run: h.Run, ScmRef: h.ScmRef, Branch: h.Branch, Build: h.Build, Started: time.Unix(0, h.Start).UTC(),
			Wall: monitor.Number(h.TotalTime), CPU: monitor.Number(h.CPUTime), Mem: monitor.Number(h.MemUsage),
			Outcome: h.Outcome, Attempts: max(h.Attempts, retried[micros(h.Start)]), Status: string(monitor.StatusNotJudged),
			host: h.Host, system: h.System, python: h.Python}
		points = append(points, pt)
	}
	return points
}

// fillTest adds the verdicts of the kept reports, and what is drawn. shown is the part of the points that is looked at.
func (p *Pages) fillTest(v *visit, data *testPage, shown, points []*point) error {
	ctx := v.Request.Context()
	drawn := shown
	if len(drawn) > mostDrawn {
		drawn = thinned(shown)
	}
	data.Runs = shown
	judged := shown
	if v.State.values.Get("format") == "" {
		data.Runs = shown[:min(testRuns, len(shown))]
		judged = append(slices.Clone(drawn), data.Runs...)
	}
	if err := p.judgePoints(ctx, data, judged); err != nil {
		return err
	}
	main := ""
	if data.Branch == everyBranch {
		main = data.Main
	}
	data.Chart = p.chart(drawn, points, data.Env, main)
	data.Lines = map[string]line{}
	for _, m := range data.Chart.Metrics {
		data.Lines[m.Name] = m.line(data.Status)
	}
	again := monitor.Result{TestID: data.ID, ItemFSLoc: data.File, Status: monitor.StatusSuspect}
	data.Pytest = p.parts.Words.Again(&monitor.Report{Results: []monitor.Result{again}}, "")
	others, err := p.parts.Store.Siblings(ctx, data.Test, siblings)
	for _, s := range others {
		if s.Item == data.Test.Item {
			data.Variants = append(data.Variants, s)
		} else {
			data.Others = append(data.Others, s)
		}
	}
	return err
}

// judgePoints adds what the kept reports have of the test to some points, the latest first, and to the page what the latest of
// them has.
func (p *Pages) judgePoints(ctx context.Context, data *testPage, points []*point) error {
	runs := make([]string, 0, len(points))
	for _, pt := range points {
		runs = append(runs, pt.Run)
	}
	slices.Sort(runs)
	results, err := p.parts.Store.KeptResults(ctx, data.Test, slices.Compact(runs))
	data.Status = string(monitor.StatusNotJudged)
	found := false
	for _, pt := range points {
		pt.judge(results, data.Env)
		of, judged := results[pt.Run]
		if found || !judged {
			continue
		}
		found, data.Status = true, pt.Status
		for _, r := range of.Results {
			if r.Env == data.Env {
				data.Results = append(data.Results, r)
			}
		}
	}
	return err
}

// judge adds what the kept report on the run has of the test.
func (pt *point) judge(results map[string]monitor.KeptResult, env string) {
	of, judged := results[pt.Run]
	if judged {
		pt.Status = string(monitor.StatusOK)
	}
	if of.Learning {
		pt.Status = learning
	}
	for _, r := range of.Results {
		if r.Env != env {
			continue
		}
		if pt.Changes == nil {
			pt.Changes, pt.Status = map[string]monitor.Result{}, string(r.Status)
		}
		pt.Changes[r.Metric] = r
		if r.Status.Severity() < monitor.Status(pt.Status).Severity() {
			pt.Status = string(r.Status)
		}
	}
	switch {
	case pt.Outcome != "":
		pt.Status = "failed"
	case pt.Attempts > 1 && pt.Changes == nil:
		pt.Status = "flaky"
	}
}

// Value returns the measurement of a metric.
func (pt *point) Value(metric string) float64 {
	return monitor.JudgedValue(metric, float64(pt.Wall), float64(pt.CPU), float64(pt.Mem))
}

// thinned leaves out points of a long history. Of each part it keeps those with the least and the greatest values.
func thinned(points []*point) []*point {
	const parts = mostDrawn / 6 // two points for each of three metrics
	keep := map[int]bool{0: true, len(points) - 1: true}
	for part := range parts {
		from, to := part*len(points)/parts, (part+1)*len(points)/parts
		for _, m := range monitor.JudgedMetrics {
			least, most := -1, -1
			for i := from; i < to; i++ {
				v := points[i].Value(m.Name)
				if math.IsNaN(v) {
					continue
				}
				if least < 0 || v < points[least].Value(m.Name) {
					least = i
				}
				if most < 0 || v > points[most].Value(m.Name) {
					most = i
				}
			}
			if least >= 0 {
				keep[least], keep[most] = true, true
			}
		}
	}
	var some []*point
	for i, pt := range points {
		if keep[i] {
			some = append(some, pt)
		}
	}
	return some
}
