package grafana_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// column returns the texts of one column, in order.
func column(rows []harness.Row, name string) []string {
	var all []string
	for _, r := range rows {
		text, _ := r[name].(string)
		all = append(all, text)
	}
	return all
}

// TestTestPageShowsOneTest checks that the page has every measurement of a test, separates classes of machine, and finds
// tests with odd ids.
func TestTestPageShowsOneTest(t *testing.T) {
	show, h := shows(t, "test")
	u := usual(h)
	assert.Len(t, show("Measurements of this test", u), 26)
	assert.Len(t, show("Measurements of this test", with(u, "branch", "main")), 22)
	both := show("Wall time by machine class", with(u, "env", mainEnv, otherEnv))
	assert.Len(t, both, 30)
	envs := column(both, "env")
	slices.Sort(envs)
	assert.Equal(t, []string{otherEnv, mainEnv}, slices.Compact(envs))
	all := with(with(u, "module", oddModules...), "test", oddTests...)
	assert.Len(t, show("CPU use by machine class", all), 26*len(oddTests), "each test is found by its id")
	assert.Len(t, show("CPU use by machine class", with(u, "module", "tests.other")), 0, "another module has no such test")

	verdicts := show("Verdicts on this test", u)
	assert.Equal(t, "regression", verdicts[0]["status"], "the newest is the first")
	assert.Equal(t, "suspect", verdicts[len(verdicts)-1]["status"])
	assert.Contains(t, column(verdicts, "metric"), "mem_usage")
	neighbours := show("Tests of the same module", u)
	assert.Len(t, neighbours, 6)
	assert.Contains(t, column(neighbours, "test"), "test_refund[twice]")
}

// TestBandShowsUsualValues: a step up is above the band at once. The band moves up only when half of its runs are after
// the step.
func TestBandShowsUsualValues(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	bucket, _ := h.store(t, db)
	var band []harness.Row
	for _, p := range dashboards(t)["dashboards/test.json"].Panels {
		if p.Title == "Wall time on ${env}" {
			require.Len(t, p.Targets, 3)
			band = db.Query(fill(p.Targets[1].Query, bucket, usual(h)))
		}
	}
	require.Len(t, band, 26-8, "from the ninth run on")
	seconds := h.tests[0].seconds
	require.Equal(t, slowTest, h.tests[0].variant)
	for _, r := range band {
		assert.InDelta(t, seconds, r["usual"], 0.1*seconds)
		assert.Less(t, r["lowest"], r["usual"])
		assert.Greater(t, r["limit"], r["usual"])
		assert.Less(t, r["limit"], 2*seconds, "the step is above the limit")
	}
}

// TestCompareShowsDifferences checks the tests that changed between two runs, and the tests that only one run has.
func TestCompareShowsDifferences(t *testing.T) {
	show, h := shows(t, "compare")
	u := with(with(usual(h), "base", h.runs[slowSince-1]), "run", h.runs[slowSince])
	runs := show("The two runs", u)
	assert.Equal(t, []string{"from", "to"}, column(runs, "which"))
	assert.Equal(t, []string{h.runs[slowSince-1], h.runs[slowSince]}, column(runs, "run"))
	slow := show("Wall time: largest differences", u)[0]
	assert.Equal(t, slowTest, slow["test"])
	assert.InDelta(t, 1.3, slow["change"], 0.4)
	assert.InDelta(t, slow["to"].(float64)-slow["from"].(float64), slow["difference"], 1e-9)
	assert.Equal(t, slowTest, show("CPU time: largest differences", u)[0]["test"])
	assert.Equal(t, "tests.checkout.test_payment", show("Modules", u)[0]["module"])

	before, after := h.total(slowSince-1), h.total(slowSince)
	counted := 0.0
	for _, r := range show("Tests by change of wall time", u) {
		counted += r["tests"].(float64)
	}
	assert.EqualValues(t, before.tests, counted, "every test that both runs have")
	only := show("Tests in only one of the runs", with(u, "base", h.runs[0]))
	assert.Len(t, only, after.tests-h.total(0).tests)
	assert.Equal(t, "to", only[0]["in"])
	grown := with(with(u, "base", h.runs[fatSince-2]), "run", h.runs[fatSince])
	assert.Equal(t, fatTest, show("Memory: largest differences", grown)[0]["test"])
}

// TestRegressionsAreListed checks the verdicts on the chosen run for different values of the variables, and their commits.
func TestRegressionsAreListed(t *testing.T) {
	show, h := shows(t, "regressions")
	u := usual(h)
	rows := show("Verdicts on the chosen run", u)
	require.Len(t, rows, 5, "three regressions and two improvements")
	assert.Equal(t, fatTest, rows[0]["test"], "the worst is the first")
	assert.Equal(t, "crit", rows[0]["level"])
	assert.Regexp(t, `^\d+\.\d+ MiB$`, rows[0]["value"])
	assert.Regexp(t, `^\d+\.\d+ s$`, rows[1]["baseline"])
	assert.Len(t, show("Verdicts on the chosen run", with(u, "status", "improvement")), 2)
	assert.Len(t, show("Verdicts on the chosen run", with(u, "metric", "cpu_time")), 2)
	assert.Len(t, show("Verdicts on the chosen run", with(u, "search", "bulk_import")), 1)
	assert.Len(t, show("Verdicts on the chosen run", with(u, "env", otherEnv)), 0)
	suspects := show("Verdicts on the chosen run", with(u, "run", h.runs[slowSince]))
	assert.Contains(t, column(suspects, "status"), "suspect")

	newest := show("Verdicts on the newest run", u)
	assert.EqualValues(t, 3, newest[len(newest)-1]["regressions"])
	commits := show("First bad commits", u)
	require.Len(t, commits, 1)
	assert.EqualValues(t, 2, commits[0]["tests"], "slowTest has two regressions, but is one test")
	assert.InDelta(t, 3, commits[0]["worst"], 1e-9)
	cells := show("Unusual tests in each run", u)
	tests := column(cells, "test")
	slices.Sort(tests)
	assert.Equal(t, []string{fatTest, slowTest, fastTest}, slices.Compact(tests))
}

// TestMachinesAreSeparate checks that a slow machine appears only in its own class.
func TestMachinesAreSeparate(t *testing.T) {
	show, h := shows(t, "machines")
	u := with(usual(h), "env", mainEnv, otherEnv)
	classes := show("Classes of machine", u)
	require.Len(t, classes, 2)
	byEnv := map[any]harness.Row{classes[0]["env"]: classes[0], classes[1]["env"]: classes[1]}
	assert.EqualValues(t, 26, byEnv[mainEnv]["runs"])
	assert.EqualValues(t, 4, byEnv[otherEnv]["runs"])
	assert.EqualValues(t, 1, byEnv[mainEnv]["slow"])
	assert.EqualValues(t, 0, byEnv[otherEnv]["slow"])
	assert.Equal(t, "ok", byEnv[mainEnv]["status"])
	worst := 0.0
	for _, r := range show("Slowdown of each run in CPU time", u) {
		worst = max(worst, r["_value"].(float64))
		assert.True(t, r["_value"].(float64) < 0.25 || r["env"] == mainEnv)
	}
	assert.InDelta(t, 0.5, worst, 1e-9)
	assert.Contains(t, column(show("Status of each class of machine", u), "_value"), "slow_machine")
	assert.Len(t, show("Test time", with(u, "branch", "main")), 26, "22 on one class, 4 on the other")
}
