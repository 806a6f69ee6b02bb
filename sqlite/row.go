package sqlite

import (
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// The columns of contexts and sessions, in the order in which scanContext and scanSession read them. They need the row
// of hashes as h.
const (
	contextColumns = `c.seq, h.project, h.h, c.cpu_count, c.cpu_frequency, c.cpu_type, c.cpu_vendor, c.ram_total,
		c.machine_node, c.machine_type, c.machine_arch, c.system_info, c.python_info, c.env, c.received`
	sessionColumns = "s.seq, h.project, h.h, " + sessionFields
	sessionFields  = `s.run_date, s.scm_ref, s.description, s.client, s.utc_ns, s.utc_offset, s.run, s.branch, s.build,
		s.machine, s.imported, s.states_offset, s.completion, s.method, s.received`
	contextTables = " FROM contexts c JOIN hashes h ON h.id = c.hash "
	sessionTables = " FROM sessions s JOIN hashes h ON h.id = s.hash "
)

var (
	insertContext = insertInto("contexts", `seq, hash, cpu_count, cpu_frequency, cpu_type, cpu_vendor, ram_total,
		machine_node, machine_type, machine_arch, system_info, python_info, env, received`)
	insertSession = insertInto("sessions", `seq, hash, project, run_date, scm_ref, description, client, utc_ns,
		utc_offset, run, leads, branch, build, machine, imported, states_offset, completion, method, received`)
)

func scanContext(row scanner) (*monitor.Record, error) {
	rec := &monitor.Record{Context: new(monitor.Context)}
	c := rec.Context
	err := row.Scan(&rec.Seq, &rec.Project, &c.H, &c.CPUCount, float{&c.CPUFrequency}, &c.CPUType, nullable{&c.CPUVendor},
		&c.RAMTotal, &c.MachineNode, &c.MachineType, &c.MachineArch, &c.SystemInfo, &c.PythonInfo, &c.Env,
		instant{&rec.Received})
	return rec, err
}

func scanSession(row scanner) (*monitor.Record, error) {
	rec := &monitor.Record{Session: new(monitor.Session)}
	s := rec.Session
	err := row.Scan(&rec.Seq, &rec.Project, &s.SessionH, &s.RunDate, nullable{&s.ScmRef}, &s.Description, &rec.Client,
		&s.Start.UTC, &s.Start.Offset, &s.Run, &s.Branch, &s.Build, &s.Machine, &s.Imported, &s.StatesOffset,
		&s.Completion, &s.Method, instant{&rec.Received})
	s.Tags = wire.ParseDescription(s.Description)
	return rec, err
}

// sentTexts is a row of the table texts. A column is NULL when its text can be rebuilt from the row of the metric.
type sentTexts struct {
	startTime, component, itemPath, item, itemVariant, kind sql.NullString
}

func (t *sentTexts) columns() []any {
	return []any{&t.startTime, &t.component, &t.itemPath, &t.item, &t.itemVariant, &t.kind}
}

func (t *sentTexts) size() int {
	return len(t.startTime.String) + len(t.component.String) + len(t.itemPath.String) + len(t.item.String) +
		len(t.itemVariant.String) + len(t.kind.String)
}

// setTexts rebuilds a metric's texts from its instant, its series and the texts that were stored as sent. t may be nil.
func setTexts(m *monitor.Metric, s *monitor.Series, t *sentTexts) {
	m.Component, m.ItemPath, m.Item = s.Component, s.ItemPath, s.Item
	m.ItemVariant, m.Kind = s.ItemVariant, s.Kind
	var none sentTexts
	if t == nil {
		t = &none
	}
	if !t.startTime.Valid {
		m.ItemStartTime = m.At.LocalText()
	}
	for _, sent := range [...]struct {
		into *string
		text sql.NullString
	}{
		{&m.ItemStartTime, t.startTime}, {&m.Component, t.component}, {&m.ItemPath, t.itemPath},
		{&m.Item, t.item}, {&m.ItemVariant, t.itemVariant}, {&m.Kind, t.kind},
	} {
		if sent.text.Valid {
			*sent.into = sent.text.String
		}
	}
}

var measurementColumns = func() string {
	names := make([]string, monitor.Measurements)
	for i := range monitor.Measurements {
		names[i] = i.String()
	}
	return strings.Join(names, ", ")
}()

// floats returns where to scan a metric's measurements.
func floats(m *monitor.Metric) []any {
	into := make([]any, 0, monitor.Measurements)
	for _, v := range m.Values() {
		into = append(into, float{v})
	}
	return into
}

// numbers returns a metric's measurements as columns hold them.
func numbers(m *monitor.Metric) []any {
	values := make([]any, 0, monitor.Measurements)
	for _, v := range m.Values() {
		values = append(values, number(*v))
	}
	return values
}

// number returns a float as a column without a type holds it. NULL stands for an absent float.
func number(f float64) any {
	if math.IsNaN(f) {
		return nil
	}
	return f
}

// float scans a column that number has filled.
type float struct{ into *float64 }

// Scan implements [sql.Scanner].
func (f float) Scan(v any) error {
	switch v := v.(type) {
	case float64:
		*f.into = v
	case nil:
		*f.into = math.NaN()
	default:
		return fmt.Errorf("expected a float, found %T", v)
	}
	return nil
}

// text returns a text as a column holds it. A text may be null.
func text(t monitor.Text) any {
	if t.Null {
		return nil
	}
	return t.String
}

// nullable scans a column that text has filled.
type nullable struct{ into *monitor.Text }

// Scan implements [sql.Scanner].
func (n nullable) Scan(v any) error {
	var s sql.NullString
	err := s.Scan(v)
	*n.into = monitor.Text{String: s.String, Null: !s.Valid}
	return err
}

// nanoseconds returns a time as a column holds it. 0 stands for the zero time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// instant scans a column that nanoseconds has filled.
type instant struct{ into *time.Time }

// Scan implements [sql.Scanner].
func (i instant) Scan(v any) error {
	ns, ok := v.(int64)
	if !ok {
		return fmt.Errorf("expected nanoseconds, found %T", v)
	}
	*i.into = time.Time{}
	if ns != 0 {
		*i.into = time.Unix(0, ns).UTC()
	}
	return nil
}
