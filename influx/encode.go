package influx

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

const (
	maxTag = 4096 // bytes of an encoded tag value that is left whole
	cutTag = 4000 // bytes that are kept of a longer one, at most

	// cutMark separates what is kept of a tag value that was cut from the digits of its hash.
	cutMark = '~'
)

// EncodeTag returns the tag value that stands for s. First the addresses of Python objects are replaced
// ([monitor.StableText]), then the text is encoded as by [monitor.EncodeText], then cut if it is above 4 KiB: to what ends at a
// whole character within 4,000 bytes, `~` and 16 digits of its SHA-256.
//
// Where exact is false, an address was replaced or the value was cut: the tag alone then does not give s back, and
// other texts may have the same tag. Queries for exactly s must compare the text as sent too.
func EncodeTag(s string) (value string, exact bool) {
	stable := monitor.StableText(s)
	exact = stable == s
	value = monitor.EncodeText(stable)
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
