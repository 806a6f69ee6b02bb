package web_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
	"pymon-bridge/web"
)

var began = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// fakeStore has runs "run-1" to "run-N" of the project "shop", each with the tests test_0, test_1 and so on.
type fakeStore struct {
	monitor.ListStore // which these pages do not ask

	projects []string
	runs     int
	tests    int
	open     int // sessions of the last run that have not ended
	records  int64
	text     string // of branch, commit, build, class of machine and file
	history  []monitor.TestPoint
	reports  map[string]*monitor.Report

	siblings []monitor.Series
	samples  int         // how often samples were read
	sampled  func(n int) // called for each sample, with its number in the list
}

func (s *fakeStore) info(n int) *monitor.RunInfo {
	info := &monitor.RunInfo{Project: "shop", ID: fmt.Sprintf("run-%d", n), ScmRef: fmt.Sprintf("%040d", n), Branch: "main",
		Started: began.Add(time.Duration(n) * time.Hour).UnixNano(), Sessions: []string{"s"}, Tests: int64(s.tests), Environments: []string{"m"}}
	if s.text != "" {
		info.ID, info.ScmRef, info.Branch, info.Build, info.Environments = s.text, s.text, s.text, s.text, []string{s.text}
	}
	return info
}

func (s *fakeStore) RunInfos(_ context.Context, q monitor.RunInfoQuery) (infos []*monitor.RunInfo, _ error) {
	for n := s.runs; n > 0; n-- {
		info := s.info(n)
		if (q.Run == "" || q.Run == info.ID) && (q.Branch == nil || *q.Branch == info.Branch) && (q.Before == 0 || info.Started < q.Before) &&
			q.Project == "shop" && (q.Limit == 0 || len(infos) < q.Limit) {
			infos = append(infos, info)
		}
	}
	return infos, nil
}

func (s *fakeStore) Samples(_ context.Context, _ monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	s.samples++
	return func(yield func(monitor.Sample, error) bool) {
		n := 0
		shared := make([]monitor.Series, s.tests)
		for _, run := range runs {
			for i := range s.tests {
				name := fmt.Sprintf("test_%d", i)
				shared[i] = monitor.Series{Project: "shop", ItemPath: "m", Item: name, ItemVariant: name, Kind: monitor.KindFunction}
				sample := monitor.Sample{Run: run, Series: &shared[i], Env: "m", Location: "tests/m.py" + s.text, Start: run.Started + int64(i),
					TotalTime: float64(i + 1), CPUTime: math.NaN(), MemUsage: 1}
				if n++; s.sampled != nil {
					s.sampled(n)
				}
				if !yield(sample, nil) {
					return
				}
			}
		}
	}
}

func (s *fakeStore) Projects(context.Context) ([]string, error) { return slices.Clone(s.projects), nil }

func (s *fakeStore) RunSums(_ context.Context, infos []*monitor.RunInfo) ([]*monitor.Run, error) {
	runs := make([]*monitor.Run, len(infos))
	for i, info := range infos {
		runs[i] = &monitor.Run{Project: info.Project, ID: info.ID, Tests: info.Tests, TotalTime: 1,
			Started: monitor.Instant{UTC: info.Started}, Ended: monitor.Instant{UTC: info.Started + 1e9}}
	}
	return runs, nil
}

func (s *fakeStore) Activities(_ context.Context, _ string, runs []string) (map[string]*monitor.Activity, error) {
	found := map[string]*monitor.Activity{}
	for _, run := range runs {
		found[run] = &monitor.Activity{Records: s.records, Last: began, Open: s.open}
	}
	return found, nil
}

func (s *fakeStore) LatestTests(context.Context, string, string, int) ([]monitor.RunTest, error) {
	return nil, nil
}

func (s *fakeStore) UnusualTests(context.Context, string, string, int) ([]monitor.RunTest, error) {
	return nil, nil
}

func (s *fakeStore) TestHistory(_ context.Context, q monitor.TestQuery) (found []monitor.TestPoint, _ error) {
	for _, point := range s.history {
		if (q.Branch == nil || *q.Branch == point.Branch) && (q.Limit == 0 || len(found) < q.Limit) {
			found = append(found, point)
		}
	}
	return found, nil
}

func (s *fakeStore) CountReports(context.Context, string) (int, int64, error) {
	return len(s.reports), 0, nil
}

func (s *fakeStore) KeptReports(context.Context, string, []string, ...monitor.Status) (map[string]*monitor.Report, error) {
	return s.reports, nil
}

func (s *fakeStore) RecentTests(_ context.Context, q monitor.RecentQuery) ([]monitor.RecentTest, error) {
	return make([]monitor.RecentTest, len(q.Tests)), nil
}

func (s *fakeStore) KeptResults(context.Context, monitor.Series, []string) (map[string]monitor.KeptResult, error) {
	return map[string]monitor.KeptResult{}, nil
}

func (s *fakeStore) Siblings(_ context.Context, test monitor.Series, _ int) (found []monitor.Series, _ error) {
	for _, one := range s.siblings {
		if one.ItemPath == test.ItemPath {
			found = append(found, one)
		}
	}
	return found, nil
}

func (s *fakeStore) ListDrift(context.Context, monitor.DriftQuery) (*monitor.DriftList, error) {
	return &monitor.DriftList{}, nil
}

func (s *fakeStore) Find(context.Context, string, string, int) ([]string, []monitor.Series, error) {
	return nil, nil, nil
}

func (s *fakeStore) Report(_ context.Context, _, run string) (*monitor.Report, error) {
	if r := s.reports[run]; r != nil {
		return r, nil
	}
	return nil, monitor.Errorf(monitor.ENotFound, "no report")
}

func (s *fakeStore) ReportVersions(_ context.Context, _ string, runs []string) (map[string]int64, error) {
	found := map[string]int64{}
	for _, run := range runs {
		if r := s.reports[run]; r != nil {
			found[run] = int64(len(r.Results)) + 1
		}
	}
	return found, nil
}

// fakeWords are words that are easy to find.
type fakeWords struct{}

func (fakeWords) Sentence(*monitor.Report) string          { return "A sentence." }
func (fakeWords) Growth(_ string, d *monitor.Drift) string { return fmt.Sprint("grew to ", d.Now) }
func (fakeWords) Growing(r *monitor.Report) (all []string) {
	for _, p := range append(r.Suite.Drift, r.Parts...) {
		all = append(all, fmt.Sprint(p.Part, " grew to ", p.Now))
	}
	return all
}
func (fakeWords) Amount(_ string, v float64) string { return fmt.Sprint(v) }
func (fakeWords) Ratio(v float64) string            { return fmt.Sprint(v) }
func (fakeWords) Printable(s string) string         { return s }
func (fakeWords) Commit(ref string) string          { return ref }
func (fakeWords) Usual(_, _ string, _ []float64) (low, usual, high float64) {
	return math.NaN(), math.NaN(), math.NaN()
}
func (fakeWords) RunsNeeded() int { return 10 }
func (fakeWords) Again(_ *monitor.Report, bridge string) string {
	return strings.TrimSuffix("pytest --remote-server "+bridge, " --remote-server ") + ` 'it'\''s' -k 'a b'`
}
func (fakeWords) Tokens(context.Context) (t monitor.TokenList, _ error) { return t, nil }

// site is a server with the pages.
type site struct {
	*httpd.Server
	store *fakeStore
	pages *web.Pages
	turns *turns.Queue
	now   time.Time
}

func newSite(store *fakeStore) *site {
	log := slog.New(slog.DiscardHandler)
	auth := httpd.NewAuthenticator(fakeWords{}, log)
	auth.AllowAnonymous = true
	s := &site{Server: httpd.New(auth, log), store: store, turns: &turns.Queue{AtOnce: 1, MaxWaiting: 1}, now: began}
	s.HostNames = []string{"example.com"} // the host of httptest
	s.pages = web.New(web.Parts{Store: store, Words: fakeWords{}, Detector: fakeWords{}, Accepter: &fakeAccepter{}, Turns: s.turns, Version: "v", Log: log})
	s.pages.Now = func() time.Time { return s.now }
	s.pages.Mount(s.Server)
	return s
}

const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// get asks like a browser, with more headers: pairs of name and value.
func (s *site) get(target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept", browserAccept)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestRootIsAPageForBrowsersOnly(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{})
	assert.Contains(t, s.get("/").Body.String(), "pytest --remote-server http://example.com")
	for _, accept := range []string{"", "*/*", "application/json", "text/plain, text/html"} {
		w := s.get("/", "Accept", accept)
		assert.Equal(t, http.StatusNotFound, w.Code, accept)
		assert.Contains(t, w.Body.String(), `{"message":"no such route`, accept)
	}
	s.store.projects, s.store.runs = []string{"shop"}, 1
	w := s.get("/")
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, "/p/shop/", w.Header().Get("Location"), "one project leads to it")
	w = s.get("/", "X-Fragment", "start-live")
	assert.Contains(t, w.Body.String(), `data-then="/p/shop/runs/run-1"`, "the page of a newcomer goes to the first run")
}

func TestEveryPageHasItsHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 2, tests: 3})
	for path, status := range map[string]int{"/p/shop": 200, "/p/shop/runs/run-1": 200, "/p/shop/runs/none": 404, "/p/..%2f/": 404,
		"/-/login": 200, "/p/shop/runs/run-1?offset=x": 400, "/nothing": 404} {
		w := s.get(path)
		assert.Equal(t, status, w.Code, path)
		assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"), path)
		policy := w.Header().Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", path)
		assert.NotContains(t, policy, "unsafe", path)
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), path)
		assert.Equal(t, "private, no-cache", w.Header().Get("Cache-Control"), path)
		assert.NotContains(t, w.Body.String(), "style=", path)
	}
}

func TestAnUnchangedPageIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 2, tests: 3})
	first := s.get("/p/shop/runs/run-1")
	again := s.get("/p/shop/runs/run-1", "If-None-Match", first.Header().Get("ETag"))
	assert.Equal(t, http.StatusNotModified, again.Code)
	assert.Empty(t, again.Body.String())
	s.store.tests++
	s.store.records++
	s.now = s.now.Add(2 * time.Second)
	assert.Equal(t, http.StatusOK, s.get("/p/shop/runs/run-1", "If-None-Match", first.Header().Get("ETag")).Code)

	zipped := s.get("/p/shop/runs/run-1", "Accept-Encoding", "gzip, br")
	require.Equal(t, "gzip", zipped.Header().Get("Content-Encoding"))
	z, err := gzip.NewReader(zipped.Body)
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	assert.Contains(t, string(plain), "test_3")
	assert.Empty(t, s.get("/p/shop/runs/run-1", "Accept-Encoding", "gzip;q=0").Header().Get("Content-Encoding"))
}

func TestAssetsStayForEver(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{})
	_, rest, _ := strings.Cut(s.get("/").Body.String(), `<link rel="stylesheet" href="`)
	path, _, _ := strings.Cut(rest, `"`)
	w := s.get(path)
	assert.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
	assert.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	w = s.get("/-/static/000000000000/app.css")
	assert.Equal(t, http.StatusOK, w.Code, "a page of an older version")
	assert.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
	assert.Equal(t, http.StatusNotFound, s.get("/-/static/000000000000/LICENSE").Code)
	assert.Equal(t, http.StatusNotFound, s.get("/-/static/000000000000/..%2fapp.css").Code)
}

func TestWrongValuesAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 2, tests: 3, history: []monitor.TestPoint{{}}})
	run, test := "/p/shop/runs/run-1?", "/p/shop/test?"
	for query, field := range map[string]string{run + "sort=x": "sort", run + "dir=x": "dir", run + "offset=-1": "offset",
		run + "status=x": "status", run + "format=x": "format", test + "n=7": "n", test + "x=y": "x", test + "y=x": "y",
		test + "from=yesterday": "from", test + "format=xlsx": "format", "/p/shop/?format=csv": "format"} {
		w := s.get(query, "Accept", "application/json")
		assert.Equal(t, http.StatusBadRequest, w.Code, query)
		var body struct{ Errors map[string]string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), w.Body.String())
		assert.Contains(t, body.Errors[field], "expected", query)
	}
	assert.Equal(t, http.StatusOK, s.get(run+"unknown=1&offset=2").Code)
}

func TestARunAsData(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 3, tests: 120})
	var page struct {
		Found int
		Tests []struct {
			Name  string
			Wall  float64  `json:"total_time"`
			CPU   *float64 `json:"cpu_time"`
			Ratio float64
		}
	}
	w := s.get("/p/shop/runs/run-3?format=json&q=TEST_1&sort=wall&dir=asc")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	assert.Equal(t, 1+10+20, page.Found, "1, 10 to 19, 100 to 119")
	assert.Equal(t, "test_1", page.Tests[0].Name)
	assert.Equal(t, 2.0, page.Tests[0].Wall)
	assert.Nil(t, page.Tests[0].CPU)
	assert.Equal(t, 1.0, page.Tests[0].Ratio, "as long as before")

	w = s.get("/p/shop/runs/run-3?format=csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+120, "not only a page")
}

func TestASnapshotIsReadOnce(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 2, tests: 3})
	for range 3 {
		s.get("/p/shop/runs/run-2?sort=name")
	}
	assert.Equal(t, 1, s.store.samples)
	s.store.reports = map[string]*monitor.Report{"run-2": {Run: "run-2", Results: []monitor.Result{{TestID: monitor.TestID{ItemPath: "m",
		Item: "test_1", ItemVariant: "test_1", Kind: monitor.KindFunction, Env: "m"}, Metric: monitor.MetricTotalTime, Status: monitor.StatusRegression}},
		Summary: monitor.Summary{Regressions: 1}}}
	body := s.get("/p/shop/runs/run-2?status=regression").Body.String()
	assert.Contains(t, body, "1 test got worse")
	assert.Contains(t, body, "1–1 of 1 test<", "the filter")
	assert.Contains(t, body, `>pytest --remote-server http://example.com &#39;it&#39;\&#39;&#39;s&#39; -k &#39;a b&#39;</code>`)
	assert.Equal(t, 2, s.store.samples, "it was judged")

	s.store.records++
	s.get("/p/shop/runs/run-2")
	assert.Equal(t, 2, s.store.samples, "something came, but a run under way is not read with each request")
	s.now = s.now.Add(2 * time.Second)
	s.get("/p/shop/runs/run-2")
	assert.Equal(t, 3, s.store.samples)
	s.now = s.now.Add(time.Hour)
	s.get("/p/shop/runs/run-2")
	assert.Equal(t, 3, s.store.samples, "nothing came")
}

func TestSnapshotsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 4, tests: 3})
	s.pages.MaxTests = 7
	look := func(runs ...string) (read int) {
		before := s.store.samples
		for _, run := range runs {
			s.get("/p/shop/runs/" + run)
		}
		return s.store.samples - before
	}
	assert.Equal(t, 2, look("run-1", "run-2"))
	assert.Equal(t, 0, look("run-1", "run-2", "run-1"))
	assert.Equal(t, 1, look("run-3"))
	assert.Equal(t, 0, look("run-1", "run-3"), "those used last stay")
	assert.Equal(t, 1, look("run-2"))
	s.pages.MaxTests = 0
	assert.Equal(t, 1, look("run-4", "run-4"), "the last one stays, however large it is")
	assert.Equal(t, 1, look("run-3", "run-4", "run-3", "run-4"), "so does the one before it, for comparisons")
}

func TestALongHistoryIsThinnedOut(t *testing.T) {
	t.Parallel()
	store := &fakeStore{projects: []string{"shop"}}
	for i := range 5000 {
		value := 1.0
		if i == 1234 {
			value = 99
		}
		store.history = append(store.history, monitor.TestPoint{Run: fmt.Sprint(i), Branch: "main", RunTest: monitor.RunTest{Env: "m",
			Start: began.Add(-time.Duration(i) * time.Minute).UnixNano(), TotalTime: value, CPUTime: value, MemUsage: math.NaN()}})
	}
	s := newSite(store)
	page := s.get("/p/shop/test?n=0").Body.String()
	_, rest, _ := strings.Cut(page, `id="data">`)
	text, _, _ := strings.Cut(rest, "</script>")
	var chart struct {
		T       []int64
		Metrics []struct{ V []*float64 }
	}
	require.NoError(t, json.Unmarshal([]byte(text), &chart))
	assert.LessOrEqual(t, len(chart.T), 502)
	greatest := 0.0
	for _, v := range chart.Metrics[0].V {
		greatest = max(greatest, *v)
	}
	assert.Equal(t, 99.0, greatest, "the one that stands out stays")
	rows, err := csv.NewReader(s.get("/p/shop/test?n=0&format=csv").Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+5000)
	assert.Contains(t, page, `pytest &#39;it&#39;\&#39;&#39;s&#39; -k &#39;a b&#39;`)
}

func TestLoginLeadsToNoOtherSite(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{})
	for next, to := range map[string]string{"/p/shop/": "/p/shop/", "//evil.example": "/", "https://evil.example/": "/", "/\\evil.example": "/",
		"evil": "/", "": "/", "/a\r\nb": "/", "/p/../../..//evil": "/", "/p/shop/../../x": "/", "/p/shop/%2e%2E/%2e./x": "/", "/./p/shop/": "/",
		"/p/shop/..": "/", "/p/shop/.?a=b": "/", "/p/shop/test?path=a..b": "/p/shop/test?path=a..b", "/p/shop/runs/-?id=..": "/p/shop/runs/-?id=.."} {
		r := httptest.NewRequest(http.MethodPost, "/-/login", strings.NewReader("token=x&next="+strings.NewReplacer("\r", "%0d", "\n", "%0a", "\\", "%5c").Replace(next)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		assert.Equal(t, to, w.Header().Get("Location"), next)
	}
}

func TestTextsFromOutsideAreOnlyText(t *testing.T) {
	t.Parallel()
	const evil = `</script><img src=x onerror="alert(1)">'"`
	store := &fakeStore{projects: []string{"shop"}, runs: 1, tests: 2, text: evil}
	store.history = []monitor.TestPoint{{Run: evil, Branch: evil, ScmRef: evil, RunTest: monitor.RunTest{Env: evil, Location: evil,
		Start: began.UnixNano(), TotalTime: 1, CPUTime: 1, MemUsage: 1}}}
	s := newSite(store)
	for _, path := range []string{"/p/shop/", "/p/shop/runs/" + url.PathEscape(evil), "/p/shop/test?name=" + url.QueryEscape(evil),
		"/p/shop/find?q=" + url.QueryEscape(evil), "/p/shop/runs/" + url.PathEscape(evil) + "?q=" + url.QueryEscape(evil),
		"/p/shop/runs/none" + url.PathEscape(evil), "/p/shop/runs/x?sort=" + url.QueryEscape(evil), "/-/login?next=" + url.QueryEscape("/"+evil)} {
		body := s.get(path).Body.String()
		assert.NotContains(t, body, "<img", path)
		assert.NotContains(t, body, "onerror=\"", path)
	}
	body := s.get("/p/shop/").Body.String()
	assert.Contains(t, body, "/p/shop/runs/%3C%2Fscript%3E%3Cimg%20src=x%20onerror=%22alert%281%29%22%3E%27%22")
	assert.Equal(t, http.StatusOK, s.get("/p/shop/runs/%3C%2Fscript%3E%3Cimg%20src=x%20onerror=%22alert%281%29%22%3E%27%22").Code)
	for _, dots := range []string{".", ".."} { // browsers take them for parts of the path
		store.text = dots
		body := s.get("/p/shop/").Body.String()
		assert.Contains(t, body, `href="/p/shop/runs/-?id=`+dots+`"`)
		assert.Equal(t, http.StatusOK, s.get("/p/shop/runs/-?id="+dots).Code)
	}
}

func TestLinksBelowAPathOfAProxy(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 2, tests: 60, history: []monitor.TestPoint{{Branch: "main"}}})
	s.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	links := regexp.MustCompile(`(?:href|src|action|data-then)="(/[^"]*)"`)
	for _, path := range []string{"/p/shop/", "/p/shop/runs/run-2", "/p/shop/test", "/p/shop/find?q=x", "/-/login", "/nothing", "/p/none/"} {
		found := links.FindAllStringSubmatch(s.get(path).Body.String(), -1)
		assert.GreaterOrEqual(t, len(found), 4, path)
		for _, link := range found {
			assert.True(t, strings.HasPrefix(link[1], "/pymon/"), "%s: %s", path, link[1])
		}
	}
	assert.Equal(t, "/pymon/p/shop/", s.get("/").Header().Get("Location"))
	assert.Contains(t, s.get("/p/none/").Body.String(), "--remote-server https://ci.example.org/pymon/p/none")
}

func TestProjectsThatNobodyUsesAreFolded(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"other", "shop"}, runs: 1, tests: 1})
	s.now = began.Add(24 * time.Hour)
	body := s.get("/").Body.String()
	used, unused, folded := strings.Cut(body, "<details><summary>1 project unused for 30 days")
	require.True(t, folded)
	assert.Contains(t, used, `href="/p/shop/"`)
	assert.Contains(t, used, "23 h ago")
	assert.Contains(t, unused, `href="/p/other/"`)
}
