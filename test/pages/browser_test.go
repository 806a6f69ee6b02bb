package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// within bounds each wait for the browser.
const within = time.Minute

// shared is the one browser of all tests.
var shared struct {
	once sync.Once
	ctx  context.Context
	stop context.CancelFunc
	err  error
}

// chromium returns the path of the browser.
func chromium() (string, error) {
	name := os.Getenv("CHROMIUM")
	if name == "" {
		name = "chromium"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("these tests need Chromium, which `make browser` installs; or set CHROMIUM to its path: %w", err)
	}
	return path, nil
}

// browser returns the context of the browser. The first call starts it.
func browser(t *testing.T) context.Context {
	t.Helper()
	shared.once.Do(func() {
		var path string
		if path, shared.err = chromium(); shared.err != nil {
			return
		}
		allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox,
			chromedp.Flag("font-render-hinting", "none"), chromedp.WSURLReadTimeout(within))
		ctx, stop := chromedp.NewContext(allocator)
		shared.ctx, shared.stop = ctx, func() { stop(); stopAllocator() }
		shared.err = chromedp.Do(ctx, chromedp.Navigate("about:blank"))
	})
	require.NoError(t, shared.err)
	return shared.ctx
}

// tab is a page of the browser, with cookies and storage of its own. At its end the test fails for errors that the browser
// noticed.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
	requests map[network.RequestID]string
	bytes    float64
	// expected are parts of problems that the test is about.
	expected []string
}

// newTab opens a page of a width in pixels, light or dark.
func newTab(t *testing.T, width int64, scheme string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx, requests: map[network.RequestID]string{}}
	require.NoError(t, chromedp.Listen(ctx, p.notice))
	p.do(chromedp.EmulateViewport(width, 800))
	p.scheme(scheme)
	t.Cleanup(p.check)
	return p
}

// scheme makes the system light or dark.
func (p *tab) scheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	require.NoError(p.t, err)
}

// notice keeps what must not happen.
func (p *tab) notice(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests[e.RequestID] = e.Request.URL
	case *network.EventLoadingFinished:
		p.bytes += e.EncodedDataLength
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			p.problems = append(p.problems, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			p.problems = append(p.problems, e.ErrorText+" "+p.requests[e.RequestID])
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != "verbose" && e.Entry.Level != "info" {
			p.problems = append(p.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			p.problems = append(p.problems, fmt.Sprintf("console.%s %v", e.Type, e.Args))
		}
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, fmt.Sprintf("%s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	}
}

// check fails for problems that the test did not expect.
func (p *tab) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		known := false
		for _, part := range p.expected {
			known = known || strings.Contains(problem, part)
		}
		assert.True(p.t, known, "the browser says: %s", problem)
	}
	if p.t.Failed() {
		p.t.Log("the test failed")
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// open goes to an address and waits until the page is loaded.
func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// eval evaluates an expression of JavaScript. A promise is awaited.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return value
}

// text returns the text of the first element that a selector finds, with single spaces.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return strings.Join(strings.Fields(eval[string](p, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))), " ")
}

// texts returns the text of all elements that a selector finds.
func (p *tab) texts(selector string) []string {
	p.t.Helper()
	return eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.innerText.trim().replace(/\s+/g, " "))`, selector))
}

// click clicks on the first element that a selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// press sends keys to the focused element.
func (p *tab) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// wait waits until a page is complete and an expression of JavaScript is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(within)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, within)
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !!(`+expression+`)`))
		cancel()
		if err == nil && is {
			return
		}
		if time.Now().After(deadline) {
			require.Failf(p.t, "not in time", "%s: %v on %s\n%s", expression, err, eval[string](p, `location.href`), p.text("body"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// address returns the path and the query of the page.
func (p *tab) address() string {
	p.t.Helper()
	return eval[string](p, `location.pathname + location.search`)
}

var axeSource = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile(filepath.Join("..", "testdata", "axe", "axe.min.js"))
	return string(source), err
})

// violation is what axe says of a rule.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML           string
		FailureSummary string
	}
}

// accessible fails for each rule of axe that the page breaks. The page's own policy would refuse the script, so DevTools
// evaluates it. Of long tables the first rows are enough, since all rows come from one template.
func (p *tab) accessible(what string) {
	p.t.Helper()
	source, err := axeSource()
	require.NoError(p.t, err)
	eval[bool](p, source+`; true`)
	text := eval[string](p, `axe.run({exclude: [["tbody tr:nth-child(n+6)"]]}, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)
	var found []violation
	require.NoError(p.t, json.Unmarshal([]byte(text), &found))
	for _, v := range found {
		for _, node := range v.Nodes {
			assert.Failf(p.t, "not accessible", "%s: %s: %s\n%s\n%s", what, v.ID, v.Help, node.HTML, node.FailureSummary)
		}
	}
}

// fits fails if the page is wider than the window.
func (p *tab) fits(what string) {
	p.t.Helper()
	assert.LessOrEqual(p.t, eval[int](p, `document.documentElement.scrollWidth`), eval[int](p, `innerWidth`), "%s is wider than the window", what)
}

// pictures are those that the documentation shows.
var pictures = []string{"page-first", "page-live", "page-overview", "page-run", "page-run-phone", "page-test"}

// picture writes what the window shows into the folder that PAGES_PICTURES names, if the documentation shows it.
func (p *tab) picture(name string) {
	p.t.Helper()
	folder := os.Getenv("PAGES_PICTURES")
	if folder == "" || !slices.Contains(pictures, name) {
		return
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(harness.Root(p.t), folder)
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(folder, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644))
}
