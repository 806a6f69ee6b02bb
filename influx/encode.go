package influx

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

const (
	maxTag = 4096 // bytes of an encoded tag value that is left whole
	cutTag = 4000 // bytes that are kept of a longer one, at most

	// cutMark separates what is kept of a tag value that was cut from the digits of its hash.
	cutMark = '~'

	emptyText        = "(none)"   // stands for the empty text
	emptyTextLiteral = "%28none)" // stands for a text that reads "(none)"

	upperHex = "0123456789ABCDEF"
)

// EncodeText returns s as it stands in a string field: `%`, `\`, bytes below 0x20, 0x7f and the bytes of invalid
// UTF-8 (such as lone surrogates) as %XX, everything else as it is, and `(none)` for the empty text. A tag cannot hold
// that, and a string field must not: where a text is the first in a column of an answer that differs from those before
// it, InfluxDB 2.7 drops it if it is empty, and the others move up. [DecodeText] reverses EncodeText.
func EncodeText(s string) string {
	if s != "" && s != emptyText && cleanLen(s) == len(s) {
		return s
	}
	return string(appendText(make([]byte, 0, len(s)+16), s))
}

// appendText appends what EncodeText returns.
func appendText(dst []byte, s string) []byte {
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

// EncodeTag returns the tag value that stands for s. First the addresses of Python objects are replaced
// ([monitor.StableText]), then the text is encoded as by [EncodeText], then cut if it is above 4 KiB: to what ends at a
// whole character within 4,000 bytes, `~` and 16 digits of its SHA-256.
//
// Where exact is false, an address was replaced or the value was cut: the tag alone then does not give s back, and
// other texts may have the same tag. Queries for exactly s must compare the text as sent too.
func EncodeTag(s string) (value string, exact bool) {
	stable := monitor.StableText(s)
	exact = stable == s
	value = EncodeText(stable)
	if len(value) > maxTag {
		return cut(value), false
	}
	return value, exact
}

// cut shortens an encoded text so that different texts very likely stay different.
func cut(s string) string {
	end := cutTag
	for !utf8.RuneStart(s[end]) {
		end--
	}
	// Every percent sign of an encoded text is followed by two digits, which must not be torn off.
	for back := 1; back <= 2; back++ {
		if s[end-back] == '%' {
			end -= back
			break
		}
	}
	sum := sha256.Sum256([]byte(s))
	dst := append(make([]byte, 0, end+17), s[:end]...)
	return string(hex.AppendEncode(append(dst, cutMark), sum[:8]))
}
