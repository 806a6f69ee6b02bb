package influx

import (
	"time"

	"pymon-bridge/monitor"
)

// The measurements, and the tags and fields that reads refer to.
const (
	MetricMeasurement  = "test_metrics" // in the metrics bucket
	ContextMeasurement = "contexts"     // in the metadata bucket
	SessionMeasurement = "sessions"     // in the metadata bucket
	probeMeasurement   = "pymon_bridge_probe"

	tagProject = "project"
	tagPrefix  = "prefix" // of contexts and sessions: the first two digits of their hash

	// rawSuffix names the field with the text as sent where a tag alone does not give it back.
	rawSuffix = "_raw"
)

// AppendLine appends the line protocol of p, without a newline, to dst. Equal points give equal bytes.
func AppendLine(dst []byte, p *monitor.Point) []byte {
	l := line{buf: dst}
	switch p.Class() {
	case monitor.ClassContext:
		l.context(p.Record)
	case monitor.ClassSession:
		l.session(p.Record)
	default:
		l.metric(p)
	}
	return l.buf
}

// Time returns the time of p's point in nanoseconds since 1970. That of a context, which has no date of its own, is
// in a fixed week of 2020 and follows from its hash, so that all contexts lie in one shard and none on another.
func Time(p *monitor.Point) int64 {
	switch p.Class() {
	case monitor.ClassContext:
		return contextTime(p.Project, p.Context.H)
	case monitor.ClassSession:
		return p.Session.Start.UTC
	default:
		return p.Metric.At.UTC
	}
}

func contextTime(project, h string) int64 {
	week := time.Date(2020, time.January, 6, 0, 0, 0, 0, time.UTC)
	return week.UnixNano() + monitor.HashMod(monitor.HashOf(project, h), uint64(7*24*time.Hour))
}

// metricTags are the tags of a metric in alphabetical order, in which InfluxDB sorts them least.
var metricTags = [...]string{"component", "env", "item", "item_path", "item_variant", "kind", tagProject}

func metricTexts(p *monitor.Point) [len(metricTags)]string {
	m := p.Metric
	return [...]string{m.Component, p.Env, m.Item, m.ItemPath, m.ItemVariant, m.Kind, p.Project}
}

func (l *line) metric(p *monitor.Point) {
	m, texts := p.Metric, metricTexts(p)
	var inexact [len(metricTags)]bool
	l.start(MetricMeasurement)
	for i, text := range texts {
		value, exact := EncodeTag(text)
		l.tag(metricTags[i], value)
		inexact[i] = !exact
	}
	l.float("total_time", m.TotalTime)
	l.float("user_time", m.UserTime)
	l.float("kernel_time", m.KernelTime)
	l.float("cpu_usage", m.CPUUsage)
	l.float("mem_usage", m.MemUsage)
	l.text("session_h", m.SessionH)
	l.text("context_h", m.ContextH)
	l.text("run", p.Run)
	l.text("scm_ref", p.ScmRef)
	l.text("branch", p.Branch)
	l.text("build", p.Build)
	l.text("item_fs_loc", m.ItemFSLoc)
	l.text("item_start_time", m.ItemStartTime)
	l.integer("utc_offset", int64(m.At.Offset))
	l.raw(texts, inexact)
	l.end(Time(p))
}

// raw appends the texts that tags alone do not give back.
func (l *line) raw(texts [len(metricTags)]string, inexact [len(metricTags)]bool) {
	for i, raw := range inexact {
		if raw {
			l.text(metricTags[i]+rawSuffix, texts[i])
		}
	}
}

func (l *line) context(r *monitor.Record) {
	c := r.Context
	l.metadata(ContextMeasurement, r, c.H)
	l.text("h", c.H)
	l.integer("cpu_count", c.CPUCount)
	l.float("cpu_frequency", c.CPUFrequency)
	l.text("cpu_type", c.CPUType)
	l.nullable("cpu_vendor", c.CPUVendor)
	l.integer("ram_total", c.RAMTotal)
	l.text("machine_node", c.MachineNode)
	l.text("machine_type", c.MachineType)
	l.text("machine_arch", c.MachineArch)
	l.text("system_info", c.SystemInfo)
	l.text("python_info", c.PythonInfo)
	l.text("env", c.Env)
	l.moment("received", r.Received)
	l.end(contextTime(r.Project, c.H))
}

func (l *line) session(r *monitor.Record) {
	s := r.Session
	l.metadata(SessionMeasurement, r, s.SessionH)
	l.text("session_h", s.SessionH)
	l.text("run_date", s.RunDate)
	l.integer("utc_offset", int64(s.Start.Offset))
	l.nullable("scm_ref", s.ScmRef)
	l.text("description", s.Description)
	l.text("run", s.Run)
	l.text("branch", s.Branch)
	l.text("build", s.Build)
	l.text("machine", s.Machine)
	l.moment("received", r.Received)
	l.end(s.Start.UTC)
}

// metadata begins the point of a context or session.
func (l *line) metadata(measurement string, r *monitor.Record, hash string) {
	l.start(measurement)
	l.tag(tagPrefix, prefix(hash))
	l.project(r.Project)
}

func (l *line) project(name string) {
	tag, _ := EncodeTag(name)
	l.tag(tagProject, tag)
}

// nullable appends a text that may be null, which is the absence of the field.
func (l *line) nullable(name string, t monitor.Text) {
	if !t.Null {
		l.text(name, t.String)
	}
}

// moment appends a time in nanoseconds since 1970, and nothing for the zero time, which has none.
func (l *line) moment(name string, t time.Time) {
	if !t.IsZero() {
		l.integer(name, t.UnixNano())
	}
}

// prefix returns the series that holds a hash: its first two digits if they are lower case hexadecimal, else "xx".
func prefix(hash string) string {
	digit := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	if len(hash) < 2 || !digit(hash[0]) || !digit(hash[1]) {
		return "xx"
	}
	return hash[:2]
}

// appendProbe appends a point that says nothing and leaves one series behind.
func appendProbe(dst []byte, at time.Time) []byte {
	l := line{buf: dst}
	l.start(probeMeasurement)
	l.integer("probe", 1)
	l.end(at.UnixNano())
	return l.buf
}
