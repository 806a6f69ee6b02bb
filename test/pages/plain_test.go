package pages_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// plain uses the pages without JavaScript: what they say, and all their links.
func (w *world) plain(t *testing.T) {
	p := newTab(t, 1280, "light")
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	links := map[string]bool{}
	for name, path := range w.pages() {
		p.open(w.URL + path)
		// DevTools evaluates also where the page may not.
		assert.NotEmpty(t, p.text("main"), name)
		assert.Empty(t, p.texts("button:not([hidden]):not(noscript button):not(dialog button):not(form[action] button)"), "%s: no button that does nothing", name)
		for _, link := range eval[[]string](p, `[...document.querySelectorAll("a[href]")].map(a => a.href)`) {
			links[link] = true
		}
	}
	assert.Greater(t, len(links), 50)
	seen := map[string]int{} // of the many tests, a few are enough
	p.open(w.URL + "/p/shop/runs/" + w.last)
	p.click(`.pager a[rel=next]`)
	p.wait(`location.search === "?offset=50" && document.querySelector(".pager span")`)
	assert.Regexp(t, "^51–", p.text(".pager span"))
	p.open(w.URL + slowTest)
	assert.Equal(t, 3, eval[int](p, `document.querySelectorAll(".chart svg.spark path").length`), "the charts are lines")
	for link := range links {
		if place, _, _ := strings.Cut(link, "?"); seen[place] > 4 {
			continue
		} else {
			seen[place]++
		}
		request, err := http.NewRequest(http.MethodGet, link, nil)
		require.NoError(t, err, link)
		request.Header.Set("Accept", "text/html")
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err, link)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode, link)
	}
}

// names checks that names of tests are shown as text, and that the links of each page lead back to the same test.
func (w *world) names(t *testing.T) {
	p := newTab(t, 1280, "light")
	p.open(w.URL + "/p/shop/runs/" + w.last + "?q=hostile")
	assert.Equal(t, 0, eval[int](p, `document.querySelectorAll("[onclick], td b b, th b b").length`))
	shown := p.texts(".run-tests tbody b")
	for _, name := range []string{`test_hostile[<b onclick="x">&amp;</b>]`, `test_hostile[a"b'c]`, `test_hostile[\u202eright to left]`, `test_hostile[two\nlines]`, `test_hostile[\udc80lone]`} {
		assert.Contains(t, strings.Join(shown, "\n"), strings.TrimSuffix(name, "]"), "%q", name)
	}
	type row struct {
		Test monitor.TestID `json:"test"`
	}
	var page struct{ Tests []row }
	w.get(t, "/p/shop/runs/"+w.last+"?q=hostile&format=json", &page)
	links := eval[[]string](p, `[...document.querySelectorAll(".run-tests tbody a.test")].map(a => a.href)`)
	require.Len(t, links, len(page.Tests))
	require.Len(t, links, 6)
	for i, link := range links {
		p.open(link)
		var same row
		w.get(t, strings.TrimPrefix(link, w.URL)+"&format=json", &same)
		assert.Equal(t, page.Tests[i].Test, same.Test)
		assert.NotEmpty(t, p.text("h1"))
		p.fits(same.Test.ItemVariant[:min(40, len(same.Test.ItemVariant))])
		_, err := json.Marshal(same)
		require.NoError(t, err)
	}
}

// TestChoicesKeepANameThatIsNoText chooses the history on all branches, of tests whose names come back otherwise from a browser. pytest
// has such names if it is told not to escape them.
func TestChoicesKeepANameThatIsNoText(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	for n, part := range []string{`\udcff`, `two\nlines`, `\r\u0000`} {
		postRun(t, bridge.URL, `"test_card[`+part+`]"`, n, 0.1)
		for _, scripts := range []bool{true, false} {
			p := newTab(t, 1280, "light")
			_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
			require.NoError(t, err)
			p.open(bridge.URL + "/p/accepting/runs/run-" + strconv.Itoa(n))
			p.click(".run-tests tbody a.test")
			p.wait(`document.querySelector(".controls")`)
			name := p.text("h1")
			eval[bool](p, `(e => { e.value = "*"; return e.dispatchEvent(new Event("change", {bubbles: true})) })(document.querySelector("[name=branch]"))`)
			if !scripts {
				p.click(".controls .btn")
			}
			p.wait(`new URLSearchParams(location.search).get("branch") === "*" && document.querySelector("h1")`)
			assert.Equal(t, name, p.text("h1"))
			assert.Equal(t, "all", eval[string](p, `document.querySelector("[name=branch]").selectedOptions[0].text`))
			p.click(".controls .seg a") // the address of a link has it in the usual way again
			p.wait(`new URLSearchParams(location.search).get("n") === "60" && document.querySelector("h1")`)
			assert.Equal(t, name, p.text("h1"))
			assert.NotContains(t, p.address(), "escaped-")
		}
	}
}
