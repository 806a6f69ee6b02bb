package influx_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

// manySessions are those of half a year, three an hour, in which few tests are measured.
const manySessions = 15_000

// BenchmarkManySessions asks for lists and numbers of many sessions, their runs and their names.
func BenchmarkManySessions(b *testing.B) {
	w := mustOpen(b, settings(harness.SharedInflux(b)))
	mustFillSessions(b, w, manySessions)
	store := w.Store()
	page, last := monitor.Page{Limit: 500}, monitor.Page{Offset: manySessions - 500, Limit: 500}
	builds := monitor.NameQuery{Project: "shop", Of: monitor.PipelineBuilds, Pipeline: "main"}
	commit := monitor.Match{Field: monitor.FieldScmRef, How: monitor.HasPrefix, Text: "0a"}
	tagged := monitor.SessionQuery{Tags: []monitor.TagMatch{{Name: "nightly"}}}
	for name, ask := range map[string]func(ctx context.Context) error{
		"sessions, first page":      func(ctx context.Context) error { return drain(store.Sessions(ctx, monitor.SessionQuery{}, page)) },
		"sessions, last page":       func(ctx context.Context) error { return drain(store.Sessions(ctx, monitor.SessionQuery{}, last)) },
		"sessions, number":          func(ctx context.Context) error { return number(store.CountSessions(ctx, monitor.SessionQuery{})) },
		"sessions with tag":         func(ctx context.Context) error { return drain(store.Sessions(ctx, tagged, page)) },
		"sessions with tag, number": func(ctx context.Context) error { return number(store.CountSessions(ctx, tagged)) },
		"runs, first page":          func(ctx context.Context) error { return drain(store.Runs(ctx, monitor.RunQuery{}, page)) },
		"runs, number":              func(ctx context.Context) error { return number(store.CountRuns(ctx, monitor.RunQuery{})) },
		"run": func(ctx context.Context) error {
			return drain(store.Runs(ctx, monitor.RunQuery{Run: "run-77"}, page))
		},
		"builds, first page": func(ctx context.Context) error { return drain(store.Names(ctx, builds, page)) },
		"builds, number":     func(ctx context.Context) error { return number(store.CountNames(ctx, builds)) },
		"metrics of commits": func(ctx context.Context) error {
			return drain(store.Metrics(ctx, monitor.MetricQuery{Where: []monitor.Match{commit}}, page))
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, ask(b.Context()))
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func number(_ int64, err error) error { return err }

// mustFillSessions delivers sessions with two tests each.
func mustFillSessions(tb testing.TB, w *influx.Writer, sessions int) {
	tb.Helper()
	var points []*monitor.Point
	for n := range sessions {
		at := start.Add(time.Duration(n) * 20 * time.Minute)
		description := fmt.Sprintf(`{"pipeline_branch": %q, "pipeline_build_no": "%d", "python": "3.11", "numpy": "2.%d"}`,
			[]string{"main", "main", "release"}[n%3], n, n%7)
		if n%50 == 0 {
			description = description[:len(description)-1] + `, "nightly": "yes"}`
		}
		s := &monitor.Session{SessionH: hashOf("session", n), RunDate: at.Format("2006-01-02T15:04:05.000000"), Description: description,
			Tags: wire.ParseDescription(description), Start: monitor.Instant{UTC: at.UnixNano()}, Run: fmt.Sprint("run-", n),
			Branch: "main", Build: fmt.Sprint(n), Machine: "ci", ScmRef: monitor.Text{String: hashOf("commit", n/3)}}
		points = append(points, &monitor.Point{Record: &monitor.Record{Project: "shop", Received: at, Session: s}})
		for i := range 2 {
			m := metricPoint(i)
			m.Project, m.Metric.SessionH = "shop", s.SessionH
			m.Metric.At = monitor.Instant{UTC: at.UnixNano() + int64(i+1)*1e9}
			m.Metric.ItemStartTime = m.Metric.At.LocalText()
			points = append(points, m)
		}
		if len(points) >= 5000 || n == sessions-1 {
			v := w.Deliver(tb.Context(), points)
			require.Equal(tb, monitor.Delivered, v.Outcome, "%+v", v)
			points = nil
		}
	}
}
