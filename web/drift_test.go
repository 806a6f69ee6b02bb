package web_test

import (
	"encoding/csv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// Where only wall times are slow, as beside other programs, the CPU time alone would not show why the machine is called slow.
func TestASlowMachineSaysWhatIsSlow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 0, tests: map[string]float64{"tests/a.py::test_a": 1}})
	r := s.judge(0)
	offset := map[string]monitor.Number{monitor.MetricCPUTime: 1.05, monitor.MetricTotalTime: 2.31}
	r.Suite = monitor.Suite{Status: monitor.StatusSlowMachine, Offset: offset,
		Machines: []monitor.Machine{{Env: envOf(""), Status: monitor.StatusSlowMachine, Offset: offset}}}
	require.NoError(t, s.db.KeepReport(t.Context(), r))
	overview := s.html("/p/shop")
	assert.Contains(t, overview, "the machine was slow: wall time ×2.31")
	assert.Contains(t, overview, `data-l="Last run">×1.05 slow, wall time ×2.31</td>`)
}

func TestSlowGrowthIsOnEachPage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a, b = "tests/a.py::test_a", "tests/b.py::test_b"
	for n := range 3 {
		s.add(order{n: n, tests: map[string]float64{a: 1, b: 1}})
	}
	drift := monitor.Drift{Since: monitor.RunMark{Run: "run-0", ScmRef: commitOf(0), Started: time.Date(2026, 3, 12, 8, 0, 0, 0, time.UTC)}, Runs: 43,
		First: 0.4, Now: 0.61, Ratio: 1.53, Rate: 0.01}
	slow := result(a, monitor.StatusDrift, 0.6, 0.61, 0, 0)
	slow.LastGood, slow.FirstBad, slow.Drift = "", "", &drift
	fine := s.judge(1)
	r := s.judge(2, slow)
	r.Suite.Drift = []monitor.PartDrift{{Kind: monitor.PartSuite, Env: envOf(""), Metric: monitor.MetricTotalTime, Drift: drift}}
	r.Parts = []monitor.PartDrift{{Kind: monitor.PartFolder, Part: "tests/<x>", Env: envOf(""), Metric: monitor.MetricCPUTime, Drift: drift}}
	require.NoError(t, s.db.KeepReport(t.Context(), r))
	const since = "about 1 % a run since 0000000000 (12 March 2026): 400 ms → 610 ms (×1.53)"

	run := s.html("/p/shop/runs/run-2")
	assert.Contains(t, run, "<h1>1 test grows slowly</h1>")
	assert.Contains(t, run, `<li>wall time of the whole suite grew by `+since)
	assert.Contains(t, run, `<li>CPU time of folder tests/&lt;x&gt; grew by `+since)
	assert.Contains(t, run, `<td class="num drift" data-l="Ratio">×1.53</td>`)
	assert.Contains(t, run, `<td class="num" data-l="Usual">400 ms</td>`)
	assert.Contains(t, run, "43 runs, little by little")

	overview := s.html("/p/shop")
	assert.Contains(t, overview, `<h2 id="h-drift">Slow growth`)
	assert.Contains(t, overview, `data-l="Ratio">×1.53</td>`)
	assert.Contains(t, overview, `<li>CPU time of folder tests/&lt;x&gt; grew by `+since)

	test := s.html("/p/shop/test?path=tests.a&name=test_a")
	assert.Contains(t, test, "<b>slow growth</b>: wall time grew by "+since)

	list := s.html("/p/shop/regressions?state=drift")
	assert.Contains(t, list, `data-l="Ratio">×1.53</td>`)
	assert.Contains(t, list, "slow growth <b>3</b>", "one test, one folder and the suite")
	assert.NotContains(t, list, "by commit")
	assert.NotContains(t, s.html("/p/shop/regressions"), "×1.53", "slow growth is no open regression")
	var page struct {
		Counts map[string]int
		Drifts []monitor.Result
	}
	s.data("/p/shop/regressions?state=drift", &page)
	assert.Equal(t, 3, page.Counts["drift"])
	assert.EqualValues(t, 0.01, page.Drifts[0].Drift.Rate)

	rows, err := csv.NewReader(s.get("/p/shop/regressions?state=drift&format=csv").Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+3)
	assert.Equal(t, []string{"drift", "tests/a.py", "", "tests.a", "test_a", "test_a", "function", envOf(""), "total_time", "0.4", "0.61", "1.53",
		commitOf(0), "", "run-0"}, rows[1][:15])
	assert.Equal(t, []string{"drift", "", "", "", "", "", "suite", envOf(""), "total_time", "0.4", "0.61", "1.53", commitOf(0), "", "run-0"}, rows[2][:15])
	assert.Equal(t, []string{"tests/<x>", "folder"}, []string{rows[3][1], rows[3][6]})

	// It stays there after runs that say nothing of it.
	s.add(order{n: 3, machine: "-9", tests: map[string]float64{a: 1}})
	s.judge(3)
	s.add(order{n: 4, tests: map[string]float64{a: 1, b: 1}}) // is not judged yet
	for _, page := range []string{"/p/shop", "/p/shop/regressions?state=drift"} {
		assert.Contains(t, s.html(page), `data-l="Ratio">×1.53</td>`, page)
		assert.Contains(t, s.html(page), `<li>CPU time of folder tests/&lt;x&gt; grew by `+since, page)
	}

	runs := s.html("/p/shop/runs?status=drift")
	assert.Contains(t, runs, "run-2")
	assert.NotContains(t, runs, "/runs/"+fine.Run+`"`)
}
