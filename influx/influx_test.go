package influx_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// halve delivers as the courier does: it splits what is refused, down to the points at fault, and returns these.
func halve(ctx context.Context, t *testing.T, w *influx.Writer, points []*monitor.Point) (refused []*monitor.Point, requests int) {
	t.Helper()
	v := w.Prepare(points)(ctx)
	switch {
	case v.Kind == monitor.Delivered:
		return nil, 1
	case v.Status == 500 && strings.Contains(v.Message, "timeout"): // InfluxDB gives a write ten seconds, and is busy with other tests
		return halve(ctx, t, w, points)
	case v.Kind != monitor.Refused:
		t.Fatalf("unexpected reply %+v", v)
	case len(points) == 1:
		return points, 1
	}
	a, m := halve(ctx, t, w, points[:len(points)/2])
	b, n := halve(ctx, t, w, points[len(points)/2:])
	return append(a, b...), 1 + m + n
}

func TestPoisonInABatch(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Bucket = server.NewBucket("short", 30*24*time.Hour)
	base := time.Now().Add(-time.Hour).UnixNano()
	// Another program has made a text of one series' measurement, in the day of the points: InfluxDB compares types
	// within a shard only.
	server.Write(cfg.Bucket, fmt.Sprintf(`test_metrics,component=x total_time="a text" %d`, base))
	w := mustOpen(t, cfg)

	points := metricPoints(5000)
	for i, p := range points {
		p.Metric.At.UTC = base + int64(i)*1000
		p.Metric.TotalTime = absent() // so that no type conflicts
	}
	points[1234].Metric.At.UTC = time.Now().AddDate(-1, 0, 0).UnixNano()
	points[4999].Metric.TotalTime = 0.5
	refused, requests := halve(t.Context(), t, w, points)
	require.Equal(t, []*monitor.Point{points[1234], points[4999]}, refused)
	require.Less(t, requests, 60)

	stored := map[int64]bool{}
	for _, r := range server.Query(fmt.Sprintf(`from(bucket: %q) |> range(start: -40d) |> filter(fn: (r) => r._field == "session_h")`, cfg.Bucket)) {
		stored[r["_time"].(time.Time).UnixNano()] = true
	}
	require.Len(t, stored, 4998)
	require.False(t, stored[points[4999].Metric.At.UTC], "InfluxDB drops the whole point, not only the field")

	// The retention is known by now, so that such a point is not even sent.
	require.Regexp(t, `^outside retention: its time \S+ is more than the 720h0m0s ago that bucket "short-\w+" keeps$`,
		w.Limit(points[1234]))
	require.Empty(t, w.Limit(points[0]))
}

func TestRefusalsInInfluxDBsWords(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Bucket = server.NewBucket("short", time.Hour)
	w := mustOpen(t, cfg)
	v := w.Prepare([]*monitor.Point{metricPoint(1)})(t.Context())
	require.Equal(t, monitor.Refused, v.Kind)
	require.Equal(t, 422, v.Status)
	require.Contains(t, v.Message, "outside retention policy of duration 1h0m0s")
	require.Equal(t, monitor.Delivered, w.Probe(t.Context(), monitor.ClassMetric).Kind,
		"the probe tells that it was the point's fault")
	require.Equal(t, monitor.Delivered, w.Probe(t.Context(), monitor.ClassSession).Kind)
}

func TestLimitOfStrings(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	w := mustOpen(t, settings(server))
	p := metricPoint(1)
	p.Metric.ItemFSLoc = strings.Repeat(`"`, 1_048_576) // quotes are escaped on the way and count once
	require.Empty(t, w.Limit(p))
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{p})(t.Context()).Kind)

	p.Metric.ItemFSLoc += "x"
	require.Equal(t, "string too long: item_fs_loc has 1048577 bytes when encoded, InfluxDB takes 1048576", w.Limit(p))
	require.Equal(t, monitor.Refused, w.Prepare([]*monitor.Point{p})(t.Context()).Kind)

	p = metricPoint(2)
	p.Metric.ItemVariant = strings.Repeat("\n", 400_000) // three bytes each when encoded
	require.Contains(t, w.Limit(p), "item_variant_raw has 1200000 bytes")

	s := sessionPoint("p", "ab")
	s.Session.Description = strings.Repeat("d", 1_048_577)
	require.Contains(t, w.Limit(s), "description has 1048577 bytes")
}

// The longest tags together stay below InfluxDB's limit of a series key.
func TestLongestSeriesKey(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	long := strings.Repeat(",", 4096) // each comma is two bytes in the key
	p := metricPoint(1)
	m := p.Metric
	m.Component, m.ItemPath, m.Item, m.ItemVariant, m.Kind, p.Env = long, long, long, long+long, long, long
	require.Empty(t, w.Limit(p))
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{p, contextPoint("p", "ab")})(t.Context()).Kind)
	got := readBack(t, w.Reader(), time.Time{}, time.Time{})
	require.Len(t, got, 2)
	requireSame(t, p, got[1])
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	points := metricPoints(50)
	for range 3 {
		w := mustOpen(t, cfg) // also another bridge
		for range 5 {
			require.Equal(t, monitor.Delivered, w.Prepare(points)(t.Context()).Kind)
		}
	}
	require.Len(t, server.Points(cfg.Bucket, influx.MetricMeasurement), len(points))
}

func TestTokenIsNeverTold(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Token = "wr0ng-secret"
	cfg.URL = strings.Replace(cfg.URL, "http://", "http://user:hidden@", 1) + "/?token=wr0ng-secret"
	var log bytes.Buffer
	w, err := influx.Open(cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	err = w.Ensure(t.Context())
	require.Equal(t, monitor.EUnauthorized, monitor.ErrorCode(err))
	v := w.Prepare(metricPoints(1))(t.Context())
	require.Equal(t, monitor.Denied, v.Kind)
	_, err2 := w.Reader().Context(t.Context(), "p", "h")
	require.Error(t, err2)
	for _, said := range []string{err.Error(), v.Message, err2.Error(), string(w.Destination()), log.String()} {
		require.NotContains(t, said, "wr0ng-secret")
		require.NotContains(t, said, "hidden")
	}
	require.Equal(t, fmt.Sprintf("%s org=%s bucket=%s meta=%s", server.URL, cfg.Org, cfg.Bucket, cfg.MetaBucket), string(w.Destination()))
}
