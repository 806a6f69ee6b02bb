package influx_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

// The history that reads are measured on: 100 runs of 10,000 tests.
const (
	historyRuns  = 100
	historyTests = 10_000
)

// history makes runs: each is one session with a context of its own, as real histories have, and a test's measurements
// lie around a value of its own, most short and few long.
type history struct {
	tests   int
	typical []float64
	random  *rand.Rand
	at      time.Time
}

func newHistory(tests int) *history {
	h := &history{tests: tests, random: rand.New(rand.NewPCG(3, 4)), at: start}
	for range tests {
		h.typical = append(h.typical, 0.01*math.Exp(2*h.random.NormFloat64()))
	}
	return h
}

// run makes the n-th run, 8 hours after the one before.
func (h *history) run(n int) []*monitor.Point {
	session, context := fmt.Sprintf("%032x", n), fmt.Sprintf("c%031x", n)
	at := start.Add(time.Duration(n) * 8 * time.Hour)
	branch := []string{"main", "main", "release"}[n%3]
	description := fmt.Sprintf(`{"pipeline_branch": %q, "pipeline_build_no": "%d"}`, branch, n)
	s := &monitor.Session{SessionH: session, RunDate: at.Format("2006-01-02T15:04:05.000000"), Description: description,
		Tags: wire.ParseDescription(description), Start: monitor.Instant{UTC: at.UnixNano()}, Run: session,
		ScmRef: monitor.Text{String: fmt.Sprintf("%08x%032x", n*2654435761, n)}}
	s.FixTags()
	machine := contextPoint("shop", context)
	points := []*monitor.Point{machine, {Record: &monitor.Record{Project: "shop", Received: at, Session: s}}}
	for test := range h.tests {
		noise := func() float64 { return math.Exp(0.1 * h.random.NormFloat64()) }
		total := h.typical[test] * noise()
		m := &monitor.Metric{SessionH: session, ContextH: context, ItemPath: fmt.Sprintf("tests.test_%d", test/20),
			Item: fmt.Sprintf("test_%d", test), ItemVariant: fmt.Sprintf("test_%d[a, b]", test), ItemFSLoc: fmt.Sprintf("tests/test_%d.py", test/20),
			Kind: "function", Component: fmt.Sprintf("component_%d", test%10), TotalTime: total,
			UserTime: math.Round(total*80) / 100, CPUUsage: 0.8, MemUsage: math.Round(100*noise()) / 10}
		if test%20 == 0 {
			m.Kind, m.ItemVariant = "module", ""
		}
		m.At.UTC = at.UnixNano()
		m.ItemStartTime = m.At.LocalText()
		at = at.Add(time.Duration(total*1e9) + time.Millisecond).Truncate(time.Microsecond)
		points = append(points, &monitor.Point{Record: &monitor.Record{Project: "shop", Metric: m},
			Origin: monitor.OriginOf(m, machine.Context, s)})
	}
	return points
}

// mustFill delivers runs to the buckets of a Writer.
func mustFill(tb testing.TB, w *influx.Writer, runs, tests int) {
	tb.Helper()
	h := newHistory(tests)
	for n := range runs {
		v := w.Deliver(tb.Context(), h.run(n))
		require.Equal(tb, monitor.Delivered, v.Outcome, "%+v", v)
	}
}

// bare asks InfluxDB a question in one query of Flux, and throws the answer away.
type bare struct {
	server *harness.Influx
	cfg    influx.Config
	client *http.Client
}

func (q bare) ask(tb testing.TB, flux string) {
	tb.Helper()
	body, err := json.Marshal(map[string]any{"query": flux, "type": "flux",
		"dialect": map[string]any{"header": true, "annotations": []string{"datatype"}}})
	require.NoError(tb, err)
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost,
		q.server.URL+"/api/v2/query?"+url.Values{"org": {q.server.Org}}.Encode(), bytes.NewReader(body))
	require.NoError(tb, err)
	req.Header.Set("Authorization", "Token "+q.server.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := q.client.Do(req)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, resp.StatusCode, "%s\nof %s", text, flux)
	require.NotContains(tb, string(text[:min(len(text), 200)]), ",error,", flux)
}
