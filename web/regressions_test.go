package web_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// regressionList is the JSON of the list of regressions.
type regressionList struct {
	Judged int `json:"judged_runs"`
	Counts map[string]int
	Groups []struct {
		FirstBad    string `json:"first_bad"`
		Regressions []struct {
			Variant     string `json:"item_variant"`
			State       string
			Also        []string
			First, Last struct{ Run string }
			Ended       *struct{ Run string }
		}
	}
}

// rows returns the regressions as "group test state first-last end".
func (l *regressionList) rows() []string {
	all := []string{}
	for _, g := range l.Groups {
		for _, r := range g.Regressions {
			text := strings.TrimLeft(g.FirstBad, "0") + " " + r.Variant + " " + r.State + " " + r.First.Run + " " + r.Last.Run
			if r.Ended != nil {
				text += " " + r.Ended.Run
			}
			all = append(all, strings.TrimSpace(text))
		}
	}
	return all
}

func TestRegressionsAreFollowed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a, b, c = "tests/a.py::test_a", "tests/a.py::test_b", "tests/c.py::test_c[<b>]"
	for n := range 8 {
		s.add(order{n: n, tests: map[string]float64{a: 1, b: 1, c: 1}})
	}
	worse := func(test string, bad int) monitor.Result {
		return result(test, monitor.StatusRegression, 1, 2, bad-1, bad)
	}
	cpu := worse(a, 5)
	cpu.Metric = monitor.MetricCPUTime
	s.judge(0, worse(b, 0))
	s.judge(1, result(b, monitor.StatusResolved, 1, 1, 0, 1))
	s.judge(2, worse(b, 2), worse(c, 2))
	s.judge(3, worse(c, 2), result(a, monitor.StatusSuspect, 1, 2, 2, 3))
	s.judge(4, result(c, monitor.StatusImprovement, 1, 1, 2, 4))
	s.judge(5, worse(a, 5), cpu, worse(c, 5))
	accepted := s.judge(6)
	was := worse(b, 2)
	accepted.Accepted = []monitor.ResultID{was.ID()}
	require.NoError(t, s.db.KeepReport(t.Context(), accepted))
	s.judge(7, worse(a, 5))
	first := func(n int) string { return strings.TrimLeft(commitOf(n), "0") }
	openA, openC := first(5)+" test_a open run-5 run-7", first(5)+" test_c[<b>] open run-5 run-5"
	gone := []string{first(2) + " test_b accepted run-2 run-2 run-6", first(2) + " test_c[<b>] resolved run-2 run-3 run-4",
		first(0) + " test_b resolved run-0 run-0 run-1"}
	for query, want := range map[string][]string{
		"":                     {openA, openC},
		"state=open":           {openA, openC},
		"state=accepted":       gone[:1],
		"state=resolved":       gone[1:],
		"state=all":            append([]string{openA, openC}, gone...),
		"branch=topic":         {},
		"group=test&state=all": {"test_a open run-5 run-7", "test_b accepted run-2 run-2 run-6", "test_b resolved run-0 run-0 run-1", "test_c[<b>] open run-5 run-5", "test_c[<b>] resolved run-2 run-3 run-4"},
	} {
		var page regressionList
		s.data("/p/shop/regressions?"+query, &page)
		assert.Equal(t, want, page.rows(), query)
	}
	var page regressionList
	s.data("/p/shop/regressions?state=all", &page)
	assert.Equal(t, map[string]int{"all": 5, "open": 2, "accepted": 1, "drift": 0, "resolved": 2}, page.Counts)
	assert.Equal(t, 8, page.Judged)
	assert.Equal(t, []string{"CPU time"}, append(page.Groups[0].Regressions[0].Also, page.Groups[0].Regressions[1].Also...), "one row for each test")
	s.refuses("/p/shop/regressions", map[string]string{"state": "closed", "group": "day", "format": "xml"})
	for _, query := range []string{"?state=all", "?state=all&group=test"} {
		s.sound("/p/shop/regressions" + query)
		assert.NotContains(t, s.html("/p/shop/regressions"+query), "[<b>]")
	}
	assert.Contains(t, s.html("/p/shop/regressions"), "2 regressions are open")
	for _, page := range []string{"", "runs", "runs/run-3", "regressions?branch=topic"} {
		assert.Contains(t, s.html("/p/shop/"+page), `Regressions<b class="n">2<span class="sr"> open</span></b></a>`, "of the main branch, on each page")
	}
	assert.Contains(t, s.html("/p/shop/"), `Open regressions <span class="dim">2 tests`, "also one that the last run left out")
	rows, err := csv.NewReader(s.get("/p/shop/regressions?state=all&format=csv").Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+5)

	s.html("/p/shop/runs") // the reports are read
	s.store.kept = 0
	s.html("/p/shop/runs")
	s.html("/p/shop/regressions")
	assert.Zero(t, s.store.kept, "reports are not read again")
	cpu = result(a, monitor.StatusResolved, 1, 1, 4, 7)
	cpu.Metric = monitor.MetricCPUTime
	s.judge(7, result(a, monitor.StatusResolved, 1, 1, 4, 7), cpu)
	assert.Contains(t, s.html("/p/shop/runs"), `Regressions<b class="n">1<`)
	assert.NotContains(t, s.html("/p/none/"), `class="n"`)
}

func TestNoRegressionIsSaidInWords(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py::test_a": 1}})
	assert.Contains(t, s.html("/p/shop/regressions"), "Nothing is judged yet")
	for _, status := range []monitor.Status{monitor.StatusLearning, monitor.StatusNotJudged} {
		r := s.judge(1)
		r.Results = []monitor.Result{result("a.py::test_a", status, 1, 1, 0, 1)}
		r.Arrange()
		require.NoError(t, s.db.KeepReport(t.Context(), r))
		html := s.html("/p/shop/regressions?state=resolved")
		assert.Contains(t, html, "Nothing is judged yet", "a report that says only %s", status)
		assert.Contains(t, html, "No test of main could be judged.")
		assert.NotContains(t, html, "No regression")
	}
	s.judge(1)
	s.add(order{n: 40, tests: map[string]float64{"a.py::test_a": 1}})
	s.judge(40)
	html := s.html("/p/shop/regressions")
	assert.Contains(t, html, "Nothing is worse than usual")
	assert.Contains(t, html, "2 runs of main judged since 1 November 2026.")
	assert.Contains(t, s.html("/p/shop/regressions?state=resolved"), "No regression is resolved.")
	assert.Contains(t, s.html("/p/none/regressions"), "No run of none yet")
}

// TestTheOverviewOfABranchLeadsToItsRegressions holds that the link to all open regressions keeps the branch.
func TestTheOverviewOfABranchLeadsToItsRegressions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests, results := map[string]float64{}, []monitor.Result{}
	for n := range 21 {
		test := fmt.Sprintf("tests/a.py::test_%d", n)
		tests[test] = 1
		results = append(results, result(test, monitor.StatusRegression, 1, 2, 0, 1))
	}
	s.add(order{n: 1, branch: "topic/a&b", tests: tests})
	s.judge(1, results...)
	assert.Contains(t, s.html("/p/shop/?branch=topic/a%26b"), `<a href="/p/shop/regressions?branch=topic%2fa%26b">All open regressions</a>`)
}

// TestManyRegressionsAreReadOnce holds that the reports of a branch are read again only when one was kept, however much they say, and
// that the counts are of all.
func TestManyRegressionsAreReadOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const open, resolved = 2100, 600
	var before, last []monitor.Result
	for n := range open + resolved {
		test := fmt.Sprintf("tests/a.py::test_%04d", n)
		r := result(test, monitor.StatusRegression, 1, 2+float64(n), 1, 2)
		if n < resolved {
			before = append(before, r)
			last = append(last, result(test, monitor.StatusResolved, 1, 1, 1, 2))
		} else {
			last = append(last, r)
		}
	}
	for n := 1; n < 3; n++ {
		s.add(order{n: n, tests: map[string]float64{"tests/a.py::test_0000": 1}})
	}
	s.judge(1, before...)
	s.judge(2, last...)
	assert.Contains(t, s.html("/p/shop/"), `Open regressions <span class="dim">2,100 tests`)
	s.store.kept = 0
	for state, want := range map[string]int{"open": open, "resolved": resolved, "all": open + resolved} {
		var page struct {
			regressionList
			More int
		}
		s.data("/p/shop/regressions?state="+state, &page)
		assert.Equal(t, map[string]int{"all": open + resolved, "open": open, "resolved": resolved, "drift": 0}, page.Counts)
		rows := page.rows()
		assert.Len(t, rows, 500, state)
		assert.Equal(t, want-500, page.More, state)
		if state != "resolved" {
			assert.Contains(t, rows[0], "test_2699", "the greatest of the latest ones")
		}
	}
	assert.Zero(t, s.store.kept, "nothing is read again")
}

// A regression needs a second run at the usual value to end. The pages say so after the first.
func TestUsualAgainIsSaid(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for n := range 3 {
		s.add(order{n: n, tests: map[string]float64{"tests/a.py::test_a": 1}})
	}
	pages := []string{"/p/shop/", "/p/shop/runs/run-2", "/p/shop/test?path=tests.a&name=test_a"}
	for _, again := range []bool{false, true} {
		one := result("tests/a.py::test_a", monitor.StatusRegression, 1, 2, 0, 1)
		one.UsualAgain = again
		s.judge(2, one)
		for _, page := range pages {
			assert.Equal(t, again, strings.Contains(s.html(page), "usual again in the judged run: a second such run ends it"), "%s %v", page, again)
		}
	}
}
