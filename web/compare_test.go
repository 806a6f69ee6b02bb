package web_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// comparison is the JSON of a comparison.
type comparison struct {
	Base, Head *struct{ Run string }
	Tests      []struct {
		Name    string
		Base    float64
		Head    float64
		Ratio   float64 `json:"head_to_base"`
		Times   float64 `json:"times_noise"`
		Verdict string
	}
	Found, Worse, Better int
	Within               int `json:"within_noise"`
	New, Gone            []struct{ Name string }
	Machines             []string
}

func (c *comparison) names() []string {
	all := []string{}
	for _, t := range c.Tests {
		all = append(all, t.Name)
	}
	return all
}

// rival is stored as six alike runs of main and one of a topic, in which some tests differ. test_wild varies on main.
func rival(t *testing.T) *shop {
	s := newShop(t)
	for n := range 6 {
		s.add(order{n: n, tests: map[string]float64{"a.py::test_slow": 1, "a.py::test_fast": 1, "a.py::test_same": 1, "a.py::test_tiny": 0.0001,
			"a.py::test_wild": 1 + float64(n%2), "a.py::test_gone": 1}})
	}
	s.add(order{n: 7, run: "topic-7", branch: "topic", tests: map[string]float64{"a.py::test_slow": 3, "a.py::test_fast": 0.5,
		"a.py::test_same": 1.05, "a.py::test_tiny": 0.0009, "a.py::test_wild": 1.4, "a.py::test_new[<b>]": 1}})
	r := s.judge(7, result("a.py::test_slow", monitor.StatusRegression, 1, 3, 5, 7))
	r.Run, r.Previous = "topic-7", "run-5"
	require.NoError(t, s.db.KeepReport(t.Context(), r))
	return s
}

// limitOf returns the greatest usual wall time of a test with these values.
func limitOf(t *testing.T, values ...float64) float64 {
	t.Helper()
	detector, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	_, _, high := detector.Usual(envOf(""), monitor.MetricTotalTime, values)
	return high
}

func TestRunsAreCompared(t *testing.T) {
	t.Parallel()
	s := rival(t)
	sides := "/p/shop/compare?base=run-5&head=topic-7&"
	for query, want := range map[string][]string{
		"":                        {"test_slow", "test_fast"},
		"only=worse":              {"test_slow"},
		"only=better":             {"test_fast"},
		"min=2.5":                 {"test_slow"},
		"q=FAST":                  {"test_fast"},
		"only=all&min=2":          {"test_slow", "test_fast", "test_tiny"},
		"only=all&q=a.py+test_sa": {"test_same"},
		"metric=cpu&only=worse":   {"test_slow"},
		"metric=mem":              {},
	} {
		var page comparison
		s.data(sides+query, &page)
		assert.Equal(t, want, page.names(), query)
		if query == "" {
			assert.Equal(t, []int{1, 1, 3}, []int{page.Worse, page.Better, page.Within})
			assert.Equal(t, "test_new[<b>]", page.New[0].Name)
			assert.Equal(t, "test_gone", page.Gone[0].Name)
			slow := page.Tests[0]
			assert.Equal(t, []float64{1, 3, 3}, []float64{slow.Base, slow.Head, slow.Ratio})
			assert.InDelta(t, 2/(limitOf(t, 1, 1, 1, 1, 1, 1)-1), slow.Times, 1e-4, "noise is what the detector takes for usual")
			assert.Equal(t, "regression", slow.Verdict, "of the kept report")
			assert.Empty(t, page.Tests[1].Verdict, "a page does not judge")
			assert.Nil(t, page.Machines)
		}
	}
	s.sound(sides + "only=all")
	html := s.html(sides)
	assert.NotContains(t, html, "[<b>]")
	assert.Contains(t, html, "1 test slower, 1 faster")
	assert.Contains(t, html, "within noise, <a href")
	assert.Contains(t, html, `slower <span class="dim">9.6 × noise</span>`)
	assert.Contains(t, html, "in the base and the 5 runs before it")
	assert.Contains(t, s.html("/p/shop/compare?base=run-1&head=run-2"), "in the base and the run before it")
	alone := s.html("/p/shop/compare?base=run-0&head=run-1")
	assert.Contains(t, alone, "by the values of the test in the base.")
	assert.NotContains(t, alone, "and 0 runs")
	rows, err := csv.NewReader(s.get(sides + "only=all&format=csv").Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+5)
	s.refuses("/p/shop/compare", map[string]string{"base": "nothing", "head": "nothing", "metric": "size", "only": "odd", "min": "0.5",
		"offset": "x", "pick": "run-1", "format": "xml"})
	for _, min := range []string{"NaN", "Inf", "-1", "many"} {
		s.refuses("/p/shop/compare", map[string]string{"min": min})
	}
}

func TestRunsAreNamedInManyWays(t *testing.T) {
	t.Parallel()
	s := rival(t)
	s.add(order{n: 8, branch: "topic", tests: map[string]float64{"a.py::test_slow": 1}, open: true, received: s.now})
	s.add(order{n: 9, branch: "alone", tests: map[string]float64{"a.py::test_slow": 1}})
	for query, want := range map[string][2]string{
		"":                           {"run-4", "run-5"},
		"head=run-2":                 {"run-1", "run-2"},
		"base=previous&head=run-2":   {"run-1", "run-2"},
		"base=main&head=topic":       {"run-5", "topic-7"},
		"base=run-0":                 {"run-0", "run-5"},
		"head=" + commitOf(3):        {"run-2", "run-3"},
		"base=run-3&head=run-1&x=y":  {"run-3", "run-1"},
		"base=run-1&head=run-1":      {"run-1", "run-1"},
		"base=topic-7&head=run-0&q=": {"topic-7", "run-0"},
	} {
		var page comparison
		s.data("/p/shop/compare?"+query, &page)
		require.NotNil(t, page.Base, query)
		assert.Equal(t, want, [2]string{page.Base.Run, page.Head.Run}, query)
	}
	var page comparison
	s.data("/p/shop/compare?base=run-1&head="+commitOf(3)[:39], &page)
	assert.Equal(t, "run-8", page.Head.Run, "of those whose commit begins so it arrived last")
	assert.Contains(t, s.html("/p/shop/compare?head=alone"), "Nothing to compare yet")
	assert.Contains(t, s.html("/p/shop/compare?head=alone"), "run-9")
	assert.Contains(t, s.html("/p/none/compare"), "No run of none yet")
}

func TestTwoCheckedRunsAreCompared(t *testing.T) {
	t.Parallel()
	s := rival(t)
	w := s.get("/p/shop/compare?pick=topic-7&pick=run-2")
	assert.Equal(t, 303, w.Code)
	assert.Equal(t, "/p/shop/compare?base=run-2&head=topic-7", w.Header().Get("Location"), "the earlier one is the base")
	for _, query := range []string{"pick=run-1", "pick=run-1&pick=run-2&pick=run-3", "pick=run-1&pick=gone"} {
		assert.Equal(t, 400, s.get("/p/shop/compare?"+query).Code, query)
	}
	assert.Contains(t, s.html("/p/shop/runs/topic-7"), `href="/p/shop/compare?base=run-5&amp;head=topic-7"`)
	s.sound("/p/shop/runs/topic-7")
	assert.Contains(t, s.html("/p/shop/runs"), `name="pick" value="topic-7" form="compare"`)
}

func TestOtherMachinesAreNamed(t *testing.T) {
	t.Parallel()
	s := rival(t)
	s.add(order{n: 10, machine: "-9", tests: map[string]float64{"a.py::test_slow": 9, "a.py::test_same": 1}})
	var page comparison
	s.data("/p/shop/compare?base=run-5&head=run-10", &page)
	assert.Equal(t, []string{"CPU", "CPU-9"}, page.Machines)
	assert.Equal(t, []string{"test_slow"}, page.names(), "tests are compared all the same")
	assert.Contains(t, s.html("/p/shop/compare?base=run-5&head=run-10"), "different classes of machine")
}

func TestComparisonsTurnPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for n := range 2 {
		tests := map[string]float64{}
		for i := range 120 {
			tests[fmt.Sprintf("a.py::test_%03d", i)] = 1 + float64(n*i)
		}
		for _, name := range hostile {
			tests[name] = 1 + float64(n)
		}
		s.add(order{n: n, tests: tests})
	}
	var page comparison
	for offset, want := range map[int]string{0: "test_119", 50: "test_069", 1000: ""} {
		s.data(fmt.Sprintf("/p/shop/compare?min=2.5&offset=%d", offset), &page)
		assert.Equal(t, 118, page.Found)
		if want == "" {
			assert.Empty(t, page.Tests)
		} else {
			assert.Equal(t, want, page.Tests[0].Name)
		}
	}
	s.sound("/p/shop/compare?offset=100&q=" + url.QueryEscape(".py"))
}
