package web

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// state is the state of a page, which is in its query. It remembers which values are defaults, and which are wrong.
type state struct {
	values   url.Values
	defaults map[string]string
	wrong    map[string]string // what was expected, by parameter
}

// escaped begins the name of a parameter whose value is escaped once more. Forms name parameters so, whose values do not survive a
// browser: it sends U+FFFD for what is no Unicode, and CRLF for the end of a line.
const escaped = "escaped-"

func newState(raw string) (*state, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, monitor.Errorf(monitor.EInvalid, "the query cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if plain, ok := strings.CutPrefix(name, escaped); ok {
			value, err := url.QueryUnescape(values.Get(name))
			if err != nil {
				return nil, monitor.Errorf(monitor.EInvalid, "the query cannot be read: %s: %w", name, err)
			}
			values.Del(name)
			values.Set(plain, value)
		}
	}
	return &state{values: values, defaults: map[string]string{}, wrong: map[string]string{}}, nil
}

// text returns the value of a parameter, or the default.
func (s *state) text(name, otherwise string) string {
	s.defaults[name] = otherwise
	if !s.values.Has(name) {
		return otherwise
	}
	return s.values.Get(name)
}

// oneOf returns the value of a parameter that has one of the given values. Otherwise is one of them too.
func (s *state) oneOf(name, otherwise string, others ...string) string {
	value := s.text(name, otherwise)
	if value == otherwise || slices.Contains(others, value) {
		return value
	}
	all := append(slices.DeleteFunc([]string{otherwise}, func(s string) bool { return s == "" }), others...)
	s.wrong[name] = "expected one of " + strings.Join(all, ", ")
	return otherwise
}

// number returns the value of a parameter that is a whole number from 0 on; 0 without it.
func (s *state) number(name string) int {
	n, err := strconv.Atoi(s.text(name, "0"))
	if err != nil || n < 0 {
		s.wrong[name] = "expected a whole number, at least 0"
		return 0
	}
	return n
}

// order returns by which column a list is sorted, and whether downwards. Names go upwards unless somebody asks for the other direction.
func (s *state) order() (by string, descending bool) {
	by = s.oneOf("sort", "wall", "cpu", "mem", "ratio", "name")
	usual, other := "desc", "asc"
	if by == "name" {
		usual, other = other, usual
	}
	return by, s.oneOf("dir", usual, other) == "desc"
}

// err names all wrong parameters.
func (s *state) err() error {
	if len(s.wrong) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(s.wrong))
	return &monitor.Error{Code: monitor.EInvalid, Message: "this address has a wrong value of " + strings.Join(names, ", "),
		Fields: s.wrong}
}

// with returns the query of the same page with other values: pairs of name and value. "" leaves a parameter out. The query begins with "?".
func (s *state) with(pairs ...string) string {
	values := maps.Clone(s.values)
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = []string{pairs[i+1]}
		if pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	for name, otherwise := range s.defaults {
		if values.Get(name) == otherwise {
			values.Del(name)
		}
	}
	return "?" + values.Encode()
}
