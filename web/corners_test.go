package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestProgramsReadTheFirstPage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	assert.Equal(t, http.StatusOK, s.get("/?format=json", "Accept", "*/*").Code)
	assert.Equal(t, http.StatusNotFound, s.get("/", "Accept", "*/*").Code)
}

func TestATestNamedBySpacesCanBeClicked(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py:: ": 1}})
	s.add(order{n: 2, tests: map[string]float64{"a.py:: ": 1}})
	for _, page := range []string{"", "runs/run-1", "tests?view=flat", "compare?only=all"} {
		assert.Contains(t, s.html("/p/shop/"+page), "<b>&#34; &#34;</b>", page)
	}
}

func TestAPlaceIsMarkedWhereItIs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py::test_a": 1}})
	assert.NotContains(t, s.html("/p/shop/find?q=zzz"), `aria-current="page">Overview`)
	assert.Contains(t, s.html("/p/shop/"), `aria-current="page">Overview`)
}

func TestRunsWithoutABranchAreChosen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py::test_a": 1}})
	s.addSession(order{n: 2, branch: "-", tests: map[string]float64{"a.py::test_a": 1}}, "")
	for query, want := range map[string][]string{"": {"run-2", "run-1"}, "branch=*": {"run-2", "run-1"}, "branch=": {"run-2"}, "branch=main": {"run-1"}} {
		var page runList
		s.data("/p/shop/runs?"+query, &page)
		assert.Equal(t, want, page.ids(), query)
	}
	assert.Contains(t, s.html("/p/shop/runs?branch="), `<option value="" selected>no branch</option>`)
	assert.Contains(t, s.html("/p/shop/runs"), `<option value="*" selected>all branches</option>`)
	assert.Contains(t, s.html("/p/shop/runs?branch=main"), `<option value="main" selected>main</option>`)
}

func TestHeadlineCountsWhatTheSentenceCounts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py::test_a": 1}})
	wall := result("a.py::test_a", monitor.StatusRegression, 1, 2, 0, 1)
	cpu := wall
	cpu.Metric = monitor.MetricCPUTime
	s.judge(1, wall)
	assert.Contains(t, s.html("/p/shop/runs/run-1"), "<h1>1 test got worse</h1>\n<p>1 regression in 6 tests.")
	s.judge(1, wall, cpu)
	assert.Contains(t, s.html("/p/shop/runs/run-1"), "<h1>2 regressions in 1 test</h1>\n<p>2 regressions in 6 tests.")
}
