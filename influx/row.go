package influx

import (
	"math"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// Row is one point as it was found in InfluxDB: the values of all fields of one series at one time. Tags and texts
// are encoded. What other programs wrote may lack fields or have other types: such a field counts as absent.
type Row struct {
	Time   int64             // nanoseconds since 1970
	Tags   map[string]string // without the measurement
	Fields map[string]any    // float64, int64 or string
}

// Metric gives back the metric that the point was made of, with its project and origin. Record.Received, which
// points do not hold, is zero.
func (r Row) Metric() *monitor.Point {
	m := &monitor.Metric{
		SessionH: r.text("session_h"), ContextH: r.text("context_h"), ItemStartTime: r.text("item_start_time"),
		ItemPath: r.tag("item_path"), Item: r.tag("item"), ItemVariant: r.tag("item_variant"),
		ItemFSLoc: r.text("item_fs_loc"), Kind: r.tag("kind"), Component: r.tag("component"),
		TotalTime: r.float("total_time"), UserTime: r.float("user_time"), KernelTime: r.float("kernel_time"),
		CPUUsage: r.float("cpu_usage"), MemUsage: r.float("mem_usage"),
		At: monitor.Instant{UTC: r.Time, Offset: int32(r.integer("utc_offset"))},
	}
	return &monitor.Point{
		Record: &monitor.Record{Project: r.tag(tagProject), Metric: m},
		Origin: monitor.Origin{Env: r.tag("env"), Run: r.text("run"), ScmRef: r.text("scm_ref"),
			Branch: r.text("branch"), Build: r.text("build")},
	}
}

// Context gives back the context that the point was made of, with its project and time of arrival.
func (r Row) Context() *monitor.Record {
	return r.record(&monitor.Record{Context: &monitor.Context{
		H: r.text("h"), CPUCount: r.integer("cpu_count"), CPUFrequency: r.float("cpu_frequency"),
		CPUType: r.text("cpu_type"), CPUVendor: r.nullable("cpu_vendor"), RAMTotal: r.integer("ram_total"),
		MachineNode: r.text("machine_node"), MachineType: r.text("machine_type"),
		MachineArch: r.text("machine_arch"), SystemInfo: r.text("system_info"),
		PythonInfo: r.text("python_info"), Env: r.text("env"),
	}})
}

// Session gives back the session that the point was made of, with its project and time of arrival.
func (r Row) Session() *monitor.Record {
	description := r.text("description")
	return r.record(&monitor.Record{Session: &monitor.Session{
		SessionH: r.text("session_h"), RunDate: r.text("run_date"), ScmRef: r.nullable("scm_ref"),
		Description: description, Tags: wire.ParseDescription(description),
		Start: monitor.Instant{UTC: r.Time, Offset: int32(r.integer("utc_offset"))},
		Run:   r.text("run"), Branch: r.text("branch"), Build: r.text("build"), Machine: r.text("machine"),
	}})
}

func (r Row) record(rec *monitor.Record) *monitor.Record {
	rec.Project = r.tag(tagProject)
	if ns, ok := r.Fields["received"].(int64); ok {
		rec.Received = time.Unix(0, ns).UTC()
	}
	return rec
}

// tag returns the text that a tag stands for: as sent where the tag was not exact.
func (r Row) tag(name string) string {
	if raw, ok := r.Fields[name+rawSuffix].(string); ok {
		return DecodeText(raw)
	}
	return DecodeText(r.Tags[name])
}

func (r Row) text(name string) string {
	s, _ := r.Fields[name].(string)
	return DecodeText(s)
}

func (r Row) nullable(name string) monitor.Text {
	if _, ok := r.Fields[name].(string); !ok {
		return monitor.Text{Null: true}
	}
	return monitor.Text{String: r.text(name)}
}

func (r Row) integer(name string) int64 {
	n, _ := r.Fields[name].(int64)
	return n
}

func (r Row) float(name string) float64 {
	if f, ok := r.Fields[name].(float64); ok {
		return f
	}
	return math.NaN()
}
