package influx_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	session, context := hashOf("session", n), hashOf("context", n)
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

// hashOf makes the hash of the n-th session or context: as different from others as real ones.
func hashOf(what string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, n))
	return hex.EncodeToString(sum[:16])
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

// bare asks InfluxDB a question in one query, and throws the answer away.
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
	q.post(tb, "/api/v2/query?"+url.Values{"org": {q.server.Org}}.Encode(), "application/json", string(body))
}

// rows asks in InfluxQL.
func (q bare) rows(tb testing.TB, influxQL string) {
	tb.Helper()
	form := url.Values{"db": {q.cfg.Bucket}, "q": {influxQL}, "epoch": {"ns"}, "chunked": {"true"}}
	q.post(tb, "/query", "application/x-www-form-urlencoded", form.Encode())
}

func (q bare) post(tb testing.TB, path, media, body string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, q.server.URL+path, strings.NewReader(body))
	require.NoError(tb, err)
	req.Header.Set("Authorization", "Token "+q.server.Token)
	req.Header.Set("Content-Type", media)
	req.Header.Set("Accept", "application/x-msgpack")
	resp, err := q.client.Do(req)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, resp.Body.Close()) }()
	begin, err := io.ReadAll(io.LimitReader(resp.Body, 500))
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, resp.StatusCode, "%s", begin)
	require.NotContains(tb, string(begin), "error", body)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(tb, err)
}

// question is what is asked of a Store, and the best query of Flux for the same. Of pages and single runs that is told
// where in time they lie, since Flux by itself would put a million points in order first, which takes minutes.
type question struct {
	name  string
	store func(ctx context.Context, s *influx.Store) error
	flux  string
}

// BenchmarkStore asks an InfluxDB with 1,000,000 metrics of 10,000 tests over 100 runs what the read API asks, in turns
// with bare queries. It reports milliseconds of both and their ratio.
func BenchmarkStore(b *testing.B) {
	server := harness.SharedInflux(b)
	cfg := settings(server)
	w := mustOpen(b, cfg)
	mustFill(b, w, historyRuns, historyTests)
	store := w.Store()
	bare := bare{server, cfg, &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	for _, q := range slices.Concat(metricQuestions(b, cfg, store), otherQuestions(cfg)) {
		b.Run(q.name, func(b *testing.B) {
			var ours, theirs time.Duration
			for b.Loop() {
				ours += took(func() { require.NoError(b, q.store(b.Context(), store)) })
				theirs += took(func() { bare.ask(b, q.flux) })
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "store-ms")
			b.ReportMetric(float64(theirs.Milliseconds())/float64(b.N), "bare-ms")
			b.ReportMetric(float64(ours)/float64(theirs), "ratio")
		})
	}
}

const (
	always = `range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)`
	joined = ` |> group(columns: ["_field"])`
)

// fluxFor begins a query for metrics.
func fluxFor(cfg influx.Config, during, where string) string {
	return fmt.Sprintf(`from(bucket: %q) |> %s |> filter(fn: (r) => r._measurement == "test_metrics" and %s)`, cfg.Bucket, during, where)
}

// during is the range of Flux from one moment to another, which it includes.
func during(from, to int64) string {
	return fmt.Sprintf(`range(start: time(v: %d), stop: time(v: %d))`, from, to+1)
}

// metricQuestions are those for metrics in the order of time: how many, the first page and one in the middle.
func metricQuestions(tb testing.TB, cfg influx.Config, store *influx.Store) (all []question) {
	session, machine := hashOf("session", 50), hashOf("context", 50)
	commit := fmt.Sprintf("%08x%032x", 50*2654435761, 50)
	is := func(f monitor.Field, how monitor.How, text string) []monitor.Match {
		return []monitor.Match{{Field: f, How: how, Text: text}}
	}
	for _, c := range []struct {
		name  string
		where []monitor.Match
		tag   string // condition of Flux on tags
		field string // the same on a field that is not needed otherwise
	}{
		{"all", nil, "true", `r._field == "utc_offset"`},
		{"kind", is(monitor.FieldKind, monitor.Equals, "module"), `r.kind == "module"`, `r._field == "utc_offset"`},
		{"component", is(monitor.FieldComponent, monitor.Equals, "component_3"), `r.component == "component_3"`, `r._field == "utc_offset"`},
		{"item like", is(monitor.FieldItem, monitor.Contains, "test_1"), `r.item =~ /test_1/`, `r._field == "utc_offset"`},
		{"session", is(monitor.FieldSessionH, monitor.Equals, session), "true", `r._field == "session_h" and r._value == "` + session + `"`},
		{"context", is(monitor.FieldContextH, monitor.Equals, machine), "true", `r._field == "context_h" and r._value == "` + machine + `"`},
		{"commit", is(monitor.FieldScmRef, monitor.Equals, commit), "true", `r._field == "scm_ref" and r._value == "` + commit + `"`},
		{"pipeline", is(monitor.FieldPipeline, monitor.Equals, "release"), "true", `r._field == "branch" and r._value == "release"`},
	} {
		q := monitor.MetricQuery{Where: c.where}
		n, err := store.CountMetrics(tb.Context(), q)
		require.NoError(tb, err)
		require.Positive(tb, n, c.name)
		all = append(all, question{"count " + c.name, func(ctx context.Context, s *influx.Store) error {
			_, err := s.CountMetrics(ctx, q)
			return err
		}, fluxFor(cfg, always, c.tag+" and "+c.field) + ` |> group() |> count()`})
		for place, offset := range map[string]int64{"first": 0, "middle": n / 2} {
			p := monitor.Page{Offset: offset, Limit: 500}
			var from, to int64
			for m, err := range store.Metrics(tb.Context(), q, p) {
				require.NoError(tb, err)
				if to = m.At.UTC; from == 0 {
					from = to
				}
			}
			all = append(all, question{place + " page of " + c.name, func(ctx context.Context, s *influx.Store) error {
				return drain(s.Metrics(ctx, q, p))
			}, fluxFor(cfg, during(from, to), c.tag) + joined})
		}
	}
	return all
}

// otherQuestions are those with one query each.
func otherQuestions(cfg influx.Config) []question {
	from := func(where string) string { return fluxFor(cfg, always, where) }
	meta := func(measurement string) string {
		return fmt.Sprintf(`from(bucket: %q) |> %s |> filter(fn: (r) => r._measurement == %q)`, cfg.MetaBucket, always, measurement) + joined
	}
	page := monitor.Page{Limit: 500}
	component := "component_3"
	history := monitor.MetricQuery{Where: []monitor.Match{{Field: monitor.FieldItem, Text: "test_4711"}}}
	top := func(n int64, where ...monitor.Match) func(context.Context, *influx.Store) error {
		return func(ctx context.Context, s *influx.Store) error {
			return drain(s.Metrics(ctx, monitor.MetricQuery{Where: where, Top: &monitor.Top{}}, monitor.Page{Limit: n}))
		}
	}
	longest := from(`r._field == "total_time"`) + ` |> group() |> top(n: %d)`
	inComponent := from(`r._field == "total_time" and r.component == "component_3"`) + ` |> group() |> top(n: 10)`
	ofPipeline := from(`(r._field == "total_time" or r._field == "branch")`) + joined
	const summed = `(r._field == "total_time" or r._field == "user_time" or r._field == "kernel_time" or r._field == "run")`
	begin := start.Add(50 * 8 * time.Hour).UnixNano()
	return []question{
		{"history of a test", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Metrics(ctx, history, monitor.Page{}))
		}, from(`r.item == "test_4711"`) + joined},
		{"top 10", top(10), fmt.Sprintf(longest, 10)},
		{"top 500", top(500), fmt.Sprintf(longest, 500)},
		{"top 10 of component", top(10, monitor.Match{Field: monitor.FieldComponent, Text: component}), inComponent},
		{"top 10 of pipeline", top(10, monitor.Match{Field: monitor.FieldPipeline, Text: "release"}), ofPipeline},
		{"sessions", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Sessions(ctx, monitor.SessionQuery{}, page))
		}, meta("sessions")},
		{"contexts", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Contexts(ctx, monitor.ContextQuery{}, page))
		}, meta("contexts")},
		{"components", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Names(ctx, monitor.NameQuery{}, page))
		}, fmt.Sprintf(`import "influxdata/influxdb/schema" schema.tagValues(bucket: %q, tag: "component", start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)`, cfg.Bucket)},
		{"pipelines", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Names(ctx, monitor.NameQuery{Of: monitor.Pipelines}, page))
		}, meta("sessions")},
		{"pipelines of component", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Names(ctx, monitor.NameQuery{Of: monitor.Pipelines, Component: &component}, page))
		}, from(`r._field == "session_h" and r.component == "component_3"`) + ` |> group() |> distinct()`},
		{"run", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Runs(ctx, monitor.RunQuery{Run: hashOf("session", 50)}, page))
		}, fluxFor(cfg, during(begin, begin+int64(4*time.Hour)), summed) + joined},
		{"runs", func(ctx context.Context, s *influx.Store) error {
			return drain(s.Runs(ctx, monitor.RunQuery{}, page))
		}, from(summed) + joined},
	}
}

// drain reads a list to its end.
func drain[T any](list iter.Seq2[T, error]) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// The runs that one is judged by, and it itself.
const (
	judgedRuns  = 33
	judgedTests = 50_000
)

// BenchmarkHistory reads what a run of 50,000 tests is judged by, 1,567,500 samples, in turns with the bare query for the
// same rows, and with the best query of Flux for one of their six fields.
func BenchmarkHistory(b *testing.B) {
	server := harness.SharedInflux(b)
	cfg := settings(server)
	cfg.Now = func() time.Time { return start.AddDate(0, 1, 0) }
	w := mustOpen(b, cfg)
	mustFill(b, w, judgedRuns, judgedTests)
	store := w.Store()
	bare := bare{server, cfg, &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	var ours, rows, field time.Duration
	for b.Loop() {
		ours += took(func() {
			heads, err := store.RunHeads(b.Context(), monitor.HeadQuery{Project: "shop", Limit: judgedRuns})
			require.NoError(b, err)
			require.Len(b, heads, judgedRuns)
			n := 0
			for _, err := range store.Samples(b.Context(), heads) {
				require.NoError(b, err)
				n++
			}
			require.Equal(b, judgedRuns*judgedTests*19/20, n, "the others are modules")
		})
		rows += took(func() {
			bare.rows(b, `SELECT total_time, user_time, kernel_time, mem_usage, session_h, item_fs_loc, component, env, item, item_variant`+
				` FROM test_metrics WHERE project = 'shop' AND kind = 'function' GROUP BY item_path`)
		})
		field += took(func() {
			bare.ask(b, fluxFor(cfg, always, `r.project == "shop" and r.kind == "function" and r._field == "total_time"`))
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.Seconds()/float64(b.N), "store-s")
	b.ReportMetric(rows.Seconds()/float64(b.N), "bare-s")
	b.ReportMetric(field.Seconds()/float64(b.N), "flux-field-s")
	b.ReportMetric(float64(ours)/float64(rows), "ratio")
}

func took(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}
