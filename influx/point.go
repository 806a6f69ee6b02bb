package influx

import (
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// The measurements of records.
const (
	MetricMeasurement  = "test_metrics"  // in the metrics bucket
	OutcomeMeasurement = "test_outcomes" // in the metrics bucket
	ContextMeasurement = "contexts"      // in the metadata bucket
	SessionMeasurement = "sessions"      // in the metadata bucket
	probeMeasurement   = "pymon_bridge_probe"

	tagProject = "project"
	tagPrefix  = "prefix" // of contexts and sessions: the first two digits of their hash

	// rawSuffix names the field with the text as sent where a tag alone does not give it back.
	rawSuffix = "_raw"
)

// measurement returns the name of the measurement that holds the records of a class.
func measurement(class monitor.Class) string {
	switch class {
	case monitor.ClassContext:
		return ContextMeasurement
	case monitor.ClassSession:
		return SessionMeasurement
	case monitor.ClassOutcome:
		return OutcomeMeasurement
	default:
		return MetricMeasurement
	}
}

// isMetadata says whether the records of a class go to the metadata bucket.
func isMetadata(class monitor.Class) bool {
	return class == monitor.ClassContext || class == monitor.ClassSession
}

// AppendLine appends the line protocol of p, without a newline, to dst. Equal points give equal bytes.
func AppendLine(dst []byte, p *monitor.Point) []byte {
	l := line{buf: dst}
	l.start(measurement(p.Class()))
	var room [maxColumns]column
	for _, c := range columns(room[:0], p) {
		l.column(c)
	}
	l.end(Time(p))
	return l.buf
}

// Time returns the time of p's point in nanoseconds since 1970. A context has no date of its own. Its time is in a fixed week
// of 2020, so that all contexts lie in one shard, and follows from its hash, so that none overwrites another.
func Time(p *monitor.Point) int64 {
	if at := instant(p); at != nil {
		return at.UTC
	}
	return contextWeek.UnixNano() + monitor.HashMod(monitor.HashOf(p.Project, p.Context.H), uint64(week))
}

// contextWeek is the Monday on which the week of all contexts begins.
var contextWeek = time.Date(2020, time.January, 6, 0, 0, 0, 0, time.UTC)

// instant returns where the record has its time, nil for a context.
func instant(p *monitor.Point) *monitor.Instant {
	switch {
	case p.Context != nil:
		return nil
	case p.Session != nil:
		return &p.Session.Start
	default:
		return &p.Measured().At
	}
}

// column is a tag or a field of a point: its name, and a pointer to where the record has its value. The type of the
// pointer says how the value is written and read, see [line.column] and [column.read].
type column struct {
	name string
	at   any
}

type (
	// tag is a text that is a tag.
	tag *string
	// optional is a text whose field is left out where it is empty.
	optional *string
	// ofEnd is a number or a text that only sessions have that have ended. Its field is never left out then, so that an end
	// overwrites another one, which the client sent to another bridge, as a whole.
	ofEnd struct {
		at      any
		session *monitor.Session
	}
)

// maxColumns is room for the columns of any point.
const maxColumns = 40

// columns appends the columns of a point: tags in alphabetical order, in which InfluxDB sorts them least, then fields.
// Lines are written from them and rows are read into them. A new tag or field is a new element here and nowhere else.
func columns(all []column, p *monitor.Point) []column {
	switch {
	case p.Context != nil:
		return contextColumns(all, p.Record)
	case p.Session != nil:
		return sessionColumns(all, p.Record)
	case p.Outcome != nil:
		return outcomeColumns(all, p)
	default:
		return metricColumns(all, p)
	}
}

func metricColumns(all []column, p *monitor.Point) []column {
	m := p.Measured()
	all = append(all,
		column{"component", tag(&m.Component)},
		column{"env", tag(&p.Env)},
		column{"item", tag(&m.Item)},
		column{"item_path", tag(&m.ItemPath)},
		column{"item_variant", tag(&m.ItemVariant)},
		column{"kind", tag(&m.Kind)},
		column{tagProject, tag(&p.Project)},
	)
	tags := all
	for i, value := range m.Values() {
		all = append(all, column{monitor.Measurement(i).String(), value})
	}
	texts := m.Texts()
	all = appendTexts(all, tags, monitor.MetricTexts[:], texts[:])
	all = appendTexts(all, tags, p.Origin.Names(), p.Origin.Texts())
	return append(all, column{"utc_offset", &m.At.Offset})
}

// appendTexts appends the texts that are no tags.
func appendTexts(all, tags []column, names []string, texts []*string) []column {
	for i, name := range names {
		if !slices.ContainsFunc(tags, func(t column) bool { return t.name == name }) {
			all = append(all, column{name, texts[i]})
		}
	}
	return all
}

func outcomeColumns(all []column, p *monitor.Point) []column {
	o := p.Outcome
	return append(metricColumns(all, p),
		column{"outcome", &o.Outcome},
		column{"attempts", &o.Attempts},
		column{"nodeid", &o.NodeID},
		column{"setup_time", &o.SetupTime},
		column{"teardown_time", &o.TeardownTime},
		column{"mem_peak", &o.MemPeak},
		column{"mem_test", &o.MemTest},
	)
}

func contextColumns(all []column, r *monitor.Record) []column {
	c := r.Context
	return append(metadataTags(all, r, c.H),
		column{"h", &c.H},
		column{"cpu_count", &c.CPUCount},
		column{"cpu_frequency", &c.CPUFrequency},
		column{"cpu_type", &c.CPUType},
		column{"cpu_vendor", &c.CPUVendor},
		column{"ram_total", &c.RAMTotal},
		column{"machine_node", &c.MachineNode},
		column{"machine_type", &c.MachineType},
		column{"machine_arch", &c.MachineArch},
		column{"system_info", &c.SystemInfo},
		column{"python_info", &c.PythonInfo},
		column{"env", &c.Env},
		column{"received", &r.Received},
	)
}

func sessionColumns(all []column, r *monitor.Record) []column {
	s := r.Session
	return append(metadataTags(all, r, s.SessionH),
		column{"session_h", &s.SessionH},
		column{"run_date", &s.RunDate},
		column{"utc_offset", &s.Start.Offset},
		column{"scm_ref", &s.ScmRef},
		column{"description", &s.Description},
		column{"run", &s.Run},
		column{"branch", &s.Branch},
		column{"build", &s.Build},
		column{"machine", &s.Machine},
		column{"imported", &s.Imported},
		column{"states_offset", &s.StatesOffset},
		column{"completion", optional((*string)(&s.Completion))},
		column{"method", optional(&s.Method)},
		column{"exit_status", ofEnd{&s.ExitStatus, s}},
		column{"collected", ofEnd{&s.Collected, s}},
		column{"deselected", ofEnd{&s.Deselected, s}},
		column{"partial", ofEnd{&s.Reason, s}},
		column{"ended", &s.Ended},
		column{"received", &r.Received},
	)
}

// metadataTags appends the tags of a context or session. The prefix follows from the hash and is not read back.
func metadataTags(all []column, r *monitor.Record, hash string) []column {
	digits := prefix(hash)
	return append(all, column{tagPrefix, tag(&digits)}, column{tagProject, tag(&r.Project)})
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
