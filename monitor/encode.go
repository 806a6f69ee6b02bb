package monitor

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	emptyText        = "(none)"   // stands for the empty text
	emptyTextLiteral = "%28none)" // stands for a text that reads "(none)"

	upperHex = "0123456789ABCDEF"
)

// EncodeText returns s as it stands in a string field of InfluxDB, and in a tag: `%`, `\`, bytes below 0x20, 0x7f and the bytes of invalid
// UTF-8 (such as lone surrogates) as %XX, everything else as it is, and `(none)` for the empty text. A tag cannot hold
// that, and a string field must not: where a text is the first in a column of an answer that differs from those before
// it, InfluxDB 2.7 drops it if it is empty, and the others move up. [DecodeText] reverses EncodeText.
func EncodeText(s string) string {
	if s != "" && s != emptyText && cleanLen(s) == len(s) {
		return s
	}
	return string(AppendEncoded(make([]byte, 0, len(s)+16), s))
}

// AppendEncoded appends what EncodeText returns.
func AppendEncoded(dst []byte, s string) []byte {
	switch s {
	case "":
		return append(dst, emptyText...)
	case emptyText:
		return append(dst, emptyTextLiteral...)
	}
	for {
		clean := cleanLen(s)
		dst = append(dst, s[:clean]...)
		if s = s[clean:]; s == "" {
			return dst
		}
		dst = append(dst, '%', upperHex[s[0]>>4], upperHex[s[0]&0xf])
		s = s[1:]
	}
}

// cleanLen returns how many bytes at the beginning of s need no encoding.
func cleanLen(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if special(c) {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}

// special says whether an ASCII byte has to be encoded.
func special(c byte) bool { return c < 0x20 || c == 0x7f || c == '%' || c == '\\' }

// DecodeText reverses [EncodeText]. A percent sign without two hexadecimal digits, which EncodeText never makes,
// stands for itself.
func DecodeText(s string) string {
	if s == emptyText {
		return ""
	}
	var dst []byte
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 && dst == nil {
			return s
		}
		if i < 0 {
			return string(append(dst, s...))
		}
		dst = append(dst, s[:i]...)
		s = s[i+1:]
		if b, err := strconv.ParseUint(s[:min(2, len(s))], 16, 8); err == nil && len(s) >= 2 {
			dst, s = append(dst, byte(b)), s[2:]
		} else {
			dst = append(dst, '%')
		}
	}
}
