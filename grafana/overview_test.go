package grafana_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// shows returns a function that runs the first query of the panel with a title and returns its rows.
func shows(t *testing.T, file string) (show func(title string, chosen values) []harness.Row, h *history) {
	t.Helper()
	db := harness.SharedInflux(t)
	h = realistic()
	bucket, _ := h.store(t, db)
	d := dashboards(t)["dashboards/"+file+".json"]
	return func(title string, chosen values) []harness.Row {
		t.Helper()
		for _, p := range d.Panels {
			if p.Title == title {
				return db.Query(fill(p.Targets[0].Query, bucket, chosen))
			}
		}
		t.Fatalf("no panel %q", title)
		return nil
	}, h
}

// TestOverviewListsRuns checks that the list has the runs of the chosen class of machine and branches, with their sums and
// their verdicts.
func TestOverviewListsRuns(t *testing.T) {
	show, h := shows(t, "test-suite-overview")
	u := usual(h)
	all, onMain := show("Runs", u), show("Runs", with(u, "branch", "main"))
	assert.Len(t, all, 26, "runs on this machine class")
	assert.Len(t, onMain, 22)
	newest := h.total(runCount - 1)
	assert.Equal(t, h.runs[runCount-1], all[0]["run"])
	assert.Equal(t, "1429", all[0]["build"])
	assert.InDelta(t, newest.seconds, all[0]["seconds"], 1e-6)
	assert.InDelta(t, newest.cpu, all[0]["cpu"], 1e-6)
	assert.EqualValues(t, newest.tests, all[0]["tests"])
	assert.InDelta(t, newest.seconds-h.total(runCount-2).seconds, all[0]["change"], 1e-6)
	assert.WithinDuration(t, h.starts[runCount-1], all[0]["_time"].(time.Time), 2*time.Microsecond)
	assert.EqualValues(t, 3, all[0]["regressions"], "slowTest twice, fatTest once")
	assert.EqualValues(t, 2, all[0]["improvements"])
	assert.Len(t, show("Tests in each run", u), 26)
	assert.Len(t, show("Status of the suite", u), 30, "on all classes of machine")
}

// TestOverviewShowsOneRun checks that the tables about one run show slowTest and fatTest, and no tests of other classes of
// machine.
func TestOverviewShowsOneRun(t *testing.T) {
	show, h := shows(t, "test-suite-overview")
	u := usual(h)
	slow := show("Largest changes in the chosen run", with(u, "run", h.runs[slowSince]))[0]
	assert.Equal(t, slowTest, slow["test"])
	assert.Equal(t, "tests.checkout.test_payment", slow["module"])
	assert.Greater(t, slow["ratio"], 0.9)
	assert.Equal(t, fatTest, show("Most memory in the chosen run", u)[0]["test"])
	newest := h.total(runCount - 1)
	slowest := show("Slowest tests of the chosen run", u)
	assert.Len(t, slowest, newest.tests)
	without := 0
	for _, row := range slowest {
		if row["before"] == nil {
			without++
		}
		if row["test"] == slowTest {
			assert.Greater(t, row["ratio"], 0.3, "slower than the mean before")
		}
	}
	assert.Equal(t, newest.tests-h.total(runCount-2).tests, without, "only new tests were not measured before")
	counted := 0.0
	for _, row := range show("Tests of the chosen run by wall time", u) {
		counted += row["tests"].(float64)
	}
	assert.EqualValues(t, newest.tests, counted, "every test is in one bar")
	assert.Len(t, show("Slowest tests of the chosen run", with(u, "search", `PAY_BY.*\[visa`)), 1)
	assert.Len(t, show("Slowest tests of the chosen run", with(u, "component", "(none)")), 1)
}

// TestOverviewShowsFlakyTests checks that the table has the tests that passed and failed although nothing changed, and no
// test that always fails.
func TestOverviewShowsFlakyTests(t *testing.T) {
	show, h := shows(t, "test-suite-overview")
	u := usual(h)
	flaky := show("Flaky tests", u)
	assert.Equal(t, []string{retryTest, mixedTest}, column(flaky, "test"), "the last seen is the first")
	for i, want := range []struct{ passed, failed, retried, run int }{{26, 0, 3, 23}, {24, 2, 0, 13}} {
		row := flaky[i]
		assert.Equal(t, "tests.checkout.test_payment", row["module"])
		assert.EqualValues(t, want.passed, row["passed"])
		assert.EqualValues(t, want.failed, row["failed"])
		assert.EqualValues(t, want.retried, row["retried"])
		assert.InDelta(t, float64(want.passed-want.retried)/26, row["rate"], 1e-9)
		assert.Equal(t, digest("commit", want.run-1), row["scm_ref"])
		assert.WithinDuration(t, h.starts[want.run], row["seen"].(time.Time), time.Minute)
	}
	assert.Len(t, show("Flaky tests", with(u, "search", "refund.*twice")), 1)
	assert.Len(t, show("Flaky tests", with(u, "branch", "feature/checkout-speed")), 0)
}
