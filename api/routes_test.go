package api_test

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestMetricRoutes requests every list of metrics. The total time identifies a metric of the sample.
func TestMetricRoutes(t *testing.T) {
	tests := []struct {
		path string
		want []float64 // nil for 204
	}{
		{"/metrics/", []float64{1, 2, 3, 4, 5, 6}},
		{"/items/test_a/metrics", []float64{1, 3, 6}},
		{"/items/test_/metrics", nil},
		{"/items/like/metrics", []float64{4}}, // the item "like"
		{"/items/like/est_/metrics", []float64{1, 2, 3, 6}},
		{"/items/like/%25/metrics", nil},
		{"/items/like/TEST/metrics", nil},
		{"/items/like/metrics/metrics", nil}, // items whose name contains "metrics"
		{"/variants/test_a%5B1%2C%202%5D/metrics", []float64{1, 6}},
		{"/variants/test_a[1,%202]/metrics", []float64{1, 6}},
		{"/variants/test_a%5B3%2F4%5D/metrics", []float64{3}},
		{"/variants/like/3%2F4/metrics", []float64{3}},
		{"/variants/like/%5B/metrics", []float64{1, 3, 6}},
		{"/filters/scope/module/metrics", []float64{5}},
		{"/filters/scope/FUNCTION/metrics", nil},
		{"/filters/scm/abc/metrics", []float64{1, 2, 3, 4, 5}},
		{"/filters/scm/abc2/metrics", []float64{4, 5}},
		{"/filters/scm/bc/metrics", nil},
		{"/sessions/s1/metrics", []float64{1, 2, 3}},
		{"/sessions/s/metrics", nil},
		{"/sessions/s9/metrics", []float64{6}}, // a session that the store does not have
		{"/sessions/count/metrics", nil},       // the session "count"
		{"/contexts/c1/metrics", []float64{1, 2, 3}},
		{"/components/core/metrics", []float64{1, 2, 5}},
		{"/components/co%25re/metrics", []float64{6}},
		{"/components/co_e/metrics", nil},
		{"/components/metrics", []float64{3}},
		{"/components//metrics", []float64{3}},
		{"/components/items/metrics", []float64{4}}, // the component "items"
		{"/components/items/metrics/", []float64{4}},
		{"/components/count/metrics", nil},
		{"/components/metrics/metrics", nil},
		{"/components/variants/metrics", nil},
		{"/variants/like/metrics", []float64{4}},
		{"/components/core/items/test_a/metrics", []float64{1}},
		{"/components/items/test_a/metrics", []float64{3}},
		{"/components/items/items/like/metrics", []float64{4}},
		{"/components/core/variants/test_b/metrics", []float64{2}},
		{"/components/variants/test_a%5B3%2F4%5D/metrics", []float64{3}},
		{"/items/'%20OR%201=1%20--/metrics", nil},
	}
	forEveryStore(t, func(t *testing.T, s *server) {
		for _, tt := range tests {
			t.Run(tt.path, func(t *testing.T) { assertMetrics(t, s.get(t, "/p/team/api/v1"+tt.path), tt.want) })
		}
	})
}

// assertMetrics checks for one page of metrics, or for 204 if want is nil.
func assertMetrics(t *testing.T, w *httptest.ResponseRecorder, want []float64) {
	t.Helper()
	if want == nil {
		assert.Equal(t, http.StatusNoContent, w.Code, w.Body)
		assert.Empty(t, w.Body.String())
		return
	}
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.Equal(t, byte('\n'), w.Body.Bytes()[w.Body.Len()-1])
	answer := decode(t, w)
	assert.Equal(t, want, numbers(t, answer, "total_time"))
	assert.Len(t, answer, 2, "one page has no links")
	assert.EqualValues(t, 1, answer["total_page"])
}

// numbers returns one number field of each metric of an answer.
func numbers(t *testing.T, answer map[string]any, field string) (all []float64) {
	t.Helper()
	for _, m := range answer["metrics"].([]any) {
		all = append(all, m.(map[string]any)[field].(float64))
	}
	return all
}

func TestCounts(t *testing.T) { forEveryStore(t, assertCounts) }

func assertCounts(t *testing.T, s *server) {
	for path, want := range map[string]int{
		"/metrics/count": 6, "/items/test_a/metrics/count": 3, "/items/none/metrics/count": 0, "/items/like/metrics/count": 1,
		"/variants/test_a%5B3%2F4%5D/metrics/count": 1, "/filters/scope/function/metrics/count": 5,
		"/filters/scm/abc/metrics/count": 5, "/sessions/s1/metrics/count": 3, "/contexts/c2/metrics/count": 2,
		"/sessions/count": 3, "/contexts/count": 3, "/components/count": 3,
	} {
		w := s.get(t, "/p/team/api/v1"+path)
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.EqualValues(t, want, decode(t, w)["count"], path)
	}
	assert.JSONEq(t, `{"count": 7}`, s.get(t, "/api/v1/metrics/count").Body.String(), "this path reads all projects")
}

const (
	session1 = `{"session_h": "s1", "run_date": "2026-11-22T16:03:00", "scm_ref": "abc1", "tags": [
		{"name": "pipeline_branch", "value": "main"}, {"name": "pipeline_build_no", "value": "7"}, {"name": "numpy", "value": "2.0"}]}`
	session2 = `{"session_h": "s2", "run_date": "2026-11-22T16:04:00", "scm_ref": "abc2", "tags": [
		{"name": "pipeline_branch", "value": "main"}, {"name": "pipeline_build_no", "value": "8"}, {"name": "dot.tag", "value": "x"}]}`
	session3 = `{"session_h": "s3", "run_date": "2026-11-22T16:05:00", "scm_ref": null, "tags": []}`
	context1 = `{"h": "c1", "context_h": "c1", "cpu_count": 8, "cpu_frequency": 2300, "cpu_type": "", "cpu_vendor": null,
		"ram_total": 32100, "machine_node": "ci-1", "machine_type": "", "machine_arch": "", "system_info": "",
		"python_info": "3.11.7 \n[GCC]"}`
	links = `"total_page": 1, "prev_url": null, "next_url": null`
)

// TestAnswers compares complete answers.
func TestAnswers(t *testing.T) { forEveryStore(t, assertAnswers) }

func assertAnswers(t *testing.T, s *server) {
	for path, want := range map[string]string{
		"/sessions/":                             `{"sessions": [` + session1 + `,` + session2 + `,` + session3 + `], "total_page": 1}`,
		"/sessions/s1":                           `{"sessions": [` + session1 + `], "total_page": 1}`,
		"/sessions/%25":                          ``,
		"/filters/scm/abc2/sessions":             `{"sessions": [` + session2 + `], "total_page": 1}`,
		"/filters/scm/_/sessions":                ``,
		"/contexts/c1":                           `{"contexts": [` + context1 + `], "total_page": 1}`,
		"/contexts/x":                            ``,
		"/components/":                           `{"components": ["", "co%re", "core", "items"], "total_page": 1}`,
		"/components/co":                         `{"components": ["co%re", "core"], "total_page": 1}`,
		"/components/x":                          ``,
		"/pipelines/":                            `{"pipelines": ["main"]}`,
		"/components/core/pipelines":             `{"component": "core", "pipelines": ["main"], ` + links + `}`,
		"/components/co%25re/pipelines":          `{"component": "co%re", "pipelines": [], "total_page": 0, "prev_url": null, "next_url": null}`,
		"/components/core/pipelines/main/builds": `{"component": "core", "pipeline": "main", "builds": ["7", "8"], ` + links + `}`,
		"/components/core/pipelines/main/builds/7/sessions": `{"component": "core", "pipeline": "main", "build": "7",
			"sessions": ["s1"], ` + links + `}`,
		"/pipelines/main/builds":            `{"pipeline": "main", "builds": ["7", "8"], ` + links + `}`,
		"/pipelines/main/builds/8/sessions": `{"pipeline": "main", "build": "8", "sessions": ["s2"], ` + links + `}`,
		"/pipelines/mai/builds":             `{"pipeline": "mai", "builds": [], "total_page": 0, "prev_url": null, "next_url": null}`,
		"/resources/cpu/head/0/metrics":     `{"metrics": [], ` + links + `}`,
		"/runs/none":                        `{"runs": [], "total_page": 0, "prev_url": null, "next_url": null}`,
	} {
		w := s.get(t, "/p/team/api/v1"+path)
		if want == "" {
			assert.Equal(t, http.StatusNoContent, w.Code, path)
			continue
		}
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.JSONEq(t, want, w.Body.String(), path)
	}
}

func TestRuns(t *testing.T) {
	s := newServer(t, sample())
	want := `{"runs": [{"project": "team", "run": "r1", "scm_ref": "abc1", "branch": "main", "build": "7", "tags": [
			{"name": "pipeline_branch", "value": "main"}, {"name": "pipeline_build_no", "value": "7"},
			{"name": "numpy", "value": "2.0"}, {"name": "pipeline_build_no", "value": "8"}, {"name": "dot.tag", "value": "x"}],
			"environments": ["Linux-x86_64 8x ? 32G py3.11"], "sessions": [` + session1 + `,` + session2 + `],
			"tests": 4, "modules": 1, "total_time": 10.5, "user_time": 9, "kernel_time": 1, "completion": null, "partial": null, "report": null,
			"outcomes": {"passed": 1, "failed": 2, "error": 1, "skipped": 0, "xfailed": 0, "xpassed": 0},
			"started": "2026-11-22T17:03:00.000000+01:00", "ended": "2026-11-22T17:04:30.500000+01:00"}], ` + links + `}`
	for _, path := range []string{"/p/team/api/v1/runs/", "/api/v1/runs/r1"} {
		assert.JSONEq(t, want, s.get(t, path).Body.String(), path)
	}
	assert.JSONEq(t, `{"count": 1}`, s.get(t, "/api/v1/runs/count").Body.String())
	assert.JSONEq(t, `{"count": 0}`, s.get(t, "/p/other/api/v1/runs/count").Body.String())
}

func TestRunsSayHowTheyEnded(t *testing.T) {
	store := sample()
	complete := &monitor.Session{SessionH: "s8", RunDate: "d", Marks: monitor.Marks{Completion: monitor.Complete, Method: "m2"},
		End: monitor.End{ExitStatus: 1, Collected: 7, Deselected: 2}}
	stopped := *complete
	stopped.Completion, stopped.Reason = monitor.Partial, "-x"
	store.runs = []owned[*monitor.Run]{
		{"team", &monitor.Run{Project: "team", ID: "r1", Sessions: []*monitor.Session{complete},
			Report: &monitor.Brief{Verdict: monitor.StatusSuspect, Regressions: 1, Suspects: 2, Improvements: 3}}},
		{"team", &monitor.Run{Project: "team", ID: "r2", Sessions: []*monitor.Session{complete, &stopped}}}}
	s := newServer(t, store)
	for id, want := range map[string][3]any{"r1": {"complete", nil, `complete,,suspect,1,2,3`}, "r2": {"partial", "-x", `partial,-x,,,,`}} {
		run := decode(t, s.get(t, "/api/v1/runs/"+id))["runs"].([]any)[0].(map[string]any)
		assert.Equal(t, want[0], run["completion"])
		assert.Equal(t, want[1], run["partial"])
		if id == "r1" {
			assert.Equal(t, map[string]any{"verdict": "suspect", "regressions": 1., "suspects": 2., "improvements": 3.}, run["report"])
		}
		session := run["sessions"].([]any)[0].(map[string]any)
		assert.Equal(t, []any{"complete", 1., 7., 2., "m2"}, []any{session["completion"], session["exit_status"], session["collected"],
			session["deselected"], session["method"]})
		assert.Contains(t, s.get(t, "/api/v1/runs/"+id, "Accept", "text/csv").Body.String(), ","+want[2].(string)+"\r\n")
	}
}

func TestSumsThatAreNotFiniteAreNull(t *testing.T) {
	store := sample()
	run := store.runs[0].v
	run.TotalTime, run.UserTime, run.KernelTime = math.Inf(1), math.Inf(-1), math.NaN()
	answer := decode(t, newServer(t, store).get(t, "/api/v1/runs/"))["runs"].([]any)[0].(map[string]any)
	for _, name := range []string{"total_time", "user_time", "kernel_time"} {
		assert.Nil(t, answer[name], name)
		assert.Contains(t, answer, name)
	}
}

func TestAnswersOfAnEmptyStore(t *testing.T) {
	s := newServer(t, &fakeStore{})
	for path, want := range map[string]int{
		"/metrics/": 204, "/sessions/": 204, "/contexts/": 204, "/components/": 204, "/pipelines/": 204, "/runs/": 200,
		"/resources/cpu/head/metrics": 200, "/components/count": 200, "/sessions/?with_flags=a": 204,
	} {
		assert.Equal(t, want, s.get(t, "/api/v1"+path).Code, path)
	}
}

func TestTop(t *testing.T) { forEveryStore(t, assertTop) }

func assertTop(t *testing.T, s *server) {
	for path, want := range map[string][]float64{
		"/resources/memory/head/2/metrics":                         {6, 5},
		"/resources/memory/tail/2/metrics":                         {1, 2},
		"/resources/user_time/head/1/metrics":                      {1},
		"/resources/kernel_time/tail/1/metrics":                    {1},
		"/resources/total_time/head/metrics":                       {6, 5, 4, 3, 2, 1},
		"/resources/cpu/head/2/metrics":                            {1, 2},
		"/resources/memory/components/core/head/metrics":           {5, 2, 1},
		"/resources/memory/components/core/tail/1/metrics":         {1},
		"/resources/memory/pipelines/main/head/1/metrics":          {5},
		"/resources/memory/pipelines/main/tail/metrics":            {1, 2, 3, 4, 5},
		"/resources/memory/pipelines/main/builds/7/head/metrics":   {3, 2, 1},
		"/resources/memory/pipelines/main/builds/8/tail/1/metrics": {4},
		"/resources/memory/head/2/metrics?page=9":                  {6, 5},
		"/resources/memory/head/500/metrics":                       {6, 5, 4, 3, 2, 1},
		"/resources/memory/head/99999999999999999999/metrics":      {6, 5, 4, 3, 2, 1},
	} {
		w := s.get(t, "/p/team/api/v1"+path)
		require.Equal(t, http.StatusOK, w.Code, path)
		answer := decode(t, w)
		assert.Equal(t, want, numbers(t, answer, "total_time"), path)
		assert.Equal(t, []any{1.0, nil, nil}, []any{answer["total_page"], answer["prev_url"], answer["next_url"]}, path)
	}
	for path, want := range map[string]int{
		"/resources/mem/head/metrics": 404, "/resources/Memory/head/metrics": 404, "/resources/cpu/head/x/metrics": 404,
		"/resources/cpu/head/-1/metrics": 404, "/resources/cpu/head/%2B1/metrics": 404, "/resources/cpu/middle/metrics": 404,
	} {
		w := s.do(http.MethodGet, "/p/team/api/v1"+path, "")
		assert.Equal(t, want, w.Code, path)
		assert.NotEmpty(t, decode(t, w)["message"], path)
	}
}

// The reference server answers a larger number with the first 500.
func TestTopHasAtMost500Metrics(t *testing.T) {
	t.Parallel()
	store := sample()
	for i := range 600 {
		store.metrics = append(store.metrics, owned[*monitor.Metric]{"team", &monitor.Metric{Item: "more", MemUsage: float64(i + 1000)}})
	}
	s := newServer(t, store)
	for _, n := range []string{"500", "501", "100000", "99999999999999999999"} {
		w := s.get(t, "/p/team/api/v1/resources/memory/head/"+n+"/metrics")
		require.Equal(t, http.StatusOK, w.Code, n)
		assert.Len(t, decode(t, w)["metrics"], 500, n)
	}
}

func TestFlags(t *testing.T) { forEveryStore(t, assertFlags) }

func assertFlags(t *testing.T, s *server) {
	for query, want := range map[string][]string{
		"":                                 {"s1", "s2", "s3"},
		"with_flags=":                      {"s1", "s2", "s3"},
		"with_flags=numpy":                 {"s1"},
		"with_tags=numpy":                  {"s1"},
		"with_flags=&with_tags=numpy":      {"s1"},
		"with_flags=dot.tag":               {"s2"},
		"with_flags=numpy,dot.tag":         {"s1", "s2"},
		"with_flags=numpy&with_flags=none": {"s1"},
		"with_flags=numpy,dot.tag&method=match_any":             {"s1", "s2"},
		"with_flags=numpy,dot.tag&method=match_all":             nil,
		"with_flags=numpy,pipeline_branch&method=whatever":      {"s1"},
		"with_flags=pipeline_build_no&restrict_flags=8":         {"s2"},
		"with_flags=numpy,pipeline_build_no&restrict_flags=,8":  {"s1", "s2"},
		"with_flags=numpy,pipeline_build_no&restrict_flags=1,8": {"s2"},
		"with_flags=numpy,pipeline_build_no&restrict_flags=2.0": {"s1", "s2"},
		"with_flags=numpy&restrict_flags=2.0,7,8":               {"s1"},
		"restrict_flags=8":   {"s1", "s2", "s3"},
		"with_flags=numpy,":  {"s1"},
		"with_flags=[":       nil,
		"with_flags=%22":     nil,
		"with_flags=$.numpy": nil,
	} {
		w := s.get(t, "/p/team/api/v1/sessions/?"+query)
		if want == nil {
			assert.Equal(t, http.StatusNoContent, w.Code, query)
			continue
		}
		require.Equal(t, http.StatusOK, w.Code, query)
		var got []string
		for _, v := range decode(t, w)["sessions"].([]any) {
			got = append(got, v.(map[string]any)["session_h"].(string))
		}
		assert.Equal(t, want, got, query)
	}
	assert.Equal(t, http.StatusNoContent, s.get(t, "/p/team/api/v1/sessions/s1?with_flags=dot.tag").Code)
	assert.Equal(t, http.StatusOK, s.get(t, "/p/team/sessions/s1?with_flags=numpy").Code, "also on a path of the plugin")
}

func TestMethods(t *testing.T) {
	s := newServer(t, sample())
	head := s.do(http.MethodHead, "/api/v1/metrics/", "")
	assert.Equal(t, http.StatusOK, head.Code)
	options := s.do(http.MethodOptions, "/api/v1/metrics/count", "")
	assert.Equal(t, http.StatusOK, options.Code)
	assert.Equal(t, "GET, HEAD, OPTIONS", options.Header().Get("Allow"))
	refused := s.do(http.MethodDelete, "/p/team/api/v1/items/a%2Fb/metrics", "")
	assert.Equal(t, http.StatusMethodNotAllowed, refused.Code)
	assert.NotEmpty(t, decode(t, refused)["message"])
	for _, path := range []string{"/api/v1/nothing", "/api/v1/metrics/x", "/api/v1/items/", "/api/v1/items/a", "/p/a%20b/api/v1/metrics/"} {
		unknown := s.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusNotFound, unknown.Code, path)
		assert.NotEmpty(t, decode(t, unknown)["message"], path)
	}
}

func token(project, secret string) monitor.Token {
	return monitor.Token{Project: project, Scopes: []monitor.Scope{monitor.ScopeWrite, monitor.ScopeRead}, Hash: sha256.Sum256([]byte(secret))}
}

func TestTokenReadsOnlyItsProject(t *testing.T) {
	s := newServer(t, sample())
	s.tokens.all = []monitor.Token{token("other", "secret")}
	for path, want := range map[string]string{
		"/api/v1/metrics/count": `{"count": 1}`, "/p/other/api/v1/metrics/count": `{"count": 1}`,
		"/api/v1/api/v1/metrics/count": `{"count": 1}`, "/p/other/api/v1/p/other/api/v1/metrics/count": `{"count": 1}`,
	} {
		assert.Equal(t, http.StatusUnauthorized, s.get(t, path).Code, path)
		assert.JSONEq(t, want, s.get(t, path, "Authorization", "Bearer secret").Body.String(), path)
	}
	for path, want := range map[string]int{
		"/p/team/api/v1/metrics/": 403, "/p/team/api/v1/docs": 403, "/p/other/api/v1/p/team/api/v1/metrics/": 404,
		"/p/team/api/v1/p/other/api/v1/metrics/": 403,
	} {
		assert.Equal(t, want, s.do(http.MethodGet, path, "", "Authorization", "Bearer secret").Code, path)
	}
}

// FuzzRequest searches for a request that fails or whose answer is not as documented.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"metrics/?page=2&x=%zz", "items/%00/metrics", "sessions/?with_flags=,&restrict_flags=,,&method=",
		"contexts/%FF?format=csv", "components/%2F..%2F/pipelines", "resources/cpu/head/5/metrics", "api/v1/docs//", "sessions/.."} {
		f.Add(seed)
	}
	store := sample()
	h := handler(store)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI("/api/v1/" + target)
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: http.NoBody})
		assert.Contains(t, []int{200, 204, 400, 404}, w.Code, target)
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			assert.True(t, json.Valid(w.Body.Bytes()), target)
		}
		assert.Len(t, store.metrics, 7)
	})
}
