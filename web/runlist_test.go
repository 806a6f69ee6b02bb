package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
	"pymon-bridge/web"
)

// runList is the JSON of the list of runs.
type runList struct {
	Runs []struct {
		Run, Status string
	}
	Before string
}

func (l *runList) ids() (all []string) {
	for _, r := range l.Runs {
		all = append(all, r.Run)
	}
	return all
}

func TestRunsAreFiltered(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	one := map[string]float64{"tests/a.py::test_a": 1}
	for n := range 6 {
		s.add(order{n: n, tests: one})
	}
	s.judge(1, result("tests/a.py::test_a", monitor.StatusRegression, 1, 2, 0, 1))
	s.judge(2, result("tests/a.py::test_a", monitor.StatusSuspect, 1, 2, 1, 2))
	s.judge(3)
	s.add(order{n: 6, branch: "topic", tests: one, failed: []string{"tests/a.py::test_b"}})
	s.add(order{n: 7, machine: "-2", tests: one})
	s.add(order{n: 8, run: "odd <i>&?/ run", tests: one})
	s.add(order{n: 4, run: "live", tests: one, open: true, received: s.now})
	for query, want := range map[string][]string{
		"":                      {"live", "odd <i>&?/ run", "run-7", "run-6", "run-5", "run-4", "run-3", "run-2", "run-1", "run-0"},
		"branch=topic":          {"run-6"},
		"branch=gone":           {},
		"status=failed":         {"run-6"},
		"status=regression":     {"run-1"},
		"status=suspect":        {"run-2"},
		"status=ok":             {"run-3"},
		"status=running":        {"live"},
		"q=RUN-1":               {"run-1"},
		"q=" + commitOf(5)[30:]: {"run-5"},
		"q=topic+run":           {"run-6"},
		"q=topic+run-5":         {},
		"env=" + "Linux-x86_64+8x+CPU-2+32G+py3.11": {"run-7"},
		"unknown=1&q=%20": {"live", "odd <i>&?/ run", "run-7", "run-6", "run-5", "run-4", "run-3", "run-2", "run-1", "run-0"},
	} {
		var page runList
		s.data("/p/shop/runs?"+query, &page)
		assert.Equal(t, want, append([]string{}, page.ids()...), query)
		assert.Empty(t, page.Before, query)
	}
	s.refuses("/p/shop/runs", map[string]string{"status": "bad", "before": "yesterday", "format": "xml"})
	s.sound("/p/shop/runs")
	html := s.html("/p/shop/runs")
	assert.NotContains(t, html, "<i>&?/ run")
	assert.Contains(t, html, `aria-current="page"`)
	rows, err := csv.NewReader(s.get("/p/shop/runs?format=csv").Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+10)
}

// TestRunsTurnPages holds that each run is on one page exactly, also where many started in the same moment.
func TestRunsTurnPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var want []string
	for n := range 130 {
		run := fmt.Sprintf("run-%03d", n)
		s.add(order{n: n / 120, run: run, branch: fmt.Sprint("b", n%3), tests: map[string]float64{"tests/a.py::test_a": 1}})
		want = append(want, run)
	}
	for query, of := range map[string]func(run string) bool{
		"":           func(string) bool { return true },
		"branch=b1&": func(run string) bool { return (int(run[4]-'0')*100+int(run[5]-'0')*10+int(run[6]-'0'))%3 == 1 },
		"q=-1&":      func(run string) bool { return strings.HasPrefix(run, "run-1") },
	} {
		var got []string
		for before, pages := "", 0; ; pages++ {
			require.Less(t, pages, 5)
			var page runList
			s.data("/p/shop/runs?"+query+"before="+before, &page)
			assert.LessOrEqual(t, len(page.Runs), 50)
			got = append(got, page.ids()...)
			if before = page.Before; before == "" {
				break
			}
		}
		slices.Sort(got)
		wanted := slices.DeleteFunc(slices.Clone(want), func(run string) bool { return !of(run) })
		assert.Equal(t, wanted, got, query)
	}
	s.sound("/p/shop/runs")
}

// crowd is a store with runs that all started in the same nanosecond.
type crowd struct {
	*fakeStore
	n int
}

func (c crowd) RunInfos(_ context.Context, q monitor.RunInfoQuery) (infos []*monitor.RunInfo, _ error) {
	for n := range c.n {
		info := c.info(0)
		if info.ID = fmt.Sprintf("run-%03d", n); (q.Before == 0 || info.Started < q.Before) && (q.Limit == 0 || len(infos) < q.Limit) {
			infos = append(infos, info)
		}
	}
	return infos, nil
}

func (crowd) Branches(context.Context, string, int) ([]string, error) { return nil, nil }

// TestRunsOfOneMomentTurnPages holds that no run is lost that started together with more runs than are read at a time.
func TestRunsOfOneMomentTurnPages(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{})
	pages := web.New(web.Parts{Store: crowd{s.store, 450}, Words: fakeWords{}, Detector: fakeWords{}, Turns: &turns.Queue{AtOnce: 1, MaxWaiting: 1}, Log: slog.New(slog.DiscardHandler)})
	auth := httpd.NewAuthenticator(fakeWords{}, slog.New(slog.DiscardHandler))
	auth.AllowAnonymous = true
	s.Server = httpd.New(auth, slog.New(slog.DiscardHandler))
	s.HostNames = []string{"example.com"}
	pages.Mount(s.Server)
	seen := map[string]bool{}
	for before, n := "", 0; ; n++ {
		require.Less(t, n, 10)
		var page runList
		require.NoError(t, json.Unmarshal(s.get("/p/shop/runs?format=json&before="+before).Body.Bytes(), &page))
		for _, run := range page.Runs {
			assert.False(t, seen[run.Run], run.Run)
			seen[run.Run] = true
		}
		if before = page.Before; before == "" {
			break
		}
	}
	assert.Len(t, seen, 450)
}
