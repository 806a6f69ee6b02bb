package web

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// comparePage compares the tests of two runs.
type comparePage struct {
	Base      *runRow        `json:"base"` // nil where there is nothing to compare with
	Head      *runRow        `json:"head"`
	Metric    string         `json:"metric"` // name of a judged metric
	Rows      []*comparison  `json:"tests"`
	Number    int            `json:"found"` // tests that the filter chooses
	Offset    int            `json:"offset"`
	Worse     int            `json:"worse"`  // beyond noise
	Better    int            `json:"better"` // beyond noise
	Within    int            `json:"within_noise"`
	Unknown   int            `json:"not_measured"` // tests of both runs without a value in one
	New       []*testRow     `json:"new"`          // some of those that the base does not have
	Gone      []*testRow     `json:"gone"`         // some of those that the head does not have
	News      int            `json:"number_of_new"`
	Gones     int            `json:"number_of_gone"`
	Machines  []string       `json:"machines"` // differing parts of the classes of machine, where no class is common
	Earlier   int            `json:"earlier_runs"`
	BaseTotal monitor.Number `json:"base_total"` // sum over the tests of both runs
	HeadTotal monitor.Number `json:"head_total"`
	Only      string         `json:"-"`
	Min       string         `json:"-"`
	BaseText  string         `json:"-"` // as asked for
	HeadText  string         `json:"-"`
}

// The values of the parameter only.
const (
	onlyWorse  = "worse"
	onlyBetter = "better"
	onlyAll    = "all" // also what is within noise
)

// previous is the value of the parameter base for the run before the head.
const previous = "previous"

// maxListed is how many new or gone tests are named.
const maxListed = 100

// compare answers what differs between two runs.
func (p *Pages) compare(v *visit) (*view, error) {
	ctx, s := v.Request.Context(), v.State
	if picked := s.values["pick"]; len(picked) > 0 {
		return p.picked(v, picked)
	}
	data := &comparePage{BaseText: s.text("base", previous), HeadText: s.text("head", ""), Only: s.oneOf("only", "", onlyWorse, onlyBetter, onlyAll),
		Offset: s.number("offset"), Min: s.text("min", "1"), Rows: []*comparison{}}
	data.Metric = data.MetricOf(s.oneOf("metric", compared[0], compared[1:]...))
	filter := compareFilter{only: data.Only, words: words(s.text("q", "")), min: s.ratio("min")}
	if err := s.err(); err != nil {
		return nil, err
	}
	usual, err := p.usualBranch(ctx, v.Project)
	if err != nil {
		return nil, err
	}
	if usual == nil {
		return p.start(v, v.Project)
	}
	if err := p.chooseRuns(ctx, v, data, *usual); err != nil {
		return nil, err
	}
	if data.Base != nil {
		if err := p.fillCompare(ctx, data, filter, s.values.Get("format") == "csv"); err != nil {
			return nil, err
		}
	}
	return &view{Template: "compare", Fragments: []string{"compare-rows"}, Title: "Compare", Place: "compare", Data: data,
		Table: func() *table { return compareTable(data) }}, nil
}

// picked leads to the comparison of two runs that were checked in a list: the later one with the earlier one.
func (p *Pages) picked(v *visit, runs []string) (*view, error) {
	if len(runs) != 2 {
		return nil, &monitor.Error{Code: monitor.EInvalid, Message: "two runs can be compared, and " + count(len(runs), "run") + " were checked",
			Fields: map[string]string{"pick": "expected twice, each time with the id of a run"}}
	}
	var infos []*monitor.RunInfo
	for _, run := range runs {
		info, err := p.runNamed(v.Request.Context(), v.Project, run)
		if err != nil {
			return nil, err
		}
		if info == nil {
			return nil, unknownRun("pick", run)
		}
		infos = append(infos, info)
	}
	if infos[0].Started > infos[1].Started {
		slices.Reverse(infos)
	}
	return &view{Redirect: comparePath(v.Project, infos[0].ID, infos[1].ID)}, nil
}

// ratio returns the value of a parameter that is a number from 1 on; 1 without it.
func (s *state) ratio(name string) float64 {
	text := s.text(name, "1")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 1) || n > 1e9 {
		s.wrong[name] = "expected a ratio from 1 on, such as 1.2"
		return 1
	}
	return n
}

// fillCompare adds the tests.
func (p *Pages) fillCompare(ctx context.Context, data *comparePage, f compareFilter, whole bool) error {
	var both [2]*snapshot
	for i, row := range []*runRow{data.Base, data.Head} {
		var err error
		if both[i], err = p.snapshot(ctx, row); err != nil {
			return err
		}
	}
	data.Earlier = both[0].compare
	data.Machines = otherMachines(data.Base.Envs, data.Head.Envs)
	j := join{detector: p.parts.Detector, apart: data.Machines != nil}
	j.measure = slices.IndexFunc(monitor.JudgedMetrics[:], func(m monitor.JudgedMetric) bool { return m.Name == data.Metric })
	chosen := []*comparison{}
	j.compare(both[0], both[1], func(c comparison) {
		data.count(&c)
		if f.takes(&c) {
			kept := c // few are, so the others need no memory
			chosen = append(chosen, &kept)
		}
	})
	slices.SortFunc(chosen, func(a, b *comparison) int { // what is worse comes first
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.distance(), a.distance()), strings.Compare(a.of.find, b.of.find))
	})
	data.News, data.Gones = len(j.added), len(j.gone)
	data.New, data.Gone = testRows(j.added[:min(maxListed, len(j.added))]), testRows(j.gone[:min(maxListed, len(j.gone))])
	data.Unknown, data.BaseTotal, data.HeadTotal = j.unknown, j.base, j.head
	data.Number = len(chosen)
	if data.Rows = chosen; !whole {
		data.Rows = paginate(chosen, data.Offset, pageRows)
	}
	for _, c := range data.Rows {
		c.testRow, c.Verdict = testRows([]*test{c.of})[0], string(c.of.Changes[data.Metric])
	}
	if whole {
		return nil
	}
	return p.drawComparisons(ctx, data)
}

// drawComparisons adds the sparklines, with both runs marked where they are among the last ones.
func (p *Pages) drawComparisons(ctx context.Context, data *comparePage) error {
	series := make([]monitor.Series, len(data.Rows))
	for i, c := range data.Rows {
		series[i] = c.Series
	}
	recent, err := p.parts.Store.RecentTests(ctx, monitor.RecentQuery{Tests: series, Branch: data.Head.Branch, Limit: recentRuns})
	if err != nil {
		return err
	}
	for i, c := range data.Rows {
		c.Trend = noLine()
		points := pointsOf(recent[i], c.Env)
		c.Trend.Values = valuesOf(points, data.Metric)
		for at, point := range points {
			if point.Run == data.Base.ID || point.Run == data.Head.ID {
				c.Trend.Marks = append(c.Trend.Marks, at)
			}
		}
	}
	return nil
}
