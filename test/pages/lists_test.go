package pages_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// comparison is the address of the comparison of the last run with the last good one.
func (w *world) comparison() string {
	return fmt.Sprintf("/p/shop/compare?base=ci-%d&head=%s&metric=cpu", 100+goodRuns-1, w.last)
}

// fill replaces the text of a field, as somebody does who types.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(e => { e.focus(); e.select(); return true })(document.querySelector(%q))`, selector))
	p.press(text)
}

// runList compares the list of runs with the API, filters it and checks two runs.
func (w *world) runList(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/runs")
	require.Len(t, p.texts(".run-list tbody tr"), goodRuns+badRuns)
	var runs struct {
		Runs []struct {
			Run       string
			Tests     int
			TotalTime monitor.Number `json:"total_time"`
		}
	}
	w.get(t, "/p/shop/api/v1/runs", &runs)
	require.Len(t, runs.Runs, goodRuns+badRuns)
	for _, run := range runs.Runs {
		cells := p.row(".run-list", run.Run)
		require.Len(t, cells, 9, run.Run)
		failed := 0
		if run.Run == w.last {
			failed = 1
		}
		assert.Equal(t, []string{fmt.Sprint(run.Tests + failed), amount("total_time", run.TotalTime)}, []string{cells[5], cells[7]}, run.Run)
	}
	assert.Equal(t, "regression", p.row(".run-list", w.last)[1])
	assert.Equal(t, "1", p.row(".run-list", w.last)[6], "failed")

	p.click(`.chips a.failed`)
	p.wait(`document.querySelectorAll(".run-list tbody tr").length === 1`)
	assert.Equal(t, "/p/shop/runs?status=failed", p.address())
	p.do(chromedp.NavigateBack())
	p.wait(fmt.Sprintf(`document.querySelectorAll(".run-list tbody tr").length === %d`, goodRuns+badRuns))
	p.fill(".filter input[name=q]", "ci-103")
	p.wait(`document.querySelectorAll(".run-list tbody tr").length === 1 && location.search === "?q=ci-103"`)

	p.open(w.URL + "/p/shop/runs")
	p.click(`input[value="` + w.last + `"]`)
	p.click(`input[value="ci-100"]`)
	p.click(`#compare button`)
	p.wait(`location.pathname === "/p/shop/compare"`)
	assert.Equal(t, "/p/shop/compare?base=ci-100&head="+w.last, p.address())
}

// tree goes from the folders to a test.
func (w *world) tree(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/tests")
	assert.ElementsMatch(t, []string{"tests/account/", "tests/catalog/", "tests/checkout/"}, p.texts(".folders tbody b"))
	assert.Contains(t, strings.Join(p.row(".folders", "checkout"), " "), "failed")
	p.click(`.folders a[href*=checkout]`)
	p.wait(`location.search === "?path=tests%2Fcheckout"`)
	p.wait(`document.querySelector(".folders tbody b").innerText === "test_payment.py"`)
	p.click(".folders tbody a")
	p.wait(`document.querySelectorAll(".test-list tbody tr").length === 4`)
	assert.Equal(t, "/p/shop/tests?path=tests%2Fcheckout%2Ftest_payment.py", p.address())
	r := w.report(t)
	worst := changes(r)[0]
	cells := p.row(".test-list", "test_pay_by_card[visa]")
	require.Len(t, cells, 8)
	assert.Contains(t, cells[6], "regression since "+w.good[goodRuns-1][:10]+".."+w.bad[0][:10])
	for _, result := range r.Results {
		if result.TestID == worst.TestID && result.Metric == monitor.MetricMemUsage {
			assert.Equal(t, amount(result.Metric, result.Value), cells[3])
		}
	}
	assert.Equal(t, fmt.Sprintf("%d of %d", goodRuns+badRuns-1, goodRuns+badRuns), p.row(".test-list", "test_refund")[7], "passed")
	assert.Equal(t, fmt.Sprintf("%d of %d", goodRuns+badRuns-1, goodRuns+badRuns), p.row(".test-list", "test_webhook_retries")[7], "passed at once")
	p.click(`.chips a[href*=flat]`)
	p.wait(`location.search.includes("view=flat")`)
	p.click(`.test-list tbody a`)
	p.wait(`location.pathname === "/p/shop/test"`)
}

// regressions compares the list with the kept report.
func (w *world) regressions(t *testing.T) {
	p, r := newTab(t, 1280, "light"), w.report(t)
	p.open(w.URL + "/p/shop/regressions")
	assert.Contains(t, p.text("h1"), "open")
	assert.Equal(t, p.text("nav .n"), strings.Fields(p.text("h1"))[0]+" open", "in the top bar too")
	assert.Contains(t, p.text(".verdict"), "1 run of main judged since", "the others only learned")
	worst := changes(r)[0]
	cells := p.row(".found", "test_pay_by_card[visa]")
	require.Len(t, cells, 7)
	assert.Equal(t, []string{amount(worst.Metric, worst.Baseline), amount(worst.Metric, worst.Value), report.Words{}.Ratio(float64(worst.Ratio))}, cells[2:5])
	assert.Contains(t, strings.Join(p.texts("section h2"), "\n"), w.good[goodRuns-1][:10]+".."+w.bad[0][:10])
	p.click(`.chips a[href*=test]`)
	p.wait(`location.search === "?group=test"`)
	assert.Contains(t, p.row(".found", "test_pay_by_card[visa]")[6], w.good[goodRuns-1][:10])
}

// compare looks at the slowed test, at what is within noise, and at another metric.
func (w *world) compare(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + w.comparison())
	cells := p.row(".compared", "test_pay_by_card[visa]")
	require.Len(t, cells, 6)
	assert.Contains(t, cells[4], "slower")
	assert.Equal(t, 2, eval[int](p, `document.querySelectorAll(".compared tbody tr:first-child circle.at").length`), "both runs are marked")
	before := len(p.texts(".compared tbody tr"))
	p.click(`.chips a[href*="only=all"]`)
	p.wait(fmt.Sprintf(`document.querySelectorAll(".compared tbody tr").length > %d`, before))
	p.click(`.seg a[href*="metric=mem"]`)
	p.wait(`location.search.includes("metric=mem")`)
	p.fill("input[name=base]", "main")
	p.click(`.sides button`)
	p.wait(`location.search.includes("base=main")`)
	assert.Contains(t, p.text("h1"), "No difference")
}

// status compares the page with what the bridge says of itself.
func (w *world) status(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/")
	p.click(`nav a[href="/-/status"]`)
	p.wait(`location.pathname === "/-/status"`)
	assert.Equal(t, "Records are accepted", p.text("h1"))
	assert.Contains(t, p.text("table"), "Journal ok")
	assert.Equal(t, []string{"0", "0"}, p.texts(".tile .v")[:2])
}
