package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// TestPages looks at the pages of a project after real runs of pytest, with one slowed, one failing and one flaky test.
func TestPages(t *testing.T) {
	w := prepare(t)
	for name, test := range map[string]func(*testing.T){
		"each page is sound": w.look, "numbers of a run": w.runNumbers, "numbers of a test": w.testNumbers,
		"numbers of the overview": w.overviewNumbers, "list of tests": w.list, "keys": w.keys, "theme": w.theme, "copy": w.copy,
		"charts": w.charts, "three clicks": w.clicks, "find": w.find, "without JavaScript": w.plain, "bytes": w.weight, "names": w.names, "page of the API": w.docs,
		"list of runs": w.runList, "tree of tests": w.tree, "regressions": w.regressions, "comparison": w.compare, "status": w.status,
	} {
		t.Run(name, test)
	}
}

// slowTest is the address of the test that became slower.
const slowTest = "/p/shop/test?name=test_pay_by_card%5Bvisa%5D&path=test_payment"

// pages are the pages with an address of their own.
func (w *world) pages() map[string]string {
	return map[string]string{"overview": "/p/shop/", "run": "/p/shop/runs/" + w.last, "test": slowTest, "find": "/p/shop/find?q=pay",
		"start": "/p/none/", "failed": "/p/shop/test?name=test_refund&path=test_payment", "runs": "/p/shop/runs", "tests": "/p/shop/tests",
		"file": "/p/shop/tests?path=tests/checkout/test_payment.py", "regressions": "/p/shop/regressions", "compare": w.comparison(), "status": "/-/status"}
}

// look checks that each page is sound in wide and narrow windows, and light and dark: each colour and each width once.
func (w *world) look(t *testing.T) {
	for _, look := range []struct {
		name   string // of the pictures of the documentation
		width  int64
		scheme string
	}{{"", 1280, "light"}, {"-phone", 390, "dark"}} {
		p := newTab(t, look.width, look.scheme)
		for name, path := range w.pages() {
			what := name + look.name
			p.open(w.URL + path)
			assert.NotEmpty(t, p.text("h1"), what)
			p.accessible(what)
			p.fits(what)
			p.picture("page-" + what)
		}
	}
}

// amount returns a value as reports write it.
func amount(metric string, value monitor.Number) string {
	return report.Words{}.Amount(metric, float64(value))
}

// row returns the cells of the first row of a table that has a text.
func (p *tab) row(table, text string) []string {
	p.t.Helper()
	return eval[[]string](p, fmt.Sprintf(`[...([...document.querySelectorAll(%q + " tbody tr")].find(r => r.innerText.includes(%q))?.cells ?? [])].map(c => c.innerText.trim())`,
		table, text))
}

// changes returns what a report shows of the slowed test: of its CPU time at least, on a busy machine perhaps not of its wall time.
func changes(r *monitor.Report) (some []monitor.Result) {
	for _, result := range r.Results {
		if result.ItemVariant == "test_pay_by_card[visa]" && result.Status.Notable() {
			some = append(some, result)
		}
	}
	return some
}

// headline counts the tests that got worse, with the regressions where a test has several. On a busy machine others may seem to be slower too.
func headline(r *monitor.Report) string {
	worse := map[monitor.TestID]bool{}
	for _, result := range r.Results {
		if result.Status == monitor.StatusRegression {
			worse[result.TestID] = true
		}
	}
	tests := fmt.Sprintf("%d tests", len(worse))
	if len(worse) == 1 {
		tests = "1 test"
	}
	if all := r.Summary.Regressions; all > len(worse) {
		return fmt.Sprintf("%d regressions in %s", all, tests)
	}
	return tests + " got worse"
}

// runNumbers compares the page of the last run with the answers of the API.
func (w *world) runNumbers(t *testing.T) {
	p, r := newTab(t, 1280, "light"), w.report(t)
	p.open(w.URL + "/p/shop/runs/" + w.last)
	assert.Equal(t, headline(r), p.text("h1"))
	assert.Contains(t, p.text(".verdict"), report.Words{}.Sentence(r))
	assert.Contains(t, p.text(".verdict"), "1 test failed")
	worst := changes(r)[0]
	cells := p.row(".found", "test_pay_by_card[visa]")
	require.Len(t, cells, 7)
	assert.Equal(t, []string{amount(worst.Metric, worst.Baseline), amount(worst.Metric, worst.Value), report.Words{}.Ratio(float64(worst.Ratio))},
		cells[2:5])
	assert.Contains(t, cells[6], w.good[goodRuns-1][:10]+".."+w.bad[0][:10])
	assert.Contains(t, p.row(".tests", "test_refund")[1], "failed after 2 attempts")
	assert.Contains(t, p.row(".tests", "test_webhook_retries")[1], "passed at attempt 2")

	var metrics struct {
		Metrics []struct {
			ItemVariant string         `json:"item_variant"`
			TotalTime   monitor.Number `json:"total_time"`
			UserTime    monitor.Number `json:"user_time"`
			KernelTime  monitor.Number `json:"kernel_time"`
			MemUsage    monitor.Number `json:"mem_usage"`
		}
	}
	var run struct {
		Runs []struct {
			Sessions []struct {
				SessionH string `json:"session_h"`
			}
			Tests int
		}
	}
	w.get(t, "/p/shop/api/v1/runs/"+w.last, &run)
	w.get(t, "/p/shop/api/v1/sessions/"+run.Runs[0].Sessions[0].SessionH+"/metrics", &metrics)
	require.Len(t, metrics.Metrics, run.Runs[0].Tests)
	assert.Equal(t, fmt.Sprintf("1–50 of %d tests", run.Runs[0].Tests+1), p.text(".pager span"), "one test failed and so has no metric")
	for _, m := range metrics.Metrics {
		if !strings.HasPrefix(m.ItemVariant, "test_finds") {
			continue
		}
		cells := p.row(".run-tests", m.ItemVariant)
		if len(cells) == 0 {
			continue // on the next page
		}
		assert.Equal(t, []string{amount("total_time", m.TotalTime), amount("cpu_time", m.UserTime+m.KernelTime), amount("mem_usage", m.MemUsage)},
			[]string{cells[1], cells[3], cells[5]}, m.ItemVariant)
	}
}

// testNumbers compares the page of the slowed test with the report.
func (w *world) testNumbers(t *testing.T) {
	p, r := newTab(t, 1280, "light"), w.report(t)
	p.open(w.URL + slowTest)
	assert.Equal(t, "test_pay_by_card[visa]", p.text("h1"))
	for _, result := range changes(r) {
		assert.Contains(t, p.text(".verdict"), fmt.Sprintf("%s, %s → %s since %s..%s", report.Words{}.Ratio(float64(result.Ratio)),
			amount(result.Metric, result.Baseline), amount(result.Metric, result.Value), w.good[goodRuns-1][:10], w.bad[0][:10]))
	}
	rows := p.texts(".list tbody tr")
	require.Len(t, rows, goodRuns+badRuns)
	assert.Regexp(t, "^ci-110 .*regression", rows[0])
	assert.Regexp(t, "^ci-100 .*learning", rows[len(rows)-1])

	p.open(w.URL + "/p/shop/test?name=test_refund&path=test_payment")
	assert.Contains(t, p.text(".verdict"), "It failed in its last run.")
	assert.Regexp(t, "failed", p.texts(".list tbody tr")[0])
}

// overviewNumbers compares the overview with the API.
func (w *world) overviewNumbers(t *testing.T) {
	p, r := newTab(t, 1280, "light"), w.report(t)
	p.open(w.URL + "/")
	assert.Equal(t, "/p/shop/", p.address(), "the only project")
	assert.Equal(t, headline(r), p.text("h1"))
	assert.Contains(t, p.text(".verdict"), report.Words{}.Sentence(r))
	var runs struct {
		Runs []struct {
			Run                             string
			Tests                           int
			TotalTime, UserTime, KernelTime monitor.Number
		}
	}
	w.get(t, "/p/shop/api/v1/runs/"+w.last, &runs)
	assert.Equal(t, fmt.Sprint(runs.Runs[0].Tests+1), p.texts(".tile .v")[2], "one failed, so it has no measurement")
	assert.Len(t, p.texts("#h-runs + table tbody tr"), 10)
	assert.Contains(t, p.texts("#h-slow + table tbody tr")[0], "test_pay_by_card[visa]")
	assert.Contains(t, p.texts("#h-hungry + table tbody tr")[0], "test_login")
}

// list sorts, filters and turns the pages of the list of tests. The state is in the address, so that back and reload keep it.
func (w *world) list(t *testing.T) {
	p := newTab(t, 1280, "light")
	run := "/p/shop/runs/" + w.last
	p.open(w.URL + run)
	first := func() string { return p.text(".run-tests tbody tr:first-child b") }
	sorted := func() []string { return p.texts(".run-tests thead th[aria-sort]") }
	assert.Equal(t, []string{"Wall time"}, sorted())

	p.click(`.pager a[rel=next]`)
	p.wait(`document.querySelector(".pager span").innerText.startsWith("51–")`)
	assert.Equal(t, run+"?offset=50", p.address())
	p.do(chromedp.Reload())
	assert.Regexp(t, "^51–", p.text(".pager span"))
	p.do(chromedp.NavigateBack())
	p.wait(`document.querySelector(".pager span").innerText.startsWith("1–")`)

	p.click(`.run-tests thead th:first-child a`)
	p.wait(`document.querySelector(".run-tests th[aria-sort=ascending]")`)
	assert.Equal(t, run+"?sort=name", p.address())
	assert.Regexp(t, "^test_hostile", first(), "of the first file")
	p.click(`.run-tests thead th:first-child a`)
	p.wait(`document.querySelector(".run-tests th[aria-sort=descending]")`)
	assert.Regexp(t, "^test_webhook", first())

	p.do(chromedp.Focus(chromedp.CSS(".filter input[type=search]")))
	p.press("PAY visa")
	p.wait(`document.querySelectorAll(".run-tests tbody tr").length === 1 && location.search.startsWith("?q=PAY+visa&")`)
	assert.Equal(t, "test_pay_by_card[visa]", first())
	assert.Equal(t, run+"?q=PAY+visa&sort=name&dir=desc", p.address())
	assert.Equal(t, "PAY visa", eval[string](p, `document.activeElement.value`), "the field keeps the focus")
	p.press(" nothing")
	p.wait(`document.querySelector(".empty")`)
	p.click(".empty a")
	p.wait(`!document.querySelector(".empty")`)

	p.click(`.chips a.failed`)
	p.wait(`document.querySelectorAll(".run-tests tbody tr").length === 1`)
	assert.Equal(t, "test_refund", first())
	p.do(chromedp.NavigateBack())
	p.wait(`document.querySelectorAll(".run-tests tbody tr").length > 1`)

	for query, field := range map[string]string{"sort=size": "sort", "offset=-1": "offset", "dir=up": "dir", "status=bad": "status", "format=pdf": "format"} {
		answer, err := http.Get(w.URL + run + "?" + query)
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadRequest, answer.StatusCode, query)
		require.NoError(t, answer.Body.Close())
		p.expected = []string{"400"}
		p.open(w.URL + run + "?" + query)
		assert.Contains(t, p.text("main"), field+" expected", query)
	}
}

// keys uses the pages without a mouse.
func (w *world) keys(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/")
	p.press("?")
	p.wait(`document.getElementById("help").open`)
	p.accessible("keys")
	p.press(kb.Escape)
	p.wait(`!document.getElementById("help").open`)
	p.press("jj")
	focused := func() int {
		return eval[int](p, `[...document.querySelectorAll("tbody th a")].indexOf(document.activeElement)`)
	}
	assert.Equal(t, 1, focused())
	// Until the browser draws the next time, the dialog keeps the focus although it is closed.
	eval[bool](p, `(() => { const help = document.getElementById("help"); document.activeElement.blur(); help.showModal(); help.close();
		return document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true })) })()`)
	assert.Equal(t, 0, focused())
	p.press("j")
	assert.Equal(t, 1, focused())
	p.press("k")
	assert.Equal(t, 0, focused())
	p.press(kb.Enter)
	p.wait(`location.pathname.endsWith("/test") && document.querySelector(".verdict") && !document.getElementById("theme").hidden`)
	p.press("/")
	p.wait(`document.activeElement.name === "q"`)
	eval[bool](p, `document.activeElement.select(), true`) // DevTools types the sign too
	p.press(w.bad[1][:8] + kb.Enter)
	p.wait(`location.pathname.endsWith("/runs/ci-109")`)
}

// theme changes light to dark, and keeps that.
func (w *world) theme(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + slowTest)
	background := func() string { return eval[string](p, `getComputedStyle(document.documentElement).backgroundColor`) }
	light := background()
	p.click("#theme")
	dark := background()
	assert.NotEqual(t, light, dark)
	p.open(w.URL + "/p/shop/")
	assert.Equal(t, dark, background())
	p.click("#theme")
	assert.Equal(t, light, background())
}

// copy puts the command that runs the suspects again into the clipboard.
func (w *world) copy(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/runs/" + w.last)
	eval[bool](p, `navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }, true`)
	p.click("[data-copy=again]")
	p.wait(`window.copied`)
	assert.Equal(t, "pytest --remote-server "+w.URL+"/p/shop --tag branch=main tests/checkout/test_payment.py -k 'test_pay_by_card[visa]'", eval[string](p, `window.copied`))
	assert.Equal(t, "Copied", p.text("[data-copy=again]"))
}

// charts draws, moves by keys, zooms, keeps what it shows in the address, and cuts no label off.
func (w *world) charts(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + slowTest)
	assert.Equal(t, 3, eval[int](p, `document.querySelectorAll(".chart .uplot").length`))
	p.do(chromedp.Focus(chromedp.CSS(".chart")))
	p.press(kb.End)
	p.wait(`!document.getElementById("tip").hidden`)
	assert.Contains(t, p.text("#tip"), "ci-110 "+w.bad[2][:7])
	assert.Contains(t, p.text("#tip"), "regression")
	p.press(kb.ArrowLeft)
	assert.Contains(t, p.text("#tip"), "ci-109")
	p.press(kb.Home)
	assert.Contains(t, p.text("#tip"), "ci-100")

	box := eval[[]float64](p, `(r => [r.left, r.top, r.width, r.height])(document.querySelector(".u-over").getBoundingClientRect())`)
	x, y := box[0]+box[2]*0.55, box[1]+box[3]/2
	p.do(chromedp.MouseEvent("mousePressed", x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		chromedp.MouseEvent("mouseMoved", x+box[2]*0.3, y, chromedp.ButtonLeft),
		chromedp.MouseEvent("mouseReleased", x+box[2]*0.3, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	p.wait(`new URLSearchParams(location.search).get("from")`)
	shown := func() float64 { return eval[float64](p, `plots[0].scales.x.max - plots[0].scales.x.min`) }
	zoomed := shown()
	assert.Less(t, zoomed, float64(goodRuns+badRuns-1))
	p.do(chromedp.Reload())
	assert.InDelta(t, zoomed, shown(), 0.01, "after a reload")
	eval[bool](p, `document.querySelector(".u-over").dispatchEvent(new MouseEvent("dblclick")), true`)
	assert.InDelta(t, goodRuns+badRuns-1, shown(), 0.01)

	p.click(`[data-name=y][data-value=log]`)
	assert.Contains(t, p.address(), "y=log")
	p.click(`[data-name=x][data-value=time]`)
	assert.Greater(t, eval[float64](p, `plots[0].scales.x.min`), 1e9, "the axis has Unix seconds")
	p.do(chromedp.Reload())
	assert.Equal(t, []string{"120", "time", "log"}, p.texts(".seg a[aria-current]"))
	p.click(`[data-name=n][data-value="60"]`)
	p.wait(`location.search.includes("n=60")`)
	assert.Equal(t, []string{"60", "time", "log"}, p.texts(".seg a[aria-current]"))

	p.open(w.URL + slowTest)
	for _, width := range []int64{1280, 390} {
		p.do(chromedp.EmulateViewport(width, 800))
		painted := eval[[]bool](p, `data.run.fill("W".repeat(20)), draw(), new Promise(drawn => setTimeout(() => {
			const canvas = [...document.querySelectorAll(".chart canvas")].at(-1), width = 60;
			const seen = canvas.getContext("2d").getImageData(canvas.width - width, canvas.height - 24, width, 24).data.filter((_, i) => i % 4 === 3);
			drawn([seen.some(v => v), seen.some((v, i) => v && i % width === width - 1)]);
		}))`)
		assert.Equal(t, []bool{true, false}, painted, "the label of the last run is there, and whole")
	}
	p.do(chromedp.EmulateViewport(360, 800))
	assert.Less(t, eval[float64](p, `document.querySelectorAll(".controls legend")[1].getBoundingClientRect().left`), 330.0, "controls that scroll show that there are more")
}

// clicks goes from the first page to the commit that slowed a test.
func (w *world) clicks(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/")
	between := w.good[goodRuns-1][:10] + ".." + w.bad[0][:10]
	assert.Contains(t, p.text(".found"), between, "no click")
	p.click(".found .test")
	p.wait(`location.pathname.endsWith("/test") && document.querySelector(".verdict")`)
	assert.Contains(t, p.text(".verdict"), between, "one click")
}

// find finds runs, commits and tests.
func (w *world) find(t *testing.T) {
	p := newTab(t, 1280, "light")
	for text, at := range map[string]string{w.last: "/p/shop/runs/" + w.last, w.bad[0]: "/p/shop/runs/ci-108", w.good[2][:7]: "/p/shop/runs/ci-102"} {
		p.open(w.URL + "/p/shop/find?q=" + text)
		assert.Equal(t, at, p.address(), text)
	}
	p.open(w.URL + "/p/shop/find?q=" + url.QueryEscape("PAY sepa"))
	assert.Equal(t, []string{"test_pay_by_card[sepa] test_payment"}, p.texts("tbody tr"))
	p.open(w.URL + "/p/shop/find?q=nowhere")
	assert.Contains(t, p.text(".empty"), "Nothing has these words")
}

// docs opens the page about the API, which has a policy too.
func (w *world) docs(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/api/v1/docs")
	p.wait(`document.querySelectorAll(".opblock").length > 10`)
}

// weight counts the bytes and the requests of the two pages that people open most.
func (w *world) weight(t *testing.T) {
	for name, path := range map[string]string{"run": "/p/shop/runs/" + w.last, "test": slowTest} {
		p := newTab(t, 1280, "light")
		p.open(w.URL + path)
		p.mu.Lock()
		t.Logf("page of a %s: %.1f kB in %d requests", name, p.bytes/1000, len(p.requests))
		assert.Less(t, p.bytes, 64_000.0, name)
		assert.Less(t, len(p.requests), 10, name)
		p.mu.Unlock()
	}
}
