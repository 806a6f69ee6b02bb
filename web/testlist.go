package web

import (
	"context"
	"path"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// recentRuns is how many measurements the sparkline of a test has, and how many outcomes its pass rate.
const recentRuns = 60

// testListPage lists the tests of a project, as the last run of a branch measured them.
type testListPage struct {
	Run      *runRow      `json:"run"` // nil where no run of the branch has measured a test
	Path     string       `json:"path"`
	Folders  []*folderRow `json:"folders"` // below the path; empty in a flat list
	Tests    []*testLine  `json:"tests"`   // of the path itself, or of a flat list
	Number   int          `json:"found"`   // folders or tests on all pages of the list
	Offset   int          `json:"offset"`
	Branches []string     `json:"branches"`
	Envs     []string     `json:"environments"`
	Branch   string       `json:"branch"`
	Env      string       `json:"env"` // empty for all of the run
	Flat     bool         `json:"-"`
	Compare  int          `json:"compared_with"` // number of earlier runs
	Sort     string       `json:"-"`
	Up       bool         `json:"-"` // ascending
	Most     float64      `json:"-"` // greatest wall time on the page
}

func (d *testListPage) sortedBy() (string, bool) { return d.Sort, d.Up }

// testLine is a test with its recent history.
type testLine struct {
	*testRow
	From   string `json:"last_good"` // commits between which it changed, if the kept report says so
	To     string `json:"first_bad"`
	Passed int    `json:"passed"` // of Ended, at the first attempt
	Ended  int    `json:"ended"`
	Trend  line   `json:"-"`
}

// testList answers where the time goes, and how each test is.
func (p *Pages) testList(v *visit) (*view, error) {
	ctx, s := v.Request.Context(), v.State
	data := &testListPage{Path: strings.Trim(slashed(s.text("path", "")), "/"), Offset: s.number("offset"), Env: s.text("env", ""),
		Folders: []*folderRow{}, Tests: []*testLine{}}
	q := selection{words: words(s.text("q", "")), offset: data.Offset, n: pageRows}
	q.by, q.descending = s.order()
	data.Sort, data.Up = q.by, !q.descending
	data.Flat = s.oneOf("view", "tree", "flat") == "flat" || len(q.words) > 0
	if s.values.Get("format") == "csv" {
		q.offset, q.n = 0, csvRows
	}
	if err := s.err(); err != nil {
		return nil, err
	}
	branch, start, err := p.mainBranch(v)
	if err != nil || start != nil {
		return start, err
	}
	data.Branch = branch
	if err := p.fillTestList(ctx, v.Project, data, q); err != nil {
		return nil, err
	}
	return &view{Template: "test-list", Fragments: []string{"test-list-rows"}, Title: "Tests", Place: "tests", Data: data,
		Table: func() *table { return testListTable(data) }}, nil
}

func (p *Pages) fillTestList(ctx context.Context, project string, data *testListPage, q selection) (err error) {
	if data.Branches, err = p.branches(ctx, project, data.Branch); err != nil {
		return err
	}
	if data.Run, err = p.lastRun(ctx, project, data); err != nil || data.Run == nil {
		return err
	}
	if err := p.readReport(ctx, data.Run); err != nil {
		return err
	}
	s, err := p.snapshot(ctx, data.Run)
	if err != nil {
		return err
	}
	data.Compare = s.compare
	if !data.Flat {
		var files []*test
		data.Folders, files = treeOf(s, data.Path, data.Env)
		for len(data.Folders) == 1 && len(files) == 0 && !data.Folders[0].File { // a folder alone says nothing
			data.Folders, files = treeOf(s, data.Folders[0].Path, data.Env)
		}
		for _, f := range data.Folders {
			f.Name, _ = rest(f.Path, data.Path)
		}
		sortFolders(data.Folders, q.by, q.descending)
		if data.Number = len(data.Folders); data.Number > 0 {
			data.Folders = paginate(data.Folders, q.offset, q.n)
			return nil
		}
		inFile := map[*test]bool{}
		for _, t := range files {
			inFile[t] = true
		}
		q.only = func(t *test) bool { return inFile[t] }
	} else {
		q.only = below(data.Path, data.Env)
	}
	picked, found := s.pick(q)
	data.Number = found
	return p.fillLines(ctx, data, picked)
}

// lastRun returns the last run of the branch that has ended and has the class of machine. It prefers a whole run, since others
// have some of the tests only. It adds the classes of machine of the last runs.
func (p *Pages) lastRun(ctx context.Context, project string, data *testListPage) (*runRow, error) {
	infos, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Branch: &data.Branch, Measured: true, Limit: scanPart})
	if err != nil || len(infos) == 0 {
		return nil, err
	}
	var of []*monitor.RunInfo
	for _, info := range infos {
		for _, env := range info.Environments {
			if !slices.Contains(data.Envs, env) {
				data.Envs = append(data.Envs, env)
			}
		}
		if data.Env == "" || slices.Contains(info.Environments, data.Env) {
			of = append(of, info)
		}
	}
	slices.Sort(data.Envs)
	if len(of) == 0 {
		data.Envs = append(data.Envs, data.Env)
		return nil, nil
	}
	chosen, err := p.ended(ctx, of)
	if err != nil {
		return nil, err
	}
	rows, err := p.runRows(ctx, []*monitor.RunInfo{chosen})
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// ended returns the latest of some runs that is not under way and has about as many tests as the others, since a run by hand
// may have a few only. It prefers a whole run. The latest comes first in infos.
func (p *Pages) ended(ctx context.Context, infos []*monitor.RunInfo) (*monitor.RunInfo, error) {
	best, most := infos[0], int64(0)
	var some []*monitor.RunInfo
	for part := range slices.Chunk(infos, 2*earlierRuns) {
		activities, err := p.parts.Store.Activities(ctx, part[0].Project, idsOf(part))
		if err != nil {
			return nil, err
		}
		for _, info := range part {
			if a := activities[info.ID]; a != nil && !a.Running(p.Now(), p.Quiet) && len(some) < earlierRuns {
				some, most = append(some, info), max(most, info.Tests)
			}
		}
		if len(some) == earlierRuns {
			break
		}
	}
	for _, whole := range []bool{false, true} {
		for _, info := range slices.Backward(some) {
			if 2*info.Tests >= most && (info.Whole || !whole) {
				best = info
			}
		}
	}
	return best, nil
}

// fillLines adds the tests with their recent history.
func (p *Pages) fillLines(ctx context.Context, data *testListPage, picked []*test) error {
	series := make([]monitor.Series, 0, pageRows)
	for _, t := range picked[:min(pageRows, len(picked))] { // a table for machines has no sparklines
		series = append(series, t.Series())
	}
	recent, err := p.parts.Store.RecentTests(ctx, monitor.RecentQuery{Tests: series, Branch: data.Branch, Limit: recentRuns, Outcomes: true})
	if err != nil {
		return err
	}
	changes := map[monitor.TestID]monitor.Result{} // the worst one
	if r := data.Run.Report; r != nil {
		for _, result := range r.Results {
			if _, known := changes[result.TestID]; !known {
				changes[result.TestID] = result
			}
		}
	}
	for i, row := range testRows(picked) {
		l := &testLine{testRow: row}
		if change, ok := changes[row.Test]; ok {
			l.From, l.To = change.LastGood, change.FirstBad
		}
		if i < len(recent) {
			l.Passed, l.Ended = recent[i].Passed, recent[i].Ended
			l.Trend = noLine()
			l.Trend.Status, l.Trend.Values = string(row.Changes[monitor.MetricTotalTime]), valuesOf(pointsOf(recent[i], row.Env), monitor.MetricTotalTime)
			p.band(&l.Trend, row.Env, monitor.MetricTotalTime)
		}
		data.Most = max(data.Most, float64(row.Wall))
		data.Tests = append(data.Tests, l)
	}
	return nil
}

// slashed returns a path of a file with slashes, without parts that say nothing.
func slashed(file string) string {
	if file == "" {
		return ""
	}
	return path.Clean(strings.ReplaceAll(file, `\`, "/"))
}

// testListTable is the page as CSV: its folders, or the tests of a flat list.
func testListTable(d *testListPage) *table {
	rows := make([]*testRow, len(d.Tests))
	for i, l := range d.Tests {
		rows[i] = l.testRow
	}
	if d.Flat || len(d.Folders) == 0 {
		return runTable(&runPage{Tests: rows})
	}
	return folderTable(d.Folders)
}
