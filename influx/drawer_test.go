package influx_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// drawer draws records of one project in one week.
type drawer struct {
	*rapid.T
	project string
	week    time.Time
	n       int // records so far
}

func (d *drawer) points() []*monitor.Point {
	var points []*monitor.Point
	for range 4 {
		points = append(points, d.point(), d.point(), d.point(), d.point())
		last := points[len(points)-4:]
		last[0].Context, last[1].Session, last[2].Metric = d.context(), d.session(), d.metric()
		last[3].Outcome = &monitor.Outcome{Metric: *d.metric(), NodeID: d.text("nodeid"), Outcome: d.text("outcome"), Attempts: d.integer("attempts"),
			SetupTime: d.float("setup"), TeardownTime: d.float("teardown"), MemPeak: d.float("peak"), MemTest: d.float("test")}
		for _, p := range last[:2] {
			p.Received = time.Unix(0, rapid.Int64Range(1, math.MaxInt64).Draw(d.T, "received")).UTC()
		}
		for _, p := range last[2:] {
			p.Origin = monitor.Origin{Env: d.long("env"), Run: d.text("run"), ScmRef: d.text("scm"), Branch: d.text("branch"), Build: d.text("build")}
		}
	}
	return points
}

func (d *drawer) point() *monitor.Point {
	return &monitor.Point{Record: &monitor.Record{Project: d.project}}
}

func (d *drawer) context() *monitor.Context {
	return &monitor.Context{H: d.hash(), CPUCount: d.integer("count"), CPUFrequency: d.float("frequency"), CPUType: d.text("type"),
		CPUVendor: d.nullable("vendor"), RAMTotal: d.integer("ram"), MachineNode: d.text("node"), MachineType: d.text("machine"),
		MachineArch: d.text("arch"), SystemInfo: d.text("system"), PythonInfo: d.text("python"), Env: d.text("env")}
}

func (d *drawer) session() *monitor.Session {
	description := d.text("description")
	completion := rapid.SampledFrom([]monitor.Completion{monitor.CompletionUnknown, monitor.Complete, monitor.Partial, "(none)"}).Draw(d.T, "completion")
	var end monitor.End
	if completion != monitor.CompletionUnknown {
		end = monitor.End{ExitStatus: d.integer("status"), Collected: d.integer("collected"), Deselected: d.integer("deselected"),
			Reason: d.text("partial"), Ended: time.Unix(0, rapid.Int64Range(1, math.MaxInt64).Draw(d.T, "ended")).UTC()}
	}
	return &monitor.Session{SessionH: d.hash(), RunDate: d.text("date"), ScmRef: d.nullable("scm"), Description: description,
		Tags: wire.ParseDescription(description), Start: d.instant(), Run: d.text("run"), Branch: d.text("branch"), Build: d.text("build"),
		Machine: d.text("machine"), Marks: monitor.Marks{Imported: rapid.Bool().Draw(d.T, "imported"),
			StatesOffset: rapid.Bool().Draw(d.T, "states"), Completion: completion, Method: d.text("method")}, End: end}
}

func (d *drawer) metric() *monitor.Metric {
	return &monitor.Metric{SessionH: d.text("session"), ContextH: d.text("context"), ItemStartTime: d.text("start"), ItemPath: d.long("path"),
		Item: d.long("item"), ItemVariant: d.long("variant"), ItemFSLoc: d.text("loc"), Kind: d.long("kind"), Component: d.long("component"),
		TotalTime: d.float("total"), UserTime: d.float("user"), KernelTime: d.float("kernel"), CPUUsage: d.float("cpu"), MemUsage: d.float("mem"),
		At: d.instant()}
}

func (d *drawer) text(name string) string { return anyText().Draw(d.T, name) }

// long draws a text that is sometimes longer than a tag may be.
func (d *drawer) long(name string) string {
	text := d.text(name)
	if rapid.IntRange(0, 40).Draw(d.T, "long") == 0 {
		text += strings.Repeat("é%\n", 1500)
	}
	return text
}

func (d *drawer) nullable(name string) monitor.Text {
	if rapid.Bool().Draw(d.T, "null") {
		return monitor.Text{Null: true}
	}
	return monitor.Text{String: d.text(name)}
}

// hash draws a hash that no other record has.
func (d *drawer) hash() string {
	d.n++
	return fmt.Sprintf("%s#%d", d.text("hash"), d.n)
}

func (d *drawer) integer(name string) int64 {
	return rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1<<53 + 1, 0})).Draw(d.T, name)
}

// float draws a number, or an absent one.
func (d *drawer) float(name string) float64 {
	f := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Copysign(0, -1), 5e-324, math.MaxFloat64})).Draw(d.T, name)
	if math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// instant draws a moment of the week that no other record of the same class has.
func (d *drawer) instant() monitor.Instant {
	d.n++
	second := rapid.Int64Range(0, 7*24*3600-1).Draw(d.T, "second")
	return monitor.Instant{UTC: d.week.UnixNano() + second*1e9 + int64(d.n), Offset: rapid.Int32().Draw(d.T, "offset")}
}
