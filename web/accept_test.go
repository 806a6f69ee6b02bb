package web_test

import (
	"context"
	"crypto/sha256"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// fakeAccepter notes what is accepted and taken back.
type fakeAccepter struct {
	asked  []monitor.AcceptQuery
	undone []int64
	all    []monitor.Acceptance
}

func (f *fakeAccepter) Accept(_ context.Context, q monitor.AcceptQuery) (*monitor.Acceptance, error) {
	if q.Note == "" {
		return nil, &monitor.Error{Code: monitor.EInvalid, Message: "this cannot be accepted", Fields: map[string]string{"note": "expected why"}}
	}
	f.asked = append(f.asked, q)
	return &monitor.Acceptance{}, nil
}

func (f *fakeAccepter) Unaccept(_ context.Context, _ string, id int64) (*monitor.Acceptance, error) {
	f.undone = append(f.undone, id)
	return &monitor.Acceptance{}, nil
}

func (f *fakeAccepter) Acceptances(context.Context, string) ([]monitor.Acceptance, error) {
	return f.all, nil
}

// postForm posts a form like a browser on a page of an origin.
func (s *shop) postForm(origin, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// optionOf returns how a page's form names a test.
func optionOf(t *testing.T, page, name string) string {
	t.Helper()
	option := regexp.MustCompile(`<option value="([^"]*)">[^<]*` + regexp.QuoteMeta(name)).FindStringSubmatch(page)
	require.NotNil(t, option, name)
	return html.UnescapeString(option[1])
}

// TestTheFormTakesAnyName holds for names, ids and notes as long as they may be, in any script. Browsers send U+FFFD for what is
// no Unicode, and CRLF for the end of a line.
func TestTheFormTakesAnyName(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"two bytes": strings.Repeat("é", 7500), "four bytes": strings.Repeat("😀", 7500),
		"lone surrogates": "\xed\xa0\x80", "lines": "a\nb", "percents": strings.Repeat("%", 7500), "no path": ""} {
		s := newShop(t)
		r := result("tests/a.py::test_a["+text+"]", monitor.StatusRegression, 1, 2, 0, 1)
		r.ItemPath = text
		run := strings.Repeat("😀", 7500)
		s.add(order{n: 1, run: run, tests: map[string]float64{"tests/a.py::test_a": 1}})
		s.keep(&monitor.Report{Project: "shop", Run: run, Branch: "main", Results: []monitor.Result{r}, Suite: monitor.Suite{Status: monitor.StatusRegression}})
		page := s.get(monitor.RunPath("shop", run)).Body.String()
		form := url.Values{"run": {run}, "test": {optionOf(t, page, "test_a[")}, "note": {strings.Repeat("😀", 2000)}, "by": {strings.Repeat("😀", 200)}}
		form.Set("test", strings.ToValidUTF8(strings.ReplaceAll(form.Get("test"), "\n", "\r\n"), "\ufffd"))
		w := s.postForm("http://example.com", "/p/shop/accept", form)
		assert.Equal(t, http.StatusSeeOther, w.Code, "%s: %s", name, w.Body)
		if assert.Len(t, s.accepter.asked, 1, name) {
			assert.Equal(t, monitor.AcceptedScope{ItemPath: text, ItemVariant: r.ItemVariant}, s.accepter.asked[0].AcceptedScope, name)
		}
		form.Set("note", strings.Repeat("x", 200_000))
		for _, target := range []string{"/p/shop/accept", "/-/login"} {
			w = s.postForm("http://example.com", target, form)
			assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code, target)
			assert.Contains(t, w.Body.String(), "the form is larger than ", target)
		}
	}
}

// TestTheFormOfARunAccepts holds that the page of a run with a regression has a form that works without scripts, that other sites
// cannot send it, and that the note is needed.
func TestTheFormOfARunAccepts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a, odd = "tests/a.py::test_a", "tests/a.py::test_<b>[&\"x]"
	for n := range 3 {
		s.add(order{n: n, tests: map[string]float64{a: 1, odd: 1}})
	}
	s.judge(1)
	module := result("tests/b.py::test", monitor.StatusRegression, 1, 2, 1, 2)
	module.Kind, module.ItemPath, module.Item, module.ItemVariant = "module", "", "tests.b", ""
	s.judge(2, result(a, monitor.StatusRegression, 1, 2, 1, 2), result(odd, monitor.StatusRegression, 1, 2, 1, 2), module)
	assert.NotContains(t, s.get("/p/shop/runs/run-1").Body.String(), "Accept what is worse", "nothing is worse")
	page := s.get("/p/shop/runs/run-2").Body.String()
	assert.Contains(t, page, `<form method="post" action="/p/shop/accept"><input type="hidden" name="run" value="run-2">`)
	assert.Contains(t, page, `<input name="note" required maxlength="2000"`)
	assert.Contains(t, page, `<input name="by" required`)
	key := optionOf(t, page, "test_&lt;b&gt;[")
	assert.Equal(t, 3, strings.Count(page, "<option value="), "all, and two tests; a module has no name to choose it by")
	assert.Contains(t, page, `<option value="all=1">all regressions of this run</option>`)

	form := url.Values{"run": {"run-2"}, "test": {key}, "note": {"it does more"}, "by": {"anna"}}
	assert.Equal(t, http.StatusForbidden, s.postForm("http://evil.example", "/p/shop/accept", form).Code)
	assert.Empty(t, s.accepter.asked)
	w := s.postForm("http://example.com", "/p/shop/accept", form)
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, "/p/shop/runs/run-2", w.Header().Get("Location"))
	form.Set("test", "all=1")
	s.postForm("http://example.com", "/p/shop/accept", form)
	want := monitor.AcceptQuery{Project: "shop", Run: "run-2", Note: "it does more", By: "anna"}
	named := want
	named.AcceptedScope = monitor.AcceptedScope{ItemPath: "tests.a", ItemVariant: `test_<b>[&"x]`}
	assert.Equal(t, []monitor.AcceptQuery{named, want}, s.accepter.asked)
	for _, wrong := range []url.Values{{"run": {"run-2"}, "by": {"anna"}}, {"note": {"why"}}, {"run": {"run-2"}, "note": {"why"}, "test": {"%zz"}},
		{"run": {"run-2"}, "note": {"why"}, "by": {"anna"}}, {"run": {"run-2"}, "note": {"why"}, "by": {"anna"}, "test": {"path=&name="}},
		{"run": {"run-2"}, "undo": {"x"}}} {
		assert.Equal(t, http.StatusBadRequest, s.postForm("http://example.com", "/p/shop/accept", wrong).Code, wrong)
	}
	assert.Len(t, s.accepter.asked, 2)
	refused := s.postForm("http://example.com", "/p/shop/accept", url.Values{"run": {"run-2"}, "test": {"all=1"}, "by": {"anna"}}, "Accept", "text/html").Body.String()
	assert.Contains(t, refused, "<h1>What you sent is wrong</h1>", "the address is right")
	assert.Contains(t, refused, "<dt><code>note</code></dt><dd>expected why</dd>")

	// What was accepted is on the page of its run, with a way back.
	s.accepter.all = []monitor.Acceptance{{ID: 7, Run: "run-2", Note: "it <does> more", By: "anna", At: time.Unix(0, 0).UTC(), Regressions: 2}, {ID: 6, Run: "run-1", Note: "other"}}
	page = s.get("/p/shop/runs/run-2").Body.String()
	assert.Contains(t, page, "All tests, 2 regressions, by anna on 1 January 1970: it &lt;does&gt; more")
	assert.NotContains(t, page, "other</li>")
	assert.Equal(t, http.StatusSeeOther, s.postForm("http://example.com", "/p/shop/accept", url.Values{"run": {"run-2"}, "undo": {"7"}}).Code)
	assert.Equal(t, []int64{7}, s.accepter.undone)
}

// TestARunIsJudgedAgainAfterTheForm holds that the page of a run says that its verdict is an old one, until there is a new report.
func TestARunIsJudgedAgainAfterTheForm(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a = "tests/a.py::test_a"
	s.add(order{n: 1, tests: map[string]float64{a: 1}})
	worse := func(seconds float64) monitor.Result { return result(a, monitor.StatusRegression, 1, seconds, 0, 1) }
	s.judge(1, worse(2))
	const page, old, again = "/p/shop/runs/run-1", "<h1>1 test got worse</h1>", "<h1>Being judged again: 1 test</h1>"
	for n, form := range []url.Values{{"run": {"run-1"}, "test": {"all=1"}, "note": {"why"}, "by": {"anna"}}, {"run": {"run-1"}, "undo": {"1"}}} {
		assert.Contains(t, s.html(page), old)
		require.Equal(t, http.StatusSeeOther, s.postForm("http://example.com", "/p/shop/accept", form).Code)
		html := s.html(page)
		assert.Contains(t, html, again)
		assert.Contains(t, html, `data-live="run-live"`, "the page follows")
		assert.NotContains(t, html, old)
		assert.NotContains(t, html, "Accept what is worse")
		assert.NotContains(t, s.get(page, "X-Fragment", "run-live").Body.String(), "data-then")
		s.judge(1, worse(float64(3+n)))
		assert.Contains(t, s.get(page, "X-Fragment", "run-live").Body.String(), `data-then="`+page+`"`)
		assert.Contains(t, s.html(page), old)
	}
	s.postForm("http://example.com", "/p/shop/accept", url.Values{"run": {"run-1"}, "test": {"all=1"}, "note": {"why"}, "by": {"anna"}})
	s.now = s.now.Add(61 * time.Second)
	assert.Contains(t, s.html(page), old, "judging failed")
	s.postForm("http://example.com", "/p/shop/accept", url.Values{"run": {"run-1"}, "test": {"all=1"}, "by": {"anna"}})
	assert.Contains(t, s.html(page), old, "nothing was accepted")
}

// TestOnlyAdminsSeeTheForm holds that a token without the scope admin neither sees the form nor can send it, and that the name of
// a token is who accepts. With tokens, the page says what TOKEN in its command stands for.
func TestOnlyAdminsSeeTheForm(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a = "tests/a.py::test_a"
	s.add(order{n: 1, tests: map[string]float64{a: 1}})
	s.judge(1, result(a, monitor.StatusRegression, 1, 2, 0, 1))
	const note = `<code>TOKEN</code> stands for a token with the scope write.`
	assert.NotContains(t, s.html("/p/shop/runs/run-1"), note)
	for scope, secret := range map[monitor.Scope]string{monitor.ScopeRead: "reader", monitor.ScopeWrite: "writer", monitor.ScopeAdmin: "boss"} {
		_, err := s.db.AddToken(t.Context(), monitor.Token{Project: "shop", Label: "the " + secret, Scopes: []monitor.Scope{scope}, Hash: sha256.Sum256([]byte(secret))})
		require.NoError(t, err)
	}
	form := url.Values{"run": {"run-1"}, "test": {"all=1"}, "note": {"why"}, "by": {"somebody else"}}
	for _, secret := range []string{"reader", "writer"} {
		assert.NotContains(t, s.get("/p/shop/runs/run-1", "Authorization", "Bearer "+secret).Body.String(), "Accept what is worse")
		assert.Equal(t, http.StatusForbidden, s.postForm("http://example.com", "/p/shop/accept", form, "Authorization", "Bearer "+secret).Code)
	}
	page := s.get("/p/shop/runs/run-1", "Authorization", "Bearer boss").Body.String()
	assert.Contains(t, page, note)
	assert.Contains(t, page, "Accept what is worse")
	assert.NotContains(t, page, `name="by"`)
	assert.Equal(t, http.StatusSeeOther, s.postForm("http://example.com", "/p/shop/accept", form, "Authorization", "Bearer boss").Code)
	require.Len(t, s.accepter.asked, 1)
	assert.Equal(t, "the boss", s.accepter.asked[0].By)
}

// TestAcceptedRegressionsEnd holds that the list of regressions says by whom and why one was accepted, from the first report on
// that says so.
func TestAcceptedRegressionsEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a, b = "tests/a.py::test_a", "tests/a.py::test_b"
	for n := range 7 {
		s.add(order{n: n, tests: map[string]float64{a: 1, b: 1}})
	}
	taken := func(test string) monitor.Result {
		r := result(test, monitor.StatusAccepted, 1, 2, 1, 2)
		r.Acceptance = &monitor.Acceptance{ID: 1, By: "anna", Note: "it <does> more"}
		return r
	}
	s.judge(1)
	s.judge(2, result(a, monitor.StatusRegression, 1, 2, 1, 2))
	s.judge(3, taken(a), taken(b))
	s.judge(4, taken(a), taken(b))
	s.judge(5, result(a, monitor.StatusRegression, 2, 4, 4, 5), taken(b))
	var list regressionList
	s.data("/p/shop/regressions?state=all&group=test", &list)
	assert.Equal(t, map[string]int{"all": 3, "drift": 0, "open": 1, "accepted": 2}, list.Counts)
	rows := strings.Join(list.rows(), "\n")
	assert.Contains(t, rows, "test_a open run-5 run-5")
	assert.Contains(t, rows, "test_a accepted run-2 run-4 run-3")
	assert.Contains(t, rows, "test_b accepted run-3 run-5 run-3")
	page := s.get("/p/shop/regressions?state=accepted").Body.String()
	assert.Contains(t, page, `<span class="st accepted" title="accepted"><i aria-hidden="true">△</i>`)
	assert.Contains(t, page, "by anna: it &lt;does&gt; more")
	assert.Contains(t, s.get("/p/shop/regressions?state=accepted&format=csv").Body.String(), ",anna,it <does> more")
	assert.Contains(t, s.get("/p/shop/runs/run-4").Body.String(), "accepted by anna: it &lt;does&gt; more")
	assert.Contains(t, s.get("/p/shop/runs/run-4?status=accepted").Body.String(), "test_b")
}
