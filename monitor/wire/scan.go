package wire

import (
	"fmt"
	"unicode/utf8"
)

// kind is the type of a JSON value.
type kind byte

const (
	missing kind = iota
	null
	boolean
	number
	notFinite // NaN, Infinity, -Infinity
	text
	array
	object
)

// String names the kind for messages to people.
func (k kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "NaN or Infinity", "a text", "a list", "an object"}[k]
}

// value is a JSON value. raw is its part of the body. The raw of a text includes the quotes.
type value struct {
	kind kind
	raw  []byte
}

// maxDepth bounds nesting, so that a body of brackets costs little time.
const maxDepth = 64

// scanner reads a JSON text and checks its grammar.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("%s at byte %d", fmt.Sprintf(format, args...), s.pos)
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	s.skipSpace()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// end fails unless nothing follows.
func (s *scanner) end() error {
	if s.skipSpace(); s.pos != len(s.data) {
		return s.errorf("expected the end of the text")
	}
	return nil
}

// value scans one value of any kind.
func (s *scanner) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, s.errorf("nested more than %d deep", maxDepth)
	}
	c := s.peek()
	start := s.pos
	k, err := missing, error(nil)
	switch {
	case c == '"':
		k, err = text, s.text()
	case c == '{':
		k, err = object, s.members(depth, func(value, value) error { return nil })
	case c == '[':
		k, err = array, s.elements(depth, func(value) error { return nil })
	case c == '-' || c >= '0' && c <= '9':
		k, err = s.number()
	default:
		k, err = s.word()
	}
	return value{k, s.data[start:s.pos]}, err
}

// words are the values that are words.
var words = [...]struct {
	text string
	kind kind
}{{"null", null}, {"true", boolean}, {"false", boolean}, {"NaN", notFinite}, {"Infinity", notFinite}, {"-Infinity", notFinite}}

func (s *scanner) word() (kind, error) {
	for _, w := range words {
		if end := s.pos + len(w.text); end <= len(s.data) && string(s.data[s.pos:end]) == w.text {
			s.pos = end
			return w.kind, nil
		}
	}
	return missing, s.errorf("expected a value")
}

func (s *scanner) number() (kind, error) {
	if s.pos+1 < len(s.data) && s.data[s.pos] == '-' && s.data[s.pos+1] == 'I' {
		return s.word()
	}
	s.accept('-')
	if !s.accept('0') && s.digits() == 0 {
		return missing, s.errorf("expected a digit")
	}
	if s.accept('.') && s.digits() == 0 {
		return missing, s.errorf("expected a digit")
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		if s.digits() == 0 {
			return missing, s.errorf("expected a digit")
		}
	}
	return number, nil
}

func (s *scanner) accept(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

// text scans a text with its quotes.
func (s *scanner) text() error {
	for s.pos++; s.pos < len(s.data); {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return s.errorf("unescaped control character 0x%02x in a text", c)
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return s.errorf("invalid UTF-8 in a text")
			}
			s.pos += size
		}
	}
	return s.errorf("a text without its closing quote")
}

func (s *scanner) escape() error {
	if s.pos+1 == len(s.data) {
		return s.errorf("a text without its closing quote")
	}
	switch s.data[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return nil
	case 'u':
		if _, ok := hex4(s.data[s.pos+2:]); ok {
			s.pos += 6
			return nil
		}
		return s.errorf("expected four hexadecimal digits after \\u")
	}
	return s.errorf("unknown escape in a text")
}

// members scans an object and calls visit with the key and the value of each member.
func (s *scanner) members(depth int, visit func(key, val value) error) error {
	return s.list('{', '}', func() error {
		if s.peek() != '"' {
			return s.errorf("expected a member name in quotes")
		}
		start := s.pos
		if err := s.text(); err != nil {
			return err
		}
		key := value{text, s.data[start:s.pos]}
		if s.peek() != ':' {
			return s.errorf("expected ':'")
		}
		s.pos++
		val, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		return visit(key, val)
	})
}

// elements scans a list and calls visit for each element.
func (s *scanner) elements(depth int, visit func(value) error) error {
	return s.list('[', ']', func() error {
		v, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		return visit(v)
	})
}

// list scans items between two brackets, with commas between the items.
func (s *scanner) list(opening, closing byte, item func() error) error {
	if s.peek() != opening {
		return s.errorf("expected '%c'", opening)
	}
	s.pos++
	if s.peek() == closing {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case closing:
			s.pos++
			return nil
		default:
			return s.errorf("expected ',' or '%c'", closing)
		}
	}
}
