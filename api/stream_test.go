package api_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// oddMetric returns a metric whose texts need quotes in CSV. It has no user time.
func oddMetric() *monitor.Metric {
	return &monitor.Metric{SessionH: "", ContextH: "a,b", ItemStartTime: "2026-11-22T16:03:15.107220", ItemPath: "\"q\"",
		Item: "line\nbreak\r\nand \r", ItemVariant: " é[1, 2]", ItemFSLoc: "=1+1", Kind: "function\x00", Component: "bad \xed\xb3\xbf",
		TotalTime: 1e-7, UserTime: math.NaN(), KernelTime: 12, CPUUsage: -0.5, MemUsage: 0.1}
}

func TestCSV(t *testing.T) {
	s := newServer(t, &fakeStore{metrics: []owned[*monitor.Metric]{{"team", oddMetric()}}})
	w := s.get(t, "/p/team/api/v1/metrics/?format=csv")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Equal(t, "text/csv; charset=utf-8; header=present", w.Header().Get("Content-Type"))
	assert.Equal(t, `attachment; filename="metrics.csv"`, w.Header().Get("Content-Disposition"))
	assert.Equal(t, "session_h,context_h,item_start_time,item_path,item,item_variant,item_fs_loc,kind,component,"+
		"total_time,user_time,kernel_time,cpu_usage,mem_usage\r\n"+
		",\"a,b\",2026-11-22T16:03:15.107220,\"\"\"q\"\"\",\"line\nbreak\r\nand \r\",\" é[1, 2]\",=1+1,function\x00,bad \uFFFD,"+
		"1e-07,,12.0,-0.5,0.1\r\n", w.Body.String())
}

// TestCSVOfEveryList reads each list with package encoding/csv.
func TestCSVOfEveryList(t *testing.T) {
	s := newServer(t, sample())
	tests := []struct {
		path string
		rows int
		last []string // the last row's first fields
	}{
		{"/metrics/", 6, []string{"s9", "c9", "2026-11-22T16:03:15"}},
		{"/items/none/metrics", 0, nil},
		{"/resources/memory/tail/3/metrics", 3, []string{"s1", "c1", "2026-11-22T16:03:12"}},
		{"/resources/memory/tail/0/metrics", 0, nil},
		{"/contexts/", 3, []string{"d3", "d3", "8", "2300", "", "", "32100", "ci-1"}},
		{"/contexts/c", 2, []string{"c2", "c2"}},
		{"/sessions/", 3, []string{"s3", "2026-11-22T16:05:00", "", "[]"}},
		{"/sessions/?with_flags=numpy", 1, []string{"s1", "2026-11-22T16:03:00", "abc1",
			`[{"name":"pipeline_branch","value":"main"},{"name":"pipeline_build_no","value":"7"},{"name":"numpy","value":"2.0"}]`}},
		{"/filters/scm/abc/sessions", 2, []string{"s2"}},
		{"/runs/none", 0, nil},
		{"/runs/", 1, []string{"team", "r1", "abc1", "main", "7", `[{"name":"pipeline_branch","value":"main"},` +
			`{"name":"pipeline_build_no","value":"7"},{"name":"numpy","value":"2.0"},{"name":"pipeline_build_no","value":"8"},` +
			`{"name":"dot.tag","value":"x"}]`, `["Linux-x86_64 8x ? 32G py3.11"]`, `["s1","s2"]`, "4", "1", "10.5", "9.0", "1.0",
			"2026-11-22T17:03:00.000000+01:00", "2026-11-22T17:04:30.500000+01:00", "1", "2", "1", "0", "0", "0", "", ""}},
		{"/outcomes/", 4, []string{"s2", "c2", "2026-11-22T16:03:13", "", "like", "like", "", "function", "items", "4.0", "-4.0", "0.4",
			"1.0", "400.0", "test.py::like", "failed", "4", "0.5", "", "100.0", "-1.0"}},
		{"/runs/s1/outcomes?outcome=failed", 1, []string{"s1"}},
		{"/tests/flaky/", 2, []string{"team", "", "", "test_a", "test_a[3/4]", "test.py::test_a[3/4]", "2026-11-22T17:03:00.000000+01:00",
			"error", "r1", "abc1", "7", "6", "2", "4", "0.25"}},
	}
	for _, tt := range tests {
		w := s.get(t, "/p/team/api/v1"+tt.path, "Accept", "text/csv")
		require.Equal(t, http.StatusOK, w.Code, tt.path)
		rows, err := csv.NewReader(w.Body).ReadAll()
		require.NoError(t, err)
		assert.Len(t, rows, tt.rows+1, tt.path)
		if tt.rows > 0 {
			assert.Equal(t, tt.last, rows[tt.rows][:len(tt.last)], tt.path)
		}
	}
}

func TestNDJSON(t *testing.T) {
	s := newServer(t, sample())
	for path, key := range map[string]string{"/metrics/": "metrics", "/sessions/": "sessions", "/contexts/": "contexts",
		"/runs/": "runs", "/outcomes/": "outcomes", "/tests/flaky": "tests"} {
		w := s.get(t, "/p/team/api/v1"+path, "Accept", "application/x-ndjson")
		assert.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
		var lines []any
		for scanner := bufio.NewScanner(w.Body); scanner.Scan(); {
			var v any
			require.NoError(t, json.Unmarshal(scanner.Bytes(), &v))
			lines = append(lines, v)
		}
		s.api.PageSize = 500
		assert.Equal(t, decode(t, s.get(t, "/p/team/api/v1"+path))[key], lines, "NDJSON and JSON have the same elements")
		s.api.PageSize = 2
	}
	assert.Empty(t, s.get(t, "/p/team/api/v1/items/none/metrics?format=ndjson").Body.String())
}

func TestFormatIsNegotiated(t *testing.T) {
	s := newServer(t, sample())
	tests := []struct{ query, accept, want string }{ // each line of accept is one Accept header
		{"", "", "application/json"},
		{"", "*/*", "application/json"},
		{"", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"},
		{"", "application/json;q=0.5, text/csv", "text/csv; charset=utf-8; header=present"},
		{"", "text/*", "text/csv; charset=utf-8; header=present"},
		{"", "application/x-ndjson, */*;q=0.1", "application/x-ndjson"},
		{"", "image/png", "application/json"},
		{"", "text/csv;q=0", "application/json"},
		{"", "*/*, text/csv;q=0.9", "application/json"},
		{"", "*/*;q=0.5, text/csv;q=0.9", "text/csv; charset=utf-8; header=present"},
		{"", "TEXT/CSV", "text/csv; charset=utf-8; header=present"},
		{"", "Text/*;Q=0.5", "text/csv; charset=utf-8; header=present"},
		{"", "text/csv, application/json", "application/json"},
		{"", "text/csv, */*", "application/json"},
		{"", "application/json;q=0, */*", "text/csv; charset=utf-8; header=present"},
		{"", "application/*", "application/json"},
		{"", "application/json;q=0, application/*", "application/x-ndjson"},
		{"", "text/csv;q=0, text/*", "application/json"},
		{"", "text/csv;q=0.2, application/x-ndjson;q=0.3", "application/x-ndjson"},
		{"", "text/csv;header=absent;q=0.3, */*;q=0.2", "text/csv; charset=utf-8; header=present"},
		{"", "*/*;q=0, text/csv;q=0", "application/json"},
		{"", "text/csv;q=x", "application/json"},
		{"", "*", "application/json"},
		{"", ",;/,text/csv,", "text/csv; charset=utf-8; header=present"},
		{"", "image/png\ntext/csv", "text/csv; charset=utf-8; header=present"},
		{"", "application/json;q=0.5\ntext/csv;q=0.4", "application/json"},
		{"?format=csv", "application/json", "text/csv; charset=utf-8; header=present"},
		{"?format=json", "text/csv", "application/json"},
		{"?format=", "text/csv", "text/csv; charset=utf-8; header=present"},
	}
	for _, tt := range tests {
		var headers []string
		for line := range strings.Lines(tt.accept) {
			headers = append(headers, "Accept", strings.TrimSpace(line))
		}
		w := s.get(t, "/api/v1/metrics/"+tt.query, headers...)
		assert.Equal(t, tt.want, w.Header().Get("Content-Type"), "%s %q", tt.query, tt.accept)
	}
	w := s.get(t, "/api/v1/metrics/?format=xml")
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.JSONEq(t, `{"message": "unknown format \"xml\"", "errors": {"format": "expected json, csv or ndjson"}}`, w.Body.String())
	assert.Equal(t, "application/json", s.get(t, "/api/v1/components/", "Accept", "text/csv").Header().Get("Content-Type"),
		"lists of names have only JSON")
}

// many returns n metrics of about 1,000 bytes.
func many(n int) (all []owned[*monitor.Metric]) {
	for range n {
		all = append(all, owned[*monitor.Metric]{"team", &monitor.Metric{Item: strings.Repeat("x", 800)}})
	}
	return all
}

func TestFailureBeforeTheAnswerIsAnErrorAnswer(t *testing.T) {
	s := newServer(t, sample())
	s.store.FailFn = func(int) error { return monitor.Errorf(monitor.EUnavailable, "InfluxDB does not answer") }
	for _, path := range []string{"/metrics/", "/metrics/?page=-1", "/metrics/?format=csv", "/metrics/count", "/sessions/s",
		"/components/", "/pipelines/", "/runs/", "/resources/cpu/head/metrics"} {
		w := s.get(t, "/p/team/api/v1"+path)
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, path)
		assert.JSONEq(t, `{"message": "InfluxDB does not answer"}`, w.Body.String(), path)
		assert.NotEmpty(t, w.Header().Get("Retry-After"), path)
	}
	s.store.FailFn = func(row int) error {
		if row == 1 {
			return monitor.Errorf(monitor.EUnavailable, "InfluxDB went away")
		}
		return nil
	}
	assert.Equal(t, http.StatusServiceUnavailable, s.get(t, "/p/team/api/v1/metrics/").Code, "also after a part of a page")
}

// TestFailureDuringTheAnswerClosesTheConnection: the client must not take a part of an answer for the whole answer.
func TestFailureDuringTheAnswerClosesTheConnection(t *testing.T) {
	for _, path := range []string{"/metrics/?format=csv", "/metrics/?format=ndjson", "/metrics/"} {
		s := newServer(t, &fakeStore{metrics: many(5000)})
		s.api.PageSize = 5000
		s.store.FailFn = func(row int) error {
			if row == 4000 {
				return monitor.Errorf(monitor.EUnavailable, "InfluxDB went away")
			}
			return nil
		}
		web := httptest.NewServer(s)
		resp, err := web.Client().Get(web.URL + "/p/team/api/v1" + path)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, path)
		require.NoError(t, resp.Body.Close())
		web.Close()
		assert.Contains(t, s.log.String(), "InfluxDB went away")
	}
}

// TestLongAnswersAreSentInParts checks that a long answer is never in memory as a whole. The client reads the first row
// while the store still waits at row 200.
func TestLongAnswersAreSentInParts(t *testing.T) {
	s := newServer(t, &fakeStore{metrics: many(1000)})
	read := make(chan struct{})
	s.store.FailFn = func(row int) error {
		if row == 200 {
			<-read
		}
		return nil
	}
	web := httptest.NewServer(s)
	defer web.Close()
	resp, err := web.Client().Get(web.URL + "/api/v1/metrics/?format=ndjson")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	require.True(t, lines.Scan())
	close(read)
	n := 1
	for lines.Scan() {
		n++
	}
	require.NoError(t, lines.Err())
	assert.Equal(t, 1000, n)
}

// TestHeadDoesNotReadTheWholeList: the client gets only the headers.
func TestHeadDoesNotReadTheWholeList(t *testing.T) {
	for _, path := range []string{"/metrics/?format=csv", "/metrics/?format=ndjson"} {
		s := newServer(t, &fakeStore{metrics: many(5000)})
		web := httptest.NewServer(s)
		resp, err := web.Client().Head(web.URL + "/p/team/api/v1" + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		web.Close()
		assert.Equal(t, http.StatusOK, resp.StatusCode, path)
		assert.NotEmpty(t, resp.Header.Get("Content-Type"), path)
		assert.Positive(t, s.store.stop, path)
		assert.LessOrEqual(t, s.store.stop, 500, path)
		assert.Empty(t, s.log.String(), path)
	}
}

func TestClientThatGoesAwayStopsTheQuery(t *testing.T) {
	s := newServer(t, &fakeStore{metrics: many(20000)})
	gone := make(chan struct{})
	s.store.FailFn = func(row int) error {
		if row == 200 {
			<-gone
		}
		return nil
	}
	web := httptest.NewServer(s)
	resp, err := web.Client().Get(web.URL + "/api/v1/metrics/?format=csv")
	require.NoError(t, err)
	_, err = resp.Body.Read(make([]byte, 100))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	web.Client().CloseIdleConnections()
	close(gone)
	web.Close() // waits until the handler ends
	assert.Less(t, s.store.stop, 20000)
	assert.NotContains(t, s.log.String(), "request refused", "this is not an error")
}
