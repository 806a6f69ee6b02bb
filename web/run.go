package web

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const (
	pageRows   = 50 // tests on a page
	latestRows = 8  // of a run under way
	csvRows    = 1 << 20
)

// runPage says whether anything got worse, which test, and since which commit.
type runPage struct {
	Run       *runRow         `json:"run"`
	Report    *monitor.Report `json:"report"` // the kept one; null when there is none
	Found     []*finding      `json:"-"`
	More      int             `json:"-"`       // tests of the report that are not in Found
	Growth    []string        `json:"-"`       // of the suite and its parts
	Learned   string          `json:"learned"` // how far the branch is from being judged
	Again     string          `json:"again"`
	Token     bool            `json:"-"`      // pytest needs one to send to this bridge
	Broken    []*testRow      `json:"broken"` // failed or flaky
	Trends    []trend         `json:"-"`
	Ratios    []bin           `json:"-"`
	Folders   []folder        `json:"folders"`
	Compare   int             `json:"compared_with"` // number of earlier runs
	Counts    map[string]int  `json:"counts"`
	Tests     []*testRow      `json:"tests"`
	Number    int             `json:"found"` // tests that the filter chooses
	Offset    int             `json:"offset"`
	Sort      string          `json:"-"`
	Ascending bool            `json:"-"`
	Most      float64         `json:"-"` // greatest wall time on the page
	Expected  int64           `json:"expected"`
	Latest    []*testRow      `json:"-"`
	Left      string          `json:"-"` // how long a run under way may still take
	Then      string          `json:"-"`
	Now       time.Time       `json:"-"`

	Accept   *acceptForm          `json:"-"`
	Accepted []monitor.Acceptance `json:"accepted,omitempty"` // with this run
	MayUndo  bool                 `json:"-"`
}

// testRow is a test of a run as a page lists it.
type testRow struct {
	Test     monitor.TestID            `json:"test"`
	Name     string                    `json:"name"`
	File     string                    `json:"item_fs_loc"`
	Status   string                    `json:"status"`
	Wall     monitor.Number            `json:"total_time"`
	CPU      monitor.Number            `json:"cpu_time"`
	Mem      monitor.Number            `json:"mem_usage"`
	Before   monitor.Number            `json:"before"` // wall time, the middle of the earlier runs
	Ratio    monitor.Number            `json:"ratio"`
	Outcome  string                    `json:"outcome,omitempty"`
	Attempts int64                     `json:"attempts,omitempty"`
	Changes  map[string]monitor.Status `json:"changes,omitempty"`
	Series   monitor.Series            `json:"-"`
	Env      string                    `json:"-"`
}

func testRows(tests []*test) []*testRow {
	rows := make([]*testRow, len(tests))
	for i, t := range tests {
		series := t.Series()
		id := series.ID(t.Env)
		id.Occurrence = t.Occurrence
		rows[i] = &testRow{Test: id, Name: nameOf(series, t.Occurrence), File: t.Location, Status: t.Status,
			Wall: monitor.Number(t.TotalTime), CPU: monitor.Number(t.CPUTime), Mem: monitor.Number(t.MemUsage),
			Before: monitor.Number(t.Before), Ratio: t.Ratio(), Outcome: t.Outcome, Attempts: t.Attempts, Changes: t.Changes,
			Series: series, Env: t.Env}
	}
	return rows
}

// nameOf returns what a test is called. A test that a run has several times gets a number.
func nameOf(s monitor.Series, occurrence int) string {
	name := s.ItemVariant
	if name == "" {
		name = s.Item
	}
	if occurrence > 0 {
		name = fmt.Sprintf("%s (%d)", name, occurrence+1)
	}
	return name
}

// Name returns what the test of a finding is called.
func (f *finding) Name() string { return nameOf(f.Series, f.Occurrence) }

func (p *Pages) run(v *visit) (*view, error) {
	ctx, id := v.Request.Context(), v.Param("run")
	if v.State.values.Has("id") {
		id = v.State.text("id", "")
	}
	rows, err := p.runs(ctx, monitor.RunInfoQuery{Project: v.Project, Run: id})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if whole, err := p.theRunOfHash(ctx, v.Project, id); whole != "" || err != nil {
			return &view{Redirect: monitor.RunPath(v.Project, whole)}, err
		}
		return nil, monitor.Errorf(monitor.ENotFound, "there is no run %q in project %q", id, v.Project)
	}
	if err := p.readReport(ctx, rows[0]); err != nil {
		return nil, err
	}
	data := &runPage{Run: rows[0], Report: rows[0].Report, Now: p.Now()}
	if p.rejudged.expected(v.Project, id, data.Run.version, data.Now) {
		data.Run.Status = judging
	}
	part := v.GetHeader(fragmentHeader)
	if part == "run-live" && data.Run.Status != running && data.Run.Status != judging {
		data.Then = httpd.LinkPrefix(v.Context) + monitor.RunPath(v.Project, id)
	}
	switch part {
	case "run-live":
		err = p.fillLive(ctx, data)
	case "run-tests":
		err = p.fillTests(ctx, v, data)
	default:
		if err = p.fillTests(ctx, v, data); err == nil {
			err = p.fillRun(v, data)
		}
		if err == nil && data.Report != nil {
			err = p.fillAccepted(ctx, v, data)
		}
	}
	if err != nil {
		return nil, err
	}
	found := &view{Template: "run", Place: "runs", Fragments: []string{"run-live", "run-tests"}, Title: sign(data.Run.Status) + " " +
		headline(data.Run) + " · run " + short(id), Data: data}
	found.Table = func() *table { return runTable(data) }
	return found, nil
}

// fillTests adds the tests that the query chooses.
func (p *Pages) fillTests(ctx context.Context, v *visit, data *runPage) error {
	s, err := p.snapshot(ctx, data.Run)
	if err != nil {
		return err
	}
	q := selection{words: words(v.State.text("q", "")), status: v.State.oneOf("status", "", statuses...), offset: v.State.number("offset"), n: pageRows}
	q.by, q.descending = v.State.order()
	if v.State.values.Get("format") == "csv" {
		q.offset, q.n = 0, csvRows
	}
	picked, found := s.pick(q)
	data.Tests, data.Number, data.Offset, data.Sort, data.Ascending = testRows(picked), found, q.offset, q.by, !q.descending
	data.Counts, data.Folders, data.Ratios, data.Compare = s.counts, s.folders, s.ratios, s.compare
	for _, t := range picked {
		data.Most = max(data.Most, t.TotalTime)
	}
	for _, status := range []string{"failed", "flaky"} {
		broken, _ := s.pick(selection{status: status, by: "name", n: maxFindings})
		data.Broken = append(data.Broken, testRows(broken)...)
	}
	return nil
}

var statuses = []string{"failed", "regression", "suspect", "drift", "accepted", "improvement", "resolved", "flaky", "new", "learning", "not_judged", "ok"}

// Statuses lists the statuses that tests of the run have.
func (d *runPage) Statuses() (some []string) {
	for _, s := range statuses {
		if d.Counts[s] > 0 {
			some = append(some, s)
		}
	}
	return some
}

// All is the number of tests of the run.
func (d *runPage) All() (n int) {
	for _, count := range d.Counts {
		n += count
	}
	return n
}

// fillRun adds what is above the list of tests.
func (p *Pages) fillRun(v *visit, data *runPage) error {
	ctx, run := v.Request.Context(), data.Run
	if run.Status == running {
		return p.fillLive(ctx, data)
	}
	before, err := p.runs(ctx, monitor.RunInfoQuery{Project: run.Info.Project, Branch: &run.Branch, Before: run.Info.Started,
		Measured: true, Limit: overviewTrend - 1})
	if err != nil {
		return err
	}
	rows := append([]*runRow{run}, before...)
	data.Trends, data.Learned = p.trends(rows), p.learned(rows)
	if data.Report == nil {
		return nil
	}
	all, after := findingsOf(data.Report.Results), run.Started.UnixNano()+int64(run.Took*1e9)+int64(time.Second)
	if err := p.draw(ctx, run.Info.Project, run.Branch, after, all); err != nil {
		return err
	}
	data.Growth = p.parts.Words.Growing(data.Report)
	data.Found = all[:min(maxFindings, len(all))]
	data.More = len(all) - len(data.Found)
	data.Again, data.Token = p.parts.Words.Again(data.Report, p.server.BaseURL(v.Context)), httpd.NameOf(v.Context) != ""
	return nil
}

// headline says in a few words what is to be known of a run.
func headline(r *runRow) string {
	switch r.Status {
	case running:
		return "Running"
	case judging:
		return "Being judged"
	case string(monitor.StatusRegression):
		n := r.brief.regressions
		if all := r.brief.results; all > n { // of several metrics: in the unit of the sentence
			return count(all, "regression") + " in " + count(n, "test")
		}
		return count(n, "test") + " got worse"
	case string(monitor.StatusSlowMachine):
		return "The whole suite was slower"
	case string(monitor.StatusSuspect):
		n := r.brief.suspects
		if n == 1 {
			return "1 test is suspect"
		}
		return thousands(n) + " tests are suspect"
	case string(monitor.StatusDrift):
		if n := r.brief.drifts; n > 0 {
			return count(n, "test") + " " + map[bool]string{true: "grows", false: "grow"}[n == 1] + " slowly"
		}
		return "The suite grows slowly"
	case string(monitor.StatusOK):
		return "Nothing is worse than usual"
	case learning:
		return "Learning what is usual"
	}
	return "Not judged"
}

// runTable returns the tests of a run as CSV.
func runTable(data *runPage) *table {
	t := &table{Header: []string{"item_fs_loc", "component", "item_path", "item", "item_variant", "kind", "env", "status", "total_time",
		"cpu_time", "mem_usage", "before", "ratio", "outcome", "attempts"}}
	for _, r := range data.Tests {
		t.Rows = append(t.Rows, []string{r.File, r.Test.Component, r.Test.ItemPath, r.Test.Item, r.Test.ItemVariant, r.Test.Kind, r.Env,
			r.Status, numberText(r.Wall), numberText(r.CPU), numberText(r.Mem), numberText(r.Before), numberText(r.Ratio), r.Outcome,
			strconv.FormatInt(r.Attempts, 10)})
	}
	return t
}
