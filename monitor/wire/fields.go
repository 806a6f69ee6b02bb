package wire

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"pymon-bridge/monitor"
)

// fields are the wanted members of an object, in the order that clients send them, and what is wrong with them.
type fields struct {
	what     string
	names    []string
	values   []value
	problems map[string]string
}

// scanFields reads a body that has to be an object. Unknown members are ignored; of a repeated one the last counts.
func scanFields(what string, body []byte, names []string, values []value) (*fields, error) {
	s := scanner{data: body}
	if s.peek() != '{' {
		return nil, notAnObject(what, body)
	}
	next := 0
	err := s.members(0, func(key, val value) error {
		if i := find(names, key.raw, next); i >= 0 {
			values[i] = val
			next = i + 1
		}
		return nil
	})
	if err == nil {
		if s.peek(); s.pos != len(body) {
			err = s.errorf("expected the end of the text")
		}
	}
	if err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "invalid %s: the body is not JSON: %v", what, err)
	}
	return &fields{what: what, names: names, values: values}, nil
}

// notAnObject tells a body of another kind from one that is no JSON.
func notAnObject(what string, body []byte) error {
	s := scanner{data: body}
	v, err := s.document()
	if err != nil {
		return monitor.Errorf(monitor.EInvalid, "invalid %s: the body is not JSON: %v", what, err)
	}
	return &monitor.Error{Code: monitor.EInvalid, Message: "invalid " + what,
		Fields: map[string]string{"": "expected an object, got " + v.kind.String()}}
}

// find returns the index of a quoted name, trying first the one that comes next in a client's order; -1 if unknown.
func find(names []string, quoted []byte, next int) int {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(unquote(quoted))
	}
	if next < len(names) && string(name) == names[next] {
		return next
	}
	for i := range names {
		if string(name) == names[i] {
			return i
		}
	}
	return -1
}

func (f *fields) problem(i int, expected string) {
	if f.problems == nil {
		f.problems = make(map[string]string)
	}
	got := ""
	switch k := f.values[i].kind; k {
	case missing:
		got = ", but it is missing"
	case number:
		got = ", got " + brief(f.values[i].raw)
	default:
		got = ", got " + k.String()
	}
	f.problems[f.names[i]] = "expected " + expected + got
}

// err returns all problems as one error, nil when there is none.
func (f *fields) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return &monitor.Error{Code: monitor.EInvalid, Message: "invalid " + f.what, Fields: f.problems}
}

// text returns a required text.
func (f *fields) text(i int) string {
	if f.values[i].kind != text {
		f.problem(i, "a text")
		return ""
	}
	return unquote(f.values[i].raw)
}

// nullable returns a required text that may be null.
func (f *fields) nullable(i int) monitor.Text {
	if f.values[i].kind == null {
		return monitor.Text{Null: true}
	}
	return monitor.Text{String: f.text(i)}
}

// optional returns a text that may be null or missing.
func (f *fields) optional(i int) monitor.Text {
	if f.values[i].kind == missing {
		return monitor.Text{}
	}
	return f.nullable(i)
}

// float returns a required number; NaN where the client sent a number that is not finite.
func (f *fields) float(i int) float64 {
	switch f.values[i].kind {
	case notFinite:
		return math.NaN()
	case number:
		v, err := strconv.ParseFloat(string(f.values[i].raw), 64)
		if err == nil {
			return v
		}
		f.problem(i, "a number that fits 64-bit floating point")
	default:
		f.problem(i, "a number")
	}
	return 0
}

// integer returns a required whole number, which may be written as a float.
func (f *fields) integer(i int) int64 {
	const expected = "a whole number of at most 64 bits"
	if f.values[i].kind != number {
		f.problem(i, expected)
		return 0
	}
	raw := string(f.values[i].raw)
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return n
	}
	// 2^63 is the first float above all int64, -2^63 the lowest that is one.
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || v != math.Trunc(v) || v >= 1<<63 || v < -1<<63 || !bytes.ContainsAny(f.values[i].raw, ".eE") {
		f.problem(i, expected)
		return 0
	}
	return int64(v)
}

// brief shortens a number for a message.
func brief(raw []byte) string {
	if len(raw) > 40 {
		return fmt.Sprintf("%s… (%d digits)", raw[:40], len(raw))
	}
	return string(raw)
}
