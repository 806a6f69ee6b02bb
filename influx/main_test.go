package influx_test

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// mustOpen opens a Writer that is closed with the test.
func mustOpen(tb testing.TB, cfg influx.Config) *influx.Writer {
	tb.Helper()
	w, err := influx.Open(cfg, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, w.Close()) })
	return w
}

// settings are those for a server, with buckets of the test's own that do not exist yet.
func settings(server *harness.Influx) influx.Config {
	return influx.Config{URL: server.URL, Token: server.Token, Org: server.Org,
		Bucket: harness.Unique("metrics"), MetaBucket: harness.Unique("meta")}
}

// start is when the metrics of these tests began.
var start = time.Date(2026, time.November, 22, 16, 36, 0, 123456000, time.UTC)

// metricPoint makes the n-th of many different metrics.
func metricPoint(n int) *monitor.Point {
	m := &monitor.Metric{
		SessionH:      "d2bb0ae6a6d8c67cbd5cb2a2c1e0a3d1",
		ContextH:      "0f6ab6a8a4a2dd3c6b2e7a3f86fdc0e1",
		ItemStartTime: "2026-11-22T17:36:00.123456",
		ItemPath:      fmt.Sprintf("tests.unit.test_module_%02d", n%40),
		Item:          fmt.Sprintf("test_function_%d", n%500),
		ItemVariant:   fmt.Sprintf("test_function_%d[param, %d]", n%500, n%7),
		ItemFSLoc:     fmt.Sprintf("tests/unit/test_module_%02d.py", n%40),
		Kind:          "function", Component: "engine",
		TotalTime: 0.0213 + float64(n)*1.1e-5, UserTime: 0.01, KernelTime: 0,
		CPUUsage: 0.4694835680751174, MemUsage: -1.2265625,
	}
	m.At.Offset = 3600
	m.At.UTC = monitor.PointTime(monitor.Instant{UTC: start.Add(time.Duration(n) * time.Millisecond).UnixNano()},
		monitor.RecordHash("default", m))
	return &monitor.Point{
		Record: &monitor.Record{Project: "default", Received: start, Metric: m},
		Origin: monitor.Origin{Env: "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11",
			Run: "d2bb0ae6a6d8c67cbd5cb2a2c1e0a3d1", ScmRef: "0a6b4de46e0f4a9d98b4b7bf7b9ad5a4ab9bf3c4",
			Branch: "main", Build: "1842"},
	}
}

func metricPoints(n int) []*monitor.Point {
	points := make([]*monitor.Point, n)
	for i := range points {
		points[i] = metricPoint(i)
	}
	return points
}

func contextPoint(project, h string) *monitor.Point {
	return &monitor.Point{Record: &monitor.Record{Project: project, Received: start, Context: &monitor.Context{
		H: h, CPUCount: 8, CPUFrequency: 2300.5, CPUVendor: monitor.Text{String: "Intel(R) Xeon(R) CPU @ 2.30GHz"},
		RAMTotal: 32086, MachineNode: "builder, 7", MachineType: "x86_64", MachineArch: "64bit",
		SystemInfo: "Linux - 6.1.0-18-amd64", PythonInfo: "3.9.2 (default)\n[GCC 10.2.1 \"x\"]",
		Env: "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.9",
	}}}
}

func sessionPoint(project, h string) *monitor.Point {
	description := `{"description": "night\nly", "run": "1842", "k=v \\": "100%"}`
	s := &monitor.Session{
		SessionH: h, RunDate: "2026-11-22T17:36:00", ScmRef: monitor.Text{String: "0a6b4de"},
		Description: description, Tags: wire.ParseDescription(description),
		Start: monitor.Instant{UTC: start.Truncate(time.Second).UnixNano() + 417, Offset: 3600},
		Run:   "1842",
	}
	return &monitor.Point{Record: &monitor.Record{Project: project, Received: start, Session: s}}
}

// outcomePoint makes the outcome of the n-th metric's test.
func outcomePoint(n int) *monitor.Point {
	p := metricPoint(n)
	p.Outcome = &monitor.Outcome{Metric: *p.Metric, NodeID: p.Metric.ItemFSLoc + "::" + p.Metric.Item, Outcome: "failed", Attempts: 2,
		SetupTime: 0.25, TeardownTime: absent(), MemPeak: 120.5, MemTest: math.Copysign(0, -1)}
	p.Metric = nil
	return p
}

// readBack reads a span of time.
func readBack(tb testing.TB, r *influx.Reader, from, to time.Time) (points []*monitor.Point) {
	tb.Helper()
	for p, err := range r.Points(tb.Context(), from, to) {
		require.NoError(tb, err)
		points = append(points, p)
	}
	return points
}

// requireSame compares two metrics as their identity does, NaN included.
func requireSame(tb testing.TB, want, got *monitor.Point) {
	tb.Helper()
	require.True(tb, want.Metric.Same(got.Metric), "want %+v\n got %+v", want.Metric, got.Metric)
	require.Equal(tb, want.Metric.At, got.Metric.At)
	require.Equal(tb, want.Project, got.Project)
	require.Equal(tb, want.Origin, got.Origin)
}

func absent() float64 { return math.NaN() }
