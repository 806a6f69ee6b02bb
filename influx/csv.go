package influx

import (
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// flatDialect asks for CSV whose tables say of what type their columns are, and nothing else.
var flatDialect = node{"header": true, "annotations": []string{"datatype"}}

// record is one row of a CSV answer. It and its texts are good until the next one is read.
type record struct {
	types  []string
	column map[string]int
	values []string
}

// decodeCSV reads an answer as it arrives and hands each row to visit. Tables may differ in their columns. An error
// that InfluxDB met on the way is part of the answer. It stops at the first error.
func decodeCSV(body io.Reader, visit func(*record) error) error {
	r := csv.NewReader(body)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	rec := &record{}
	for {
		values, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case values[0] == "#datatype":
			rec.types, rec.column = append([]string(nil), values...), nil
			continue
		case rec.column == nil:
			rec.name(values)
			continue
		}
		rec.values = values
		if message, failed := rec.text("error"), rec.has("error"); failed {
			return monitor.Errorf(monitor.EUnavailable, "InfluxDB broke off its answer: %s", message)
		}
		if err := visit(rec); err != nil {
			return err
		}
	}
}

// name takes the row with the names of the columns.
func (r *record) name(names []string) {
	r.column = make(map[string]int, len(names))
	for i, name := range names {
		r.column[strings.Clone(name)] = i
	}
}

func (r *record) has(name string) bool {
	_, ok := r.column[name]
	return ok
}

// text returns a column as it stands there, "" where there is none.
func (r *record) text(name string) string {
	if i, ok := r.column[name]; ok && i < len(r.values) {
		return r.values[i]
	}
	return ""
}

// time returns the column _time in nanoseconds since 1970.
func (r *record) time() (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, r.text("_time"))
	if err != nil {
		return 0, err
	}
	return t.UnixNano(), nil
}

// integer returns the column _value of a count.
func (r *record) integer() (int64, error) { return strconv.ParseInt(r.text("_value"), 10, 64) }

// value returns the column _value as float64, int64 or text, and nil for other types.
func (r *record) value() (any, error) {
	i, ok := r.column["_value"]
	if !ok || i >= len(r.types) {
		return nil, nil
	}
	switch r.types[i] {
	case "double":
		return strconv.ParseFloat(r.text("_value"), 64)
	case "long":
		return r.integer()
	case "string":
		return strings.Clone(r.text("_value")), nil
	default:
		return nil, nil
	}
}
