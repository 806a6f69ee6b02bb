package web_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
	"pymon-bridge/regress"
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
	"pymon-bridge/web"
)

// opening is when the first run of a shop starts.
var opening = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// shop is a server with the pages of a real file.
type shop struct {
	*httpd.Server
	testing.TB
	db    *sqlite.DB
	store *counted
	pages *web.Pages
	now   time.Time

	accepter *fakeAccepter
}

func newShop(t testing.TB) *shop {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := &shop{TB: t, accepter: &fakeAccepter{}, db: sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, log)}
	s.db.MinFree = 0
	require.NoError(t, s.db.Open(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.db.Close()) })
	s.now = opening.Add(30 * 24 * time.Hour)
	auth := httpd.NewAuthenticator(s.db, log)
	auth.AllowAnonymous = true
	s.Server = httpd.New(auth, log)
	s.HostNames = []string{"example.com"} // the host of httptest
	s.store = &counted{DB: s.db}
	detector, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	s.pages = web.New(web.Parts{Store: s.store, Words: report.Words{}, Detector: detector, Accepter: s.accepter, Turns: &turns.Queue{AtOnce: 1, MaxWaiting: 1}, Version: "v", Log: log})
	s.pages.Now = func() time.Time { return s.now }
	s.pages.Mount(s.Server)
	return s
}

// order is a run of a shop.
type order struct {
	n        int    // hours after the opening
	run      string // "run-N" if empty
	branch   string // main if empty, none if "-"
	commit   string // commitOf(n) if empty
	machine  string
	tests    map[string]float64 // wall time in seconds, by "file::name"
	failed   []string           // tests that failed
	retried  []string           // tests that passed at the second attempt
	open     bool               // the session has not ended
	received time.Time          // an hour after the start if zero
}

func commitOf(n int) string { return fmt.Sprintf("%040x", n+0xabc0000000) }

func testOf(test string) (location, module, variant string) {
	location, variant, _ = strings.Cut(test, "::")
	return location, strings.TrimSuffix(strings.ReplaceAll(location, "/", "."), ".py"), variant
}

// add stores a run.
func (s *shop) add(o order) {
	s.Helper()
	s.addSession(o, "")
}

// addSession stores a session of a run that may have several.
func (s *shop) addSession(o order, name string) {
	s.Helper()
	start := opening.Add(time.Duration(o.n) * time.Hour)
	if o.run == "" {
		o.run = fmt.Sprintf("run-%d", o.n)
	}
	if o.branch == "" {
		o.branch = "main"
	}
	if o.commit == "" {
		o.commit = commitOf(o.n)
	}
	if o.received.IsZero() {
		o.received = start.Add(time.Hour)
	}
	clock := func(d time.Duration) string { return start.Add(d).Format("2006-01-02T15:04:05.000000") }
	machine := &monitor.Context{H: "machine" + o.machine, CPUCount: 8, CPUFrequency: 2300, CPUVendor: monitor.Text{String: "CPU" + o.machine},
		RAMTotal: 32000, MachineNode: "node", MachineType: "x86_64", MachineArch: "64bit", SystemInfo: "Linux - 6.1", PythonInfo: "3.11.7 (main)"}
	id := fmt.Sprintf("%x-%s-%s%s", o.n, o.run, o.branch, name)
	session := &monitor.Session{SessionH: id, RunDate: clock(0), ScmRef: monitor.Text{String: o.commit}, Tags: []monitor.Tag{
		{Name: "run", Value: monitor.Text{String: o.run}}, {Name: "branch", Value: monitor.Text{String: o.branch}}}}
	if !o.open {
		session.Completion = "complete"
	}
	if o.branch == "-" {
		session.Tags = session.Tags[:1]
	}
	records := []*monitor.Record{{Context: machine}, {Session: session}}
	at := time.Second
	measure := func(test string, seconds float64) monitor.Metric {
		location, module, variant := testOf(test)
		item, _, _ := strings.Cut(variant, "[")
		at += time.Second
		return monitor.Metric{SessionH: id, ContextH: machine.H, ItemStartTime: clock(at), ItemPath: module, Item: item, ItemVariant: variant,
			ItemFSLoc: location, Kind: monitor.KindFunction, TotalTime: seconds, UserTime: seconds / 2, KernelTime: 0, MemUsage: 10}
	}
	for test, seconds := range o.tests {
		m := measure(test, seconds)
		records = append(records, &monitor.Record{Metric: &m})
	}
	for _, test := range o.failed {
		records = append(records, &monitor.Record{Outcome: &monitor.Outcome{Metric: measure(test, 1), NodeID: test, Outcome: "failed", Attempts: 1}})
	}
	for _, test := range o.retried {
		m := measure(test, 1)
		records = append(records, &monitor.Record{Metric: &m},
			&monitor.Record{Outcome: &monitor.Outcome{Metric: m, NodeID: test, Outcome: "passed", Attempts: 2}})
	}
	for _, r := range records {
		r.Project, r.Client, r.Received = "shop", "10.0.0.1", o.received
	}
	require.NoError(s, s.db.Append(s.Context(), records))
}

// envOf is the class of machine of a run.
func envOf(machine string) string { return "Linux-x86_64 8x CPU" + machine + " 32G py3.11" }

// result is what a report has of a test.
func result(test string, status monitor.Status, baseline, value float64, good, bad int) monitor.Result {
	location, module, variant := testOf(test)
	item, _, _ := strings.Cut(variant, "[")
	return monitor.Result{TestID: monitor.TestID{ItemPath: module, Item: item, ItemVariant: variant, Kind: monitor.KindFunction, Env: envOf("")},
		ItemFSLoc: location, Metric: monitor.MetricTotalTime, Status: status, Baseline: monitor.Number(baseline), Limit: monitor.Number(baseline * 1.2),
		Value: monitor.Number(value), Ratio: monitor.Number(value / baseline), LastGood: commitOf(good), FirstBad: commitOf(bad)}
}

// judge keeps a report on a run.
func (s *shop) judge(n int, results ...monitor.Result) *monitor.Report {
	s.Helper()
	r := &monitor.Report{Project: "shop", Run: fmt.Sprintf("run-%d", n), Branch: "main", ScmRef: commitOf(n), Results: results,
		Started: opening.Add(time.Duration(n) * time.Hour), Suite: monitor.Suite{Status: monitor.StatusOK}}
	r.Arrange()
	r.Summary.Tests, r.Summary.OK = r.Summary.Tests+5, r.Summary.OK+5
	require.NoError(s, s.db.KeepReport(s.Context(), r))
	return r
}

// keep keeps a report.
func (s *shop) keep(r *monitor.Report) {
	s.Helper()
	require.NoError(s, s.db.KeepReport(s.Context(), r))
}

// get asks like a browser.
func (s *shop) get(target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// data reads a page as JSON.
func (s *shop) data(target string, into any) {
	s.Helper()
	joint := "?"
	if strings.Contains(target, "?") {
		joint = "&"
	}
	w := s.get(target + joint + "format=json")
	require.Equal(s, http.StatusOK, w.Code, "%s: %s", target, w.Body)
	require.NoError(s, json.Unmarshal(w.Body.Bytes(), into), w.Body.String())
}

// html reads a page.
func (s *shop) html(target string) string {
	s.Helper()
	w := s.get(target)
	require.Equal(s, http.StatusOK, w.Code, "%s: %s", target, w.Body)
	assert.NotContains(s, w.Body.String(), "style=", target)
	return w.Body.String()
}

var href = regexp.MustCompile(`href="([^"]*)"`)

// links returns the addresses that a page links to below the project, as the browser asks for them.
func (s *shop) links(from string) (all []string) {
	s.Helper()
	base, err := url.Parse(from)
	require.NoError(s, err)
	unescape := strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#39;", "'", "&#34;", `"`)
	for _, match := range href.FindAllStringSubmatch(s.html(from), -1) {
		to, err := base.Parse(unescape.Replace(match[1]))
		require.NoError(s, err, match[1])
		if strings.HasPrefix(to.Path, "/p/") && !strings.Contains(to.Path, "/api/") {
			all = append(all, to.RequestURI())
		}
	}
	return all
}

// sound checks that all links of a page lead to pages.
func (s *shop) sound(page string) {
	s.Helper()
	seen := map[string]bool{}
	for _, to := range s.links(page) {
		if !seen[to] {
			seen[to] = true
			w := s.get(to)
			assert.Contains(s, []int{200, 303}, w.Code, "%s links to %s: %s", page, to, w.Body)
		}
	}
	assert.NotEmpty(s, seen)
}

// refuses checks that wrong values are 400 and named.
func (s *shop) refuses(page string, fields map[string]string) {
	s.Helper()
	for field, value := range fields {
		w := s.get(page+"?"+field+"="+url.QueryEscape(value), "Accept", "application/json")
		assert.Equal(s, http.StatusBadRequest, w.Code, "%s=%s", field, value)
		var body struct{ Errors map[string]string }
		require.NoError(s, json.Unmarshal(w.Body.Bytes(), &body), w.Body.String())
		assert.Contains(s, body.Errors[field], "expected", "%s=%s", field, value)
		if field == "dir" {
			assert.Equal(s, "expected one of desc, asc", body.Errors[field])
		}
	}
}

// hostile are names that are no names of HTML, of addresses or of files.
var hostile = []string{`tests/a.py::<b onclick="x">&amp;</b>`, "tests/a.py::test[\u202eright to left]", "tests/a.py::two\nlines",
	"tests/a.py::" + strings.Repeat("x", 7500), "tests/a.py::\xed\xb2\x80lone", `tests/?&#%2f/"'.py::test`}
