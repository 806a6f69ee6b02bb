package lineoracle_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb/v2/models"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// parse has InfluxDB read the line of a point, and returns the point that its columns give back.
func parse(t *testing.T, p *monitor.Point) *monitor.Point {
	t.Helper()
	line := influx.AppendLine(nil, p)
	points, err := models.ParsePointsWithPrecision(line, time.Now(), "ns")
	require.NoError(t, err, "%q", line)
	require.Len(t, points, 1, "%q", line)
	tags := 7
	if p.Measured() == nil {
		tags = 2
	}
	require.Len(t, points[0].Tags(), tags, "%q", line)
	columns, err := points[0].Fields()
	require.NoError(t, err, "%q", line)
	for _, tag := range points[0].Tags() {
		columns[string(tag.Key)] = string(tag.Value)
	}
	return influx.Decode(p.Class(), points[0].UnixNano(), func(column string) any { return columns[column] })
}

func FuzzMetric(f *testing.F) {
	f.Add("default", "test_f[a, b=c d\"e\\]", "pkg.mod", "C:\\dir\\", int64(1795365360123456789), int32(19800), 0.0213, -55.78125)
	f.Add("p", "test_f[\n\r\t\x00\x1b\x7f]", "(none)", "", int64(0), int32(-43200), math.NaN(), math.Copysign(0, -1))
	f.Add("p", "<object at 0x7f1c2d>", "%28none)", "\xed\xa0\x80%ZZ%4", int64(1), int32(0), 5e-324, math.MaxFloat64)
	f.Add("p", strings.Repeat("é%", 900), " ", "=,\"", int64(7), int32(1), 1e21, 1e-7)
	f.Fuzz(func(t *testing.T, project, variant, path, loc string, utc int64, offset int32, seconds, memory float64) {
		m := &monitor.Metric{
			SessionH: loc, ContextH: path, ItemStartTime: variant, ItemPath: path, Item: loc, ItemVariant: variant,
			ItemFSLoc: loc, Kind: path, Component: variant, TotalTime: seconds, UserTime: memory, KernelTime: 0,
			CPUUsage: seconds, MemUsage: memory, At: monitor.Instant{UTC: legal(utc), Offset: offset},
		}
		absentIfInfinite(&m.TotalTime, &m.UserTime, &m.CPUUsage, &m.MemUsage)
		p := &monitor.Point{
			Record: &monitor.Record{Project: project, Metric: m},
			Origin: monitor.Origin{Env: variant, Run: path, ScmRef: loc, Branch: variant, Build: project},
		}
		got := parse(t, p)
		require.True(t, m.Same(got.Metric), "%+v is not %+v", got.Metric, m)
		require.Equal(t, m.At, got.Metric.At)
		require.Equal(t, p.Origin, got.Origin)
		require.Equal(t, project, got.Project)

		o := &monitor.Outcome{Metric: *m, NodeID: loc, Outcome: path, Attempts: utc, SetupTime: memory, TeardownTime: 0, MemPeak: seconds, MemTest: memory}
		absentIfInfinite(&o.SetupTime, &o.MemTest)
		p.Metric, p.Outcome = nil, o
		got = parse(t, p)
		require.Equal(t, fmt.Sprintf("%#v %#v", *o, p.Origin), fmt.Sprintf("%#v %#v", *got.Outcome, got.Origin)) // NaN equals nothing
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add("0f6ab6a8", "2026-11-22T16:36:00", `{"description": "a\nb", "k": "v\\"}`, int64(8), 2300.5, true)
	f.Add("ZZ", "", "plain \xed\xb3\xbf text", int64(math.MinInt64), math.NaN(), false)
	f.Fuzz(func(t *testing.T, hash, text, description string, count int64, frequency float64, null bool) {
		absentIfInfinite(&frequency)
		nullable := monitor.Text{String: text}
		if null {
			nullable = monitor.Text{Null: true}
		}
		c := &monitor.Context{H: hash, CPUCount: count, CPUFrequency: frequency, CPUType: text, CPUVendor: nullable,
			RAMTotal: count, MachineNode: text, MachineType: description, MachineArch: text, SystemInfo: text,
			PythonInfo: description, Env: text}
		point := &monitor.Point{Record: &monitor.Record{Project: "p", Received: time.Unix(1, 2).UTC(), Context: c}}
		got := parse(t, point).Record
		require.Equal(t, math.IsNaN(c.CPUFrequency), math.IsNaN(got.Context.CPUFrequency))
		if math.IsNaN(c.CPUFrequency) {
			c.CPUFrequency, got.Context.CPUFrequency = 0, 0 // NaN equals nothing
		}
		require.Equal(t, point.Record, got)

		s := &monitor.Session{SessionH: hash, RunDate: text, ScmRef: nullable, Description: description,
			Tags: wire.ParseDescription(description), Start: monitor.Instant{UTC: legal(count), Offset: int32(count)},
			Run: text, Branch: description, Build: hash, Machine: text,
			Marks: monitor.Marks{Imported: null, StatesOffset: !null, Completion: monitor.Completion(text), Method: hash}}
		point = &monitor.Point{Record: &monitor.Record{Project: "p", Received: time.Unix(1, 2).UTC(), Session: s}}
		require.Equal(t, point.Record, parse(t, point).Record)
	})
}

// legal brings a time into the range that InfluxDB stores.
func legal(ns int64) int64 {
	return min(max(ns, models.MinNanoTime), models.MaxNanoTime)
}

// absentIfInfinite does what acceptance does to infinite numbers.
func absentIfInfinite(values ...*float64) {
	for _, v := range values {
		if math.IsInf(*v, 0) {
			*v = math.NaN()
		}
	}
}
