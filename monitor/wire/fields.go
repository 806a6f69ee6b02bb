package wire

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"pymon-bridge/monitor"
)

// fields has the wanted members of an object, in the order in which clients send them, and their problems.
type fields struct {
	what     string
	names    []string
	values   []value
	problems map[string]string
}

// scanFields reads a body that has to be an object. It ignores unknown members. The last of repeated members counts.
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
		err = s.end()
	}
	if err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "invalid %s: the body is not JSON: %v", what, err)
	}
	return &fields{what: what, names: names, values: values}, nil
}

// notAnObject returns the error for a body that is another JSON value, or is not JSON.
func notAnObject(what string, body []byte) error {
	s := scanner{data: body}
	v, err := s.value(0)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return monitor.Errorf(monitor.EInvalid, "invalid %s: the body is not JSON: %v", what, err)
	}
	return &monitor.Error{Code: monitor.EInvalid, Message: "invalid " + what,
		Fields: map[string]string{"": "expected an object, got " + v.kind.String()}}
}

// find returns the index of a quoted name, -1 for an unknown name. It first tries next, the index after the last
// member.
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

// problem notes what was expected in field i, and what it has.
func (f *fields) problem(i int, expected string) { f.note(i, expected+f.got(i)) }

// wrongText notes what was expected in field i, which has another text.
func (f *fields) wrongText(i int, expected, text string) {
	f.note(i, fmt.Sprintf("%s, got %q", expected, monitor.Shorten(text, 40)))
}

func (f *fields) note(i int, problem string) {
	if f.problems == nil {
		f.problems = make(map[string]string)
	}
	f.problems[f.names[i]] = "expected " + problem
}

// got says what field i has.
func (f *fields) got(i int) string {
	switch k := f.values[i].kind; k {
	case missing:
		return ", but it is missing"
	case number:
		return ", got " + shortened(f.values[i].raw)
	default:
		return ", got " + k.String()
	}
}

// err returns all problems as one error, nil when there are none.
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

// float returns a required number. It returns NaN for NaN and Infinity.
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
	// 2^63 is the least float that no int64 can hold. -2^63 is the least that an int64 can hold.
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || v != math.Trunc(v) || v >= 1<<63 || v < -1<<63 || !bytes.ContainsAny(f.values[i].raw, ".eE") {
		f.problem(i, expected)
		return 0
	}
	return int64(v)
}

// has says whether field i is there and not null.
func (f *fields) has(i int) bool { return f.values[i].kind != missing && f.values[i].kind != null }

// measured returns a number that may be null. It returns NaN for null, NaN and Infinity.
func (f *fields) measured(i int) float64 {
	if f.values[i].kind == null {
		return math.NaN()
	}
	return f.float(i)
}

// optionalFloat returns a number that may be null or missing. It returns NaN for these, NaN and Infinity.
func (f *fields) optionalFloat(i int) float64 {
	if !f.has(i) {
		return math.NaN()
	}
	return f.float(i)
}

// within returns a required whole number from least to greatest.
func (f *fields) within(i int, least, greatest int64) int64 {
	n := f.integer(i)
	if n >= least && n <= greatest && f.problems[f.names[i]] == "" {
		return n
	}
	expected := fmt.Sprintf("a whole number from %d to %d", least, greatest)
	if greatest == math.MaxInt64 {
		expected = fmt.Sprintf("a whole number of at least %d", least)
	}
	f.problem(i, expected)
	return least
}

// shortened returns a number for a message, without most digits of a long number.
func shortened(raw []byte) string {
	if len(raw) > 40 {
		return fmt.Sprintf("%s… (%d digits)", raw[:40], len(raw))
	}
	return string(raw)
}
