package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/api"
	"pymon-bridge/monitor"
)

// fakeJudge returns one report and records its queries.
type fakeJudge struct {
	report *monitor.Report
	err    error

	mu      sync.Mutex
	queries []monitor.JudgeQuery
}

// Judge implements [monitor.Judge].
func (j *fakeJudge) Judge(_ context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queries = append(j.queries, q)
	return j.report, j.err
}

// Report implements [api.Reports].
func (j *fakeJudge) Report(_ context.Context, project, run string) (*monitor.Report, error) {
	if run == "none" {
		return nil, monitor.Errorf(monitor.ENotFound, "there is no report on run %q of project %q", run, project)
	}
	return j.report, j.err
}

func sampleReport() *monitor.Report {
	return &monitor.Report{
		Project: "p", Run: "r", ScmRef: "abc", Sessions: []string{"s"}, Runs: []string{"r"}, Branches: []string{""},
		LeftOut: []monitor.LeftOut{{Reason: "measured nothing", Runs: []string{"q"}, Branches: []string{"main"}, Environments: []string{}}},
		Started: time.Unix(1_700_000_000, 123).UTC(),
		Suite: monitor.Suite{Status: monitor.StatusOK, Offset: map[string]monitor.Number{monitor.MetricCPUTime: 1.02},
			Machines: []monitor.Machine{{Env: "ci py3.11", Status: monitor.StatusOK, Offset: map[string]monitor.Number{}, Tests: 1}}},
		Results: []monitor.Result{{TestID: monitor.TestID{Item: "test_a", ItemVariant: "test_a[<x>]"}, Metric: monitor.MetricCPUTime,
			Status: monitor.StatusRegression, Level: monitor.LevelWarn, Baseline: 1, Value: 1.5, Ratio: 1.5, Delta: 0.5,
			P: 1e-5, Q: monitor.Number(math.NaN()), Limit: monitor.Number(math.Inf(1)), N: 30, FirstBad: "abc"}},
		Summary: monitor.Summary{Tests: 1, Regressions: 1, OK: 2},
	}
}

// fakePrinter is a printer with a given format and gate.
type fakePrinter struct {
	contentType string
	gate        monitor.Gate
	print       func(w io.Writer, r *monitor.Report) error
	all         bool
}

func (p fakePrinter) ContentType() string                        { return p.contentType }
func (p fakePrinter) Gate(*monitor.Report) monitor.Gate          { return p.gate }
func (p fakePrinter) All() bool                                  { return p.all }
func (p fakePrinter) Print(w io.Writer, r *monitor.Report) error { return p.print(w, r) }

// printer returns a printer for JSON or text. Its gate is fail, or pass with any fail_on.
func printer(q url.Values, _ string) (monitor.ReportPrinter, error) {
	gate := monitor.GateFail
	if q.Get("fail_on") != "" {
		gate = monitor.GatePass
	}
	switch q.Get("format") {
	case "", "json":
		return fakePrinter{"application/json", gate, func(w io.Writer, r *monitor.Report) error { return json.NewEncoder(w).Encode(r) },
			q.Get("all") == "true"}, nil
	case "text":
		return fakePrinter{"text/plain; charset=utf-8", gate,
			func(w io.Writer, r *monitor.Report) error { _, err := io.WriteString(w, "run "+r.Run+"\n"); return err }, false}, nil
	}
	return nil, &monitor.Error{Code: monitor.EInvalid, Message: "unknown format",
		Fields: map[string]string{"format": "expected json or text"}}
}

func TestRegressions(t *testing.T) {
	t.Parallel()
	main, fix, empty := "main", "fix", ""
	for target, want := range map[string]monitor.JudgeQuery{
		"/api/v1/regressions":                             {Project: monitor.DefaultProject},
		"/api/v1/regressions/?run=latest":                 {Project: monitor.DefaultProject},
		"/api/v1/regressions?all=true":                    {Project: monitor.DefaultProject, All: true},
		"/api/v1/regressions?project=shop&scm_ref=abc":    {Project: "shop", ScmRef: "abc"},
		"/p/shop/api/v1/regressions?run=17&branch=main":   {Project: "shop", Run: "17", Branch: &main},
		"/api/v1/regressions?scm_ref=abc&head=fix":        {Project: monitor.DefaultProject, ScmRef: "abc", Head: &fix},
		"/p/shop/api/v1/regressions?project=shop&branch=": {Project: "shop", Branch: &empty},
		"/p/shop/api/v1/api/v1/regressions?fail_on=never": {Project: "shop"},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sample())
			w := s.get(t, target)
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			assert.Equal(t, []monitor.JudgeQuery{want}, s.judge.queries)
			var got monitor.Report
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			assert.Equal(t, "r", got.Run)
			assert.True(t, math.IsNaN(float64(got.Results[0].Q)) && math.IsNaN(float64(got.Results[0].Limit)), "null in JSON")
			gate := "fail"
			if target == "/p/shop/api/v1/api/v1/regressions?fail_on=never" {
				gate = "pass"
			}
			assert.Equal(t, gate, w.Header().Get("Pymon-Bridge-Gate"))
		})
	}
}

func TestRegressionsInOtherFormats(t *testing.T) {
	t.Parallel()
	s := newServer(t, sample())
	w := s.get(t, "/api/v1/regressions?format=text")
	assert.Equal(t, "run r\n", w.Body.String())
	assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
}

func TestRegressionsAnswersErrors(t *testing.T) {
	t.Parallel()
	for target, tc := range map[string]struct {
		err    error
		status int
		text   string
	}{
		"/api/v1/regressions?format=yaml":         {nil, 400, `"format":"expected json or text"`},
		"/api/v1/regressions?project=no/such":     {nil, 400, `"project":"expected 1 to 64`},
		"/api/v1/regressions?scm_ref=":            {nil, 400, `"scm_ref":"expected the commit`},
		"/api/v1/regressions?run=&scm_ref=abc":    {nil, 400, `"run":"expected the id`},
		"/api/v1/regressions?scm_ref=a;b":         {nil, 400, `the query cannot be read`},
		"/api/v1/regressions?scm_ref=%zz":         {nil, 400, `the query cannot be read`},
		"/p/shop/api/v1/regressions?project=main": {nil, 403, "for project"},
		"/p/shop/api/v1/regressions?run=17":       {monitor.Errorf(monitor.ENotFound, `no run "17"`), 404, `no run`},
		"/p/shop/api/v1/regressions":              {monitor.Errorf(monitor.EUnavailable, "InfluxDB is away"), 503, "away"},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sample())
			s.judge.err = tc.err
			w := s.get(t, target)
			assert.Equal(t, tc.status, w.Code)
			assert.Contains(t, w.Body.String(), tc.text)
		})
	}
}

// Links in reports begin with the address that people reach: the public URL, else the one that was asked. They have no token.
func TestReportsLinkToThePages(t *testing.T) {
	t.Parallel()
	s := newServer(t, sample())
	var public *url.URL
	asked := func() (base string) {
		s.Server, s.api = mount(s.tokens, api.Parts{Store: sample(), Metadata: s.metadata, Judge: s.judge, Reports: s.judge, Log: slog.New(slog.DiscardHandler),
			Printer: func(q url.Values, bridge string) (monitor.ReportPrinter, error) {
				base = bridge
				return printer(q, bridge)
			}})
		s.PublicURL = public
		require.Equal(t, http.StatusOK, s.do(http.MethodGet, "/p/team/api/v1/regressions", "", "Authorization", "Bearer secret").Code)
		return base
	}
	assert.Equal(t, "http://example.com", asked())
	s.tokens.all = []monitor.Token{{Project: "team", Scopes: []monitor.Scope{monitor.ScopeRead}, Hash: sha256.Sum256([]byte("secret"))}}
	public = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	assert.Equal(t, "https://ci.example.org/pymon", asked())
}

// A kept report is answered without judging, with everything that it has.
func TestKeptReport(t *testing.T) {
	t.Parallel()
	s := newServer(t, sample())
	for target, want := range map[string]int{"/p/p/api/v1/runs/r/report": 200, "/api/v1/runs/r/report/?project=p&item_variant=x": 200,
		"/p/p/api/v1/runs/none/report": 404, "/api/v1/runs/r/report?project=..": 400} {
		w := s.do(http.MethodGet, target, "")
		assert.Equal(t, want, w.Code, target)
		if want == 200 {
			assert.Equal(t, "r", decode(t, w)["run"], target)
			assert.Equal(t, "fail", w.Header().Get("Pymon-Bridge-Gate"))
		}
	}
	assert.Empty(t, s.judge.queries)
}
