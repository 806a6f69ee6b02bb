package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// column is a column of contexts or sessions, and where the record has its value. What at points to is scanned and stored
// as it is.
type column struct {
	name string
	at   any
}

// contextRow and sessionRow return the columns that a record fills, beside its number, its hash and its project. Queries,
// scans and inserts follow them.
func contextRow(rec *monitor.Record) []column {
	c := rec.Context
	return []column{{"cpu_count", &c.CPUCount}, {"cpu_frequency", float{&c.CPUFrequency}}, {"cpu_type", &c.CPUType},
		{"cpu_vendor", nullable{&c.CPUVendor}}, {"ram_total", &c.RAMTotal}, {"machine_node", &c.MachineNode},
		{"machine_type", &c.MachineType}, {"machine_arch", &c.MachineArch}, {"system_info", &c.SystemInfo},
		{"python_info", &c.PythonInfo}, {"env", &c.Env}, {"received", instant{&rec.Received}}}
}

func sessionRow(rec *monitor.Record) []column {
	s := rec.Session
	return []column{{"run_date", &s.RunDate}, {"scm_ref", nullable{&s.ScmRef}}, {"description", &s.Description},
		{"client", &rec.Client}, {"utc_ns", &s.Start.UTC}, {"utc_offset", &s.Start.Offset}, {"run", &s.Run},
		{"branch", &s.Branch}, {"build", &s.Build}, {"machine", &s.Machine}, {"imported", &s.Imported},
		{"states_offset", &s.StatesOffset}, {"completion", &s.Completion}, {"method", &s.Method},
		{"received", instant{&rec.Received}}, {"exit_status", &s.ExitStatus}, {"collected", &s.Collected},
		{"deselected", &s.Deselected}, {"partial", &s.Reason}, {"ended", instant{&s.Ended}}}
}

// The columns as queries select them, in the order in which scanContext and scanSession read them. They need the row of
// hashes as h.
var (
	contextColumns = "c.seq, h.project, h.h, " + columnNames(contextRow(&monitor.Record{Context: &monitor.Context{}}), "c.")
	sessionFields  = columnNames(sessionRow(&monitor.Record{Session: &monitor.Session{}}), "s.")
	sessionColumns = "s.seq, h.project, h.h, " + sessionFields
	endColumns     = "e.seq, h.project, h.h, " + sessionFields

	insertContext = insertInto("contexts", "seq, hash, "+columnNames(contextRow(&monitor.Record{Context: &monitor.Context{}}), ""))
	insertSession = insertInto("sessions", "seq, hash, project, leads, unsteady, "+
		columnNames(sessionRow(&monitor.Record{Session: &monitor.Session{}}), ""))
)

const (
	contextTables = " FROM contexts c JOIN hashes h ON h.id = c.hash "
	sessionTables = " FROM sessions s JOIN hashes h ON h.id = s.hash "
	endTables     = " FROM ends e CROSS JOIN sessions s ON s.hash = e.session JOIN hashes h ON h.id = s.hash "
)

// columnNames lists the names of columns, each with a prefix.
func columnNames(columns []column, prefix string) string {
	var list []string
	for _, c := range columns {
		list = append(list, prefix+c.name)
	}
	return strings.Join(list, ", ")
}

// values appends where columns have their values, to scan into or to store from.
func values(all []any, columns []column) []any {
	for _, c := range columns {
		all = append(all, c.at)
	}
	return all
}

func scanContext(row scanner) (*monitor.Record, error) {
	rec := &monitor.Record{Context: new(monitor.Context)}
	err := row.Scan(values([]any{&rec.Seq, &rec.Project, &rec.Context.H}, contextRow(rec))...)
	return rec, err
}

func scanSession(row scanner) (*monitor.Record, error) {
	rec := &monitor.Record{Session: new(monitor.Session)}
	err := row.Scan(values([]any{&rec.Seq, &rec.Project, &rec.Session.SessionH}, sessionRow(rec))...)
	rec.Session.Tags = wire.ParseDescription(rec.Session.Description)
	return rec, err
}

// classColumns are the columns that the class of machine of a measurement follows from, of its session s and its context c.
const classColumns = "coalesce(s.machine, ''), coalesce(s.method, ''), c.seq IS NOT NULL, coalesce(c.env, ''), coalesce(c.python_info, '')"

// classRow is a row of classColumns.
type classRow struct {
	session monitor.Session
	context monitor.Context
	known   bool // there is a context
}

func (c *classRow) columns() []any {
	return []any{&c.session.Machine, &c.session.Method, &c.known, &c.context.Env, &c.context.PythonInfo}
}

// env returns the class of machine.
func (c *classRow) env() string {
	machine := &c.context
	if !c.known {
		machine = nil
	}
	return monitor.OriginOf("", machine, &c.session).Env
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
	all := make([]any, 0, monitor.Measurements)
	for _, v := range m.Values() {
		all = append(all, number(*v))
	}
	return all
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

// Value implements [driver.Valuer].
func (f float) Value() (driver.Value, error) { return number(*f.into), nil }

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

// Value implements [driver.Valuer].
func (n nullable) Value() (driver.Value, error) { return text(*n.into), nil }

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

// Value implements [driver.Valuer].
func (i instant) Value() (driver.Value, error) { return nanoseconds(*i.into), nil }
