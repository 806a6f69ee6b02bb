package pages_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// postRun posts a run with one test, which takes some CPU time. The name is a JSON text.
func postRun(t *testing.T, bridge, name string, number int, seconds float64) {
	t.Helper()
	at := time.Now().Add(time.Duration(number-20) * time.Minute).UTC()
	posts := harness.NewPoster(bridge + "/p/accepting")
	posts.MustPost(t, "/contexts/", harness.ContextJSON("c"))
	const isoformat = "2006-01-02T15:04:05.000000+00:00"
	session := fmt.Sprintf(`{"session_h": "s%d", "run_date": %q, "scm_ref": "%040d", "description": {"branch": "main", "run": "run-%[1]d"}`,
		number, at.Format(isoformat), number)
	posts.MustPost(t, "/sessions/", session+"}")
	posts.MustPost(t, "/metrics/", fmt.Sprintf(`{"session_h": "s%d", "context_h": "c", "item_start_time": %q, "item_path": "tests.test_pay", "item": "test_card",
		"item_variant": %s, "item_fs_loc": "tests/test_pay.py", "kind": "function", "component": "", "total_time": %g,
		"user_time": %[4]g, "kernel_time": 0, "cpu_usage": 1, "mem_usage": 10}`, number, at.Add(time.Second).Format(isoformat), name, seconds))
}

// TestAcceptingOnAPage accepts a regression on the page of its run, without scripts of the bridge, and takes that back.
func TestAcceptingOnAPage(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "1s"}})
	for n := range 13 {
		postRun(t, bridge.URL, `"test_card"`, n, map[bool]float64{false: 0.1, true: 0.3}[n >= 10])
	}
	kept := func() (*monitor.Report, bool) {
		var page struct{ Report *monitor.Report }
		(&world{Bridge: bridge}).get(t, "/p/accepting/runs/run-12?format=json", &page)
		return page.Report, page.Report != nil
	}
	require.Eventually(t, func() bool { r, ok := kept(); return ok && r.Summary.Regressions == 2 }, time.Minute, 100*time.Millisecond)

	p := newTab(t, 1280, "light")
	p.open(bridge.URL + "/p/accepting/runs/run-12")
	p.click(".accept summary")
	p.accessible("accept")
	p.fits("accept")
	assert.Equal(t, []string{"all regressions of this run", "test_card"}, p.texts(".accept option"))
	p.click(".accept form .btn")
	assert.Equal(t, "/p/accepting/runs/run-12", p.address(), "the browser asks for the note")
	assert.True(t, eval[bool](p, `document.querySelector(".accept [name=note]").matches(":invalid")`))
	note := "cards are checked twice: " + strings.Repeat("https://tracker.example/", 20) // a word that is wider than the window
	p.do(chromedp.SendKeys(chromedp.CSS(".accept [name=note]"), note), chromedp.SendKeys(chromedp.CSS(".accept [name=by]"), "anna"))
	p.click(".accept form .btn")
	p.wait(`document.querySelector(".accepted li")?.innerText.includes("All tests, 2 regressions, by anna on ")`)
	p.wait(`document.querySelector("h1")?.innerText === "Nothing is worse than usual"`) // by itself
	p.accessible("accepted")
	fits := func(page string) {
		for _, width := range []int64{1280, 390} {
			narrow := newTab(t, width, "dark")
			narrow.open(bridge.URL + "/p/accepting/" + page)
			narrow.fits(page)
		}
	}
	fits("runs/run-12")
	r, _ := kept()
	assert.Equal(t, []int{2, 0}, []int{r.Summary.Accepted, r.Summary.Regressions})
	assert.Contains(t, p.text(".found"), "accepted by anna: cards are checked twice")
	p.open(bridge.URL + "/p/accepting/regressions?state=accepted")
	assert.Contains(t, p.text(".found"), "accepted in run-12 by anna: cards are checked twice")
	p.accessible("accepted regressions")
	fits("regressions?state=accepted")

	p.open(bridge.URL + "/p/accepting/runs/run-12")
	p.click(".accepted .btn")
	p.wait(`document.querySelector("h1")?.innerText.startsWith("2 regressions in 1 test") && !document.querySelector(".accepted")`)
}
