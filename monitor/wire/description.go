package wire

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"pymon-bridge/monitor"
)

// ParseDescription returns the tags of a session's description. They are the members of a JSON object in order. A
// repeated name has its last value at the place of its first one. A plain text is one tag "description". The empty text
// has no tags. A value that is not a text is printed as Python's str() prints it. Null stays null.
func ParseDescription(description string) []monitor.Tag {
	tags, _ := parseDescription(description, math.MaxInt)
	return tags
}

// parseDescription returns the tags of at most max members, and the number of all members of a JSON object. It only counts
// the others, since a body can have hundreds of thousands of them.
func parseDescription(description string, max int) (tags []monitor.Tag, members int) {
	if description == "" {
		return nil, 0
	}
	plain := []monitor.Tag{{Name: "description", Value: monitor.Text{String: description}}}
	s := scanner{data: []byte(description)}
	if s.peek() != '{' {
		return plain, 0
	}
	index := make(map[string]int)
	err := s.members(0, func(key, val value) error {
		if members++; members > max {
			return nil
		}
		tag := monitor.Tag{Name: unquote(key.raw), Value: tagValue(val)}
		if i, ok := index[tag.Name]; ok {
			tags[i] = tag
			return nil
		}
		index[tag.Name] = len(tags)
		tags = append(tags, tag)
		return nil
	})
	if err != nil || s.end() != nil {
		return plain, 0
	}
	return tags, members
}

func tagValue(v value) monitor.Text {
	switch v.kind {
	case null:
		return monitor.Text{Null: true}
	case text:
		return monitor.Text{String: unquote(v.raw)}
	}
	return monitor.Text{String: string(appendPython(nil, v))}
}

// appendPython appends a value as Python's repr() prints it after json.loads has read it.
func appendPython(dst []byte, v value) []byte {
	s := scanner{data: v.raw}
	switch v.kind {
	case null:
		return append(dst, "None"...)
	case boolean:
		return append(dst, strings.ToUpper(string(v.raw[:1]))+string(v.raw[1:])...)
	case notFinite:
		word := strings.Replace(string(v.raw), "Infinity", "inf", 1)
		return append(dst, strings.ToLower(word)...)
	case number:
		return appendPythonNumber(dst, string(v.raw))
	case text:
		return appendPythonText(dst, unquote(v.raw))
	case array:
		dst = append(dst, '[')
		first := true
		_ = s.elements(0, func(e value) error { // cannot fail, since the text was scanned before
			dst = appendPython(separate(dst, &first), e)
			return nil
		})
		return append(dst, ']')
	default:
		dst = append(dst, '{')
		first := true
		_ = s.members(0, func(key, val value) error {
			dst = append(appendPython(separate(dst, &first), key), ": "...)
			dst = appendPython(dst, val)
			return nil
		})
		return append(dst, '}')
	}
}

// separate appends a comma before every item except the first.
func separate(dst []byte, first *bool) []byte {
	if *first {
		*first = false
		return dst
	}
	return append(dst, ", "...)
}

func appendPythonNumber(dst []byte, raw string) []byte {
	if !strings.ContainsAny(raw, ".eE") {
		if raw == "-0" {
			raw = "0"
		}
		return append(dst, raw...)
	}
	f, _ := strconv.ParseFloat(raw, 64) // out of range it is infinity, as in Python
	if math.IsInf(f, 0) {
		return append(dst, strings.Replace(strconv.FormatFloat(f, 'g', -1, 64), "+Inf", "inf", 1)...)
	}
	return appendFloat(dst, f)
}

// appendFloat appends a finite float as Python prints it. It has the shortest digits that give the same float again,
// and always a point or an exponent.
func appendFloat(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if !strings.Contains(string(dst[start:]), ".") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendPythonText appends a text in Python's quotes. It escapes characters that cannot be printed.
func appendPythonText(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	dst = append(dst, quote)
	for i := 0; i < len(s); {
		r, size := decodeRune(s[i:])
		switch {
		case r == rune(quote) || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n' || r == '\r' || r == '\t':
			dst = appendControl(dst, byte(r))
		case unicode.IsPrint(r):
			dst = append(dst, s[i:i+size]...)
		default:
			dst = appendPythonEscape(dst, r)
		}
		i += size
	}
	return append(dst, quote)
}

func appendPythonEscape(dst []byte, r rune) []byte {
	switch {
	case r < 0x100:
		return append(dst, '\\', 'x', hexDigits[r>>4], hexDigits[r&0xF])
	case r < 0x10000:
		return appendEscape(dst, r)
	}
	dst = append(dst, '\\', 'U')
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&0xF])
	}
	return dst
}
