package sqlite

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// plain lists columns without their declared types: the driver would convert the values of some types.
func plain(columns []string) string { return "+" + strings.Join(columns, ", +") }

// cells has the values of one row, each of the class with which SQLite stores it, and their problems by field.
type cells struct {
	values   []any
	problems *map[string]string
}

// each reads rows. The values are valid until read returns.
func (s *Source) each(ctx context.Context, query string, args []any, read func(v cells) error) error {
	rows, err := s.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return s.unreadable(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return s.unreadable(err)
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		var problems map[string]string
		if err := rows.Scan(into...); err != nil {
			return s.unreadable(err)
		}
		if err := read(cells{values, &problems}); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return s.unreadable(err)
	}
	return nil
}

func (v cells) err() error {
	if *v.problems == nil {
		return nil
	}
	return &monitor.Error{Code: monitor.EInvalid, Fields: *v.problems}
}

func (v cells) problem(i int, field, expected string) {
	if *v.problems == nil {
		*v.problems = map[string]string{}
	}
	(*v.problems)[field] = "expected " + expected + ", got " + class(v.values[i])
}

// class names what SQLite stores for a value.
func class(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case string:
		return "a text"
	case []byte:
		return "bytes"
	}
	return fmt.Sprintf("%T", v)
}

// text returns a text that must be there.
func (v cells) text(i int, field string) string {
	if v.values[i] == nil {
		v.problem(i, field, "a text")
	}
	return v.nullable(i, field).String
}

// nullable returns a text that may be null.
func (v cells) nullable(i int, field string) monitor.Text {
	switch s := v.values[i].(type) {
	case nil:
		return monitor.Text{Null: true}
	case string:
		if !utf8.ValidString(s) && !wire.Sendable(s) {
			v.problem(i, field, "a text in UTF-8")
		}
		return monitor.Text{String: s}
	}
	v.problem(i, field, "a text")
	return monitor.Text{}
}

// description returns the description of a session. Its column makes a number of a text that looks like one.
func (v cells) description(i int) string {
	switch n := v.values[i].(type) {
	case int64:
		return strconv.FormatInt(n, 10)
	case float64:
		return string(wire.AppendNumber(nil, n))
	}
	return v.nullable(i, "description").String
}

// number returns a number, NaN for null and for infinity, as a client's NaN and Infinity are stored. SQLite stores NaN as null.
func (v cells) number(i int, field string) float64 {
	switch n := v.values[i].(type) {
	case nil:
		return math.NaN()
	case int64:
		return float64(n)
	case float64:
		if math.IsInf(n, 0) {
			return math.NaN()
		}
		return n
	}
	v.problem(i, field, "a number")
	return 0
}

// integer returns a whole number.
func (v cells) integer(i int, field string) int64 {
	switch n := v.values[i].(type) {
	case int64:
		return n
	case float64:
		if n == math.Trunc(n) && n >= -1<<63 && n < 1<<63 {
			return int64(n)
		}
	}
	v.problem(i, field, "a whole number")
	return 0
}
