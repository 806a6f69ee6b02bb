package influx_test

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

// TestManyPointsOfAContext lists more points than are read at a time, of a context that is measured by several
// sessions, with two points in each nanosecond, so that wherever it is cut there are points on both sides.
func TestManyPointsOfAContext(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	const n = 20_000
	points := make([]*monitor.Point, n)
	for i := range points {
		at := start.UnixNano() + int64(i/2)
		m := &monitor.Metric{SessionH: fmt.Sprint("s", i%3), ContextH: "c", ItemPath: "tests.many", Item: fmt.Sprint("test_", i%2),
			ItemVariant: fmt.Sprint("test_", i%2), Kind: "function", Component: fmt.Sprint("part ", i%4), TotalTime: float64(i)}
		m.At.UTC = at
		m.ItemStartTime = m.At.LocalText()
		points[i] = &monitor.Point{Record: &monitor.Record{Project: "shop", Received: start, Metric: m}}
	}
	v := w.Deliver(t.Context(), points)
	require.Equal(t, monitor.Delivered, v.Outcome, "%+v", v)
	require.Equal(t, monitor.Delivered, w.Deliver(t.Context(), []*monitor.Point{{Record: &monitor.Record{Project: "shop", Received: start,
		Session: &monitor.Session{SessionH: "s0", Start: monitor.Instant{UTC: start.UnixNano()}, Run: "s0"}}}}).Outcome)

	// Those of one nanosecond are in the order of their components.
	slices.SortFunc(points, func(a, b *monitor.Point) int {
		return cmp.Or(cmp.Compare(a.Metric.At.UTC, b.Metric.At.UTC), cmp.Compare(a.Metric.Component, b.Metric.Component))
	})
	store := w.Store()
	for name, c := range map[string]struct {
		where monitor.Match
		keep  func(*monitor.Metric) bool
	}{
		"context":   {monitor.Match{Field: monitor.FieldContextH, Text: "c"}, func(*monitor.Metric) bool { return true }},
		"item":      {monitor.Match{Field: monitor.FieldItem, Text: "test_1"}, func(m *monitor.Metric) bool { return m.Item == "test_1" }},
		"session":   {monitor.Match{Field: monitor.FieldSessionH, Text: "s0"}, func(m *monitor.Metric) bool { return m.SessionH == "s0" }},
		"component": {monitor.Match{Field: monitor.FieldComponent, How: monitor.HasPrefix, Text: "part"}, func(*monitor.Metric) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			q := monitor.MetricQuery{Where: []monitor.Match{c.where}}
			var want []float64
			for _, p := range points {
				if c.keep(p.Metric) {
					want = append(want, p.Metric.TotalTime)
				}
			}
			count, err := store.CountMetrics(t.Context(), q)
			require.NoError(t, err)
			require.EqualValues(t, len(want), count)
			for _, p := range []monitor.Page{{}, {Limit: 10}, {Offset: int64(len(want)) / 2, Limit: 500}, {Offset: 300, Limit: 3000},
				{Offset: int64(len(want)) - 5, Limit: 500}, {Offset: int64(len(want)), Limit: 500}} {
				part := want[p.Offset:]
				if p.Limit > 0 {
					part = part[:min(p.Limit, int64(len(part)))]
				}
				got := []float64{}
				for m, err := range store.Metrics(t.Context(), q, p) {
					require.NoError(t, err)
					got = append(got, m.TotalTime)
				}
				require.Equal(t, part, got, "%+v", p)
			}
		})
	}
}

// TestTopOfSessions asks for the first metrics of pipelines by rank, by InfluxQL or by Flux where there is none. There
// are many sessions, with hashes that look like patterns, many equal values, and the same hashes in another project.
func TestTopOfSessions(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]bool{"InfluxQL": false, "Flux": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			version1 := &routeOfVersion1{}
			version1.missing.Store(missing)
			cfg := settings(harness.SharedInflux(t))
			cfg.Transport = version1
			testTopOfSessions(t, cfg.Bucket, mustBridge(t, cfg))
			require.Positive(t, version1.asked.Load())
		})
	}
}

func testTopOfSessions(t *testing.T, prefix string, b *bridge) {
	random := rand.New(rand.NewPCG(7, 8))
	var records []*monitor.Record
	for n := range 70 {
		for _, project := range []string{"shop", "bank"} {
			at := start.Add(time.Duration(n) * time.Hour)
			pipeline := []string{"main", "release"}[random.IntN(2)]
			s := &monitor.Session{SessionH: fmt.Sprintf("%s.*|%d$(", prefix, n), RunDate: at.Format("2006-01-02T15:04:05.000000"),
				Description: fmt.Sprintf(`{"pipeline_branch": %q}`, pipeline)}
			s.Tags = wire.ParseDescription(s.Description)
			records = append(records, &monitor.Record{Project: project, Received: at, Session: s})
			for i := range 5 {
				at := at.Add(time.Duration(i) * time.Second)
				m := &monitor.Metric{SessionH: s.SessionH, ContextH: "c", ItemStartTime: at.Format("2006-01-02T15:04:05.000000"),
					ItemPath: fmt.Sprint("tests.top_", 9-i), Item: fmt.Sprint("test_", i), ItemVariant: fmt.Sprint("test_", i), Kind: "function",
					Component: []string{"", "a, b", "<c at 0x1a2b>", "<c at 0x3c4d>"}[random.IntN(4)], CPUUsage: float64(random.IntN(12)) / 10}
				if random.IntN(10) == 0 {
					m.CPUUsage = absent()
				}
				records = append(records, &monitor.Record{Project: project, Received: at, Metric: m})
			}
		}
	}
	b.write(t, records)
	store, file := b.writer.Store(), b.db.Store()
	for _, project := range []string{"shop", ""} {
		for _, where := range [][]monitor.Match{
			{{Field: monitor.FieldPipeline, Text: "release"}},
			{{Field: monitor.FieldPipeline, Text: "main"}, {Field: monitor.FieldComponent, Text: "a, b"}},
			{{Field: monitor.FieldPipeline, Text: "main"}, {Field: monitor.FieldComponent, Text: "<c at 0x1a2b>"}},
			{{Field: monitor.FieldPipeline, Text: "main"}, {Field: monitor.FieldItem, How: monitor.Contains, Text: "_3"}},
		} {
			for _, p := range []monitor.Page{{Limit: 1}, {Limit: 4}, {Limit: 10}, {Offset: 4, Limit: 20}, {Offset: 20, Limit: 30}, {Limit: 900}} {
				for _, smallest := range []bool{false, true} {
					q := monitor.MetricQuery{Project: project, Where: where, Top: &monitor.Top{Of: monitor.CPUUsage, Smallest: smallest}}
					assert.Equal(t, values(t, file.Metrics(t.Context(), q, p)), values(t, store.Metrics(t.Context(), q, p)), "%+v %+v", q, p)
				}
			}
		}
	}
}

// values reads the value and the time of each metric, since those of one nanosecond are in an order of the store's own.
func values(t *testing.T, list iter.Seq2[*monitor.Metric, error]) (all []string) {
	t.Helper()
	for m, err := range list {
		require.NoError(t, err)
		all = append(all, fmt.Sprint(m.CPUUsage, " ", m.ItemStartTime))
	}
	return all
}
