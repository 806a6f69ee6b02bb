package web_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// counted is a store that counts what it was asked.
type counted struct {
	*sqlite.DB
	reports, samples int
	asked            int // questions about runs and histories
	kept             int // questions for kept reports of lists
	queries          []monitor.RunInfoQuery
}

func (s *counted) KeptReports(ctx context.Context, project string, runs []string, statuses ...monitor.Status) (map[string]*monitor.Report, error) {
	s.kept++
	return s.DB.KeptReports(ctx, project, runs, statuses...)
}

func (s *counted) ReportVersions(ctx context.Context, project string, runs []string) (map[string]int64, error) {
	s.asked++
	return s.DB.ReportVersions(ctx, project, runs)
}

func (s *counted) Activities(ctx context.Context, project string, runs []string) (map[string]*monitor.Activity, error) {
	s.asked++
	return s.DB.Activities(ctx, project, runs)
}

func (s *counted) TestHistory(ctx context.Context, q monitor.TestQuery) ([]monitor.TestPoint, error) {
	s.asked++
	return s.DB.TestHistory(ctx, q)
}

func (s *counted) RecentTests(ctx context.Context, q monitor.RecentQuery) ([]monitor.RecentTest, error) {
	s.asked++
	return s.DB.RecentTests(ctx, q)
}

func (s *counted) Report(ctx context.Context, project, run string) (*monitor.Report, error) {
	s.reports++
	return s.DB.Report(ctx, project, run)
}

func (s *counted) RunInfos(ctx context.Context, q monitor.RunInfoQuery) ([]*monitor.RunInfo, error) {
	s.asked++
	s.queries = append(s.queries, q)
	return s.DB.RunInfos(ctx, q)
}

func (s *counted) Samples(ctx context.Context, of monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	s.samples++
	return s.DB.Samples(ctx, of, runs)
}

// TestListsDoNotReadReportsAgain checks that a page reads the whole report of the run that it is about, and of other runs only
// those that are new.
func TestListsDoNotReadReportsAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const test = "tests/a.py::test_one"
	for n := range 12 {
		s.add(order{n: n, tests: map[string]float64{test: 1}})
		s.judge(n, result(test, monitor.StatusRegression, 1, 2, 0, 1))
	}
	pages := map[string]int{"/p/shop/": 1, "/p/shop/runs": 0, "/p/shop/runs/run-11": 1, "/p/shop/runs/run-11?format=json": 1,
		"/p/shop/tests": 1, "/p/shop/regressions": 0}
	for page := range pages {
		assert.Contains(t, s.html(page), "run-11", page)
	}
	for page, most := range pages {
		s.store.reports = 0
		s.html(page)
		assert.LessOrEqual(t, s.store.reports, most, page)
	}
	s.judge(4, result("tests/a.py::test_other", monitor.StatusSuspect, 1, 2, 0, 1))
	s.store.reports = 0
	var list struct {
		Runs []struct{ Run, Status string }
	}
	s.data("/p/shop/runs", &list)
	assert.Equal(t, 1, s.store.reports, "the one that changed")
	for _, r := range list.Runs {
		want := string(monitor.StatusRegression)
		if r.Run == "run-4" {
			want = string(monitor.StatusSuspect)
		}
		assert.Equal(t, want, r.Status, r.Run)
	}
	assert.Len(t, list.Runs, 12)
}

// TestLongListsAskNoMore checks that a page asks as often about many runs and changes as about few.
func TestLongListsAskNoMore(t *testing.T) {
	t.Parallel()
	asked := func(runs, changes int) (all map[string]int) {
		s, all := newShop(t), map[string]int{}
		tests, results := map[string]float64{}, []monitor.Result{}
		for n := range changes {
			test := fmt.Sprintf("tests/a.py::test_%d", n)
			tests[test] = 1
			results = append(results, result(test, monitor.StatusRegression, 1, 2, 0, 1))
		}
		for n := range runs {
			s.add(order{n: n, run: fmt.Sprintf("run-%d", n), tests: tests})
		}
		s.judge(runs-1, results...)
		for _, page := range []string{"", "runs", fmt.Sprintf("runs/run-%d", runs-1), "tests?view=flat", "regressions", "compare"} {
			s.html("/p/shop/" + page)
			s.store.asked = 0
			s.html("/p/shop/" + page)
			all[strings.TrimRight(page, "-0123456789")] = s.store.asked
		}
		return all
	}
	assert.Equal(t, asked(3, 2), asked(9, 8))
}

// TestARunUnderWayIsCheapToFollow checks that the part of a page that a browser asks for every few seconds reads no report, no
// tests, and no earlier run but the one that it counts by.
func TestARunUnderWayIsCheapToFollow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for n := range 5 {
		s.add(order{n: n, tests: map[string]float64{"tests/a.py::test_one": 1, "tests/a.py::test_two": 1}})
		s.judge(n)
	}
	s.add(order{n: 9, tests: map[string]float64{"tests/a.py::test_one": 1}, open: true, received: s.now})
	w := s.get("/p/shop/runs/run-9", "X-Fragment", "run-live")
	assert.Contains(t, w.Body.String(), "Running: 1 of about 2 tests")
	assert.Contains(t, w.Body.String(), "test_one")
	assert.Zero(t, s.store.reports)
	assert.Zero(t, s.store.samples)
	for _, q := range s.store.queries {
		assert.True(t, q.Run == "run-9" || q.Limit == 1, fmt.Sprintf("%+v", q))
	}
}

// TestARunThatTookTheNameOfARemovedOne checks that a page forgets the tests of a removed run, although the new one has as many.
func TestARunThatTookTheNameOfARemovedOne(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, run: "nightly", tests: map[string]float64{"tests/a.py::test_before": 1}})
	assert.Contains(t, s.html("/p/shop/runs/nightly"), "test_before")
	require.NoError(t, s.db.DeleteRecords(t.Context(), &monitor.Deletion{Project: "shop"}))
	s.add(order{n: 2, run: "nightly", tests: map[string]float64{"tests/a.py::test_after": 2}})
	page := s.html("/p/shop/runs/nightly")
	assert.Contains(t, page, "test_after")
	assert.NotContains(t, page, "test_before")
}
