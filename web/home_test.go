package web_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestManyProjectsArePaged checks that each project is on one page of the first page's list, and that no menu has all of them.
func TestManyProjectsArePaged(t *testing.T) {
	t.Parallel()
	var projects []string
	for n := range 250 {
		projects = append(projects, fmt.Sprintf("team-%03d", n))
	}
	s := newSite(&fakeStore{projects: append(projects, "shop"), runs: 1, tests: 1})
	listed := func(query string) (all []string) {
		html := s.get("/" + query).Body.String()
		for _, part := range strings.Split(html, `<a class="test" href="/p/`)[1:] {
			project, _, _ := strings.Cut(part, "/")
			all = append(all, project)
		}
		return all
	}
	assert.Equal(t, append(projects, "shop")[200:], append(listed("?offset=200")[1:], "shop"), "the only one with a run comes first")
	assert.Equal(t, projects[:100], listed(""))
	assert.Equal(t, projects[100:200], listed("?offset=100"))
	assert.Empty(t, listed("?offset=300"))
	first, last := s.get("/").Body.String(), s.get("/?offset=200").Body.String()
	assert.Contains(t, first, `href="?offset=100">Next`)
	assert.Contains(t, last, `href="?offset=100">Back`)
	assert.NotContains(t, last, `rel="next"`)
	assert.Equal(t, []string{"team-207"}, listed("?q=AM-2+07"))
	assert.Contains(t, s.get("/?q=nobody").Body.String(), "No project is called that.")
	assert.NotContains(t, s.get(fmt.Sprintf("/?offset=%d", math.MaxInt)).Body.String(), `rel="next"`)
	assert.Equal(t, http.StatusBadRequest, s.get("/?offset=x").Code)
	page := s.get("/p/shop/").Body.String()
	assert.Equal(t, 30, strings.Count(page, `<a href="/p/team-`), "the menu has some")
	assert.Contains(t, page, `<a href="/">All projects</a>`)
}

// TestLearningSaysHowFarItIs follows a branch from its first run until it is judged.
func TestLearningSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const test = "tests/a.py::test_one"
	s.add(order{n: 0, run: "elsewhere", machine: "-9", tests: map[string]float64{test: 1}})
	for n := range 11 {
		s.add(order{n: n + 1, tests: map[string]float64{test: 1}})
		r := s.judge(n + 1)
		r.Summary.OK, r.Summary.Learning, r.Summary.LearningTests = 0, 3, 1
		s.keep(r)
		want := fmt.Sprintf("%d of 10 runs until judging begins.", n+1)
		for _, page := range []string{"/p/shop/", fmt.Sprintf("/p/shop/runs/run-%d", n+1)} {
			if n < 10 {
				assert.Contains(t, s.html(page), want, page)
			} else {
				assert.NotContains(t, s.html(page), "until judging begins", "there are enough runs; the tests are new")
			}
		}
	}
	s.judge(11)
	assert.NotContains(t, s.html("/p/shop/"), "until judging begins")
}

// TestTheListOfProjectsCountsAsTheirPagesDo holds that a project has as many regressions in the list as on its own pages, whichever
// branch ran last.
func TestTheListOfProjectsCountsAsTheirPagesDo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const test = "tests/a.py::test_a"
	s.add(order{n: 1, tests: map[string]float64{test: 1}})
	s.add(order{n: 2, branch: "topic", tests: map[string]float64{test: 1}})
	s.judge(1, result(test, monitor.StatusRegression, 1, 2, 0, 1))
	other := &monitor.Record{Project: "other", Client: "10.0.0.1", Received: opening, Session: &monitor.Session{SessionH: "x", RunDate: "2026-11-01T08:00:00"}}
	require.NoError(t, s.db.Append(t.Context(), []*monitor.Record{other}))
	var page struct {
		Projects []struct {
			Project     string
			Regressions int
		}
	}
	s.data("/", &page)
	require.Len(t, page.Projects, 2)
	for _, row := range page.Projects {
		assert.Equal(t, map[string]int{"shop": 1}[row.Project], row.Regressions, row.Project)
	}
}
