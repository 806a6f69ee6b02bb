package influx_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// anyText draws texts that are likely to be trouble: any bytes, lone surrogates, controls, escapes, addresses.
func anyText() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"\xed\xa0\x80", "\xed\xb3\xbf", "\n", "\r", "\t", "\x00", "\x1b", "\x7f", `\`, `\\`, `"`,
			",", "=", " ", "%", "%41", "%28none)", "(none)", "\u2028", "\u0085", "\ufeff", "🚀", "<object at 0x7f1c2d3e>",
			"<object at 0x…>", "~0123456789abcdef", "#", "${v}", "é"}),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 6), func(s []string) string { return strings.Join(s, "") })
}

func TestEncodeTextIsReversibleAndClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		encoded := monitor.EncodeText(text)
		require.Equal(t, text, monitor.DecodeText(encoded))
		require.True(t, utf8.ValidString(encoded))
		require.NotContains(t, encoded, `\`)
		require.False(t, strings.ContainsFunc(encoded, func(r rune) bool { return r < 0x20 || r == 0x7f }))
	})
}

func TestEncodeTextsThatDifferDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyText().Draw(t, "a"), anyText().Draw(t, "b")
		require.Equal(t, a == b, monitor.EncodeText(a) == monitor.EncodeText(b))
	})
}

func TestEncodeTag(t *testing.T) {
	for _, c := range []struct {
		text, want string
		exact      bool
	}{
		{"test_f[a, b]", "test_f[a, b]", true},
		{"", "(none)", true},
		{"(none)", "%28none)", true},
		{"%28none)", "%2528none)", true},
		{`dir\`, "dir%5C", true},
		{"f[<object object at 0x7f3a>]", "f[<object object at 0x…>]", false},
		{"f[<object object at 0x…>]", "f[<object object at 0x…>]", true},
		{strings.Repeat("x", 4096), strings.Repeat("x", 4096), true},
		{strings.Repeat("x", 4097), strings.Repeat("x", 4000) + "~3e97197f4b8d46a8", false},
	} {
		got, exact := influx.EncodeTag(c.text)
		require.Equal(t, c.want, got)
		require.Equal(t, c.exact, exact, "%q", c.text)
	}
}

func TestEncodeTagProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText().Draw(t, "text")
		if rapid.Bool().Draw(t, "long") {
			text = strings.Repeat(text+"é%", rapid.IntRange(1, 2000).Draw(t, "times"))
		}
		tag, exact := influx.EncodeTag(text)
		require.NotEmpty(t, tag)
		require.LessOrEqual(t, len(tag), 4096)
		require.True(t, utf8.ValidString(tag))
		if exact {
			require.Equal(t, text, monitor.DecodeText(tag))
		}
	})
}

// What is kept of a long tag ends at a whole character or escape, wherever the limit falls.
func TestEncodeTagCutsBetweenCharacters(t *testing.T) {
	for lead := range 8 {
		for _, unit := range []string{"é", "🚀", "\n", "\xed\xa0\x80"} {
			text := strings.Repeat("x", lead) + strings.Repeat(unit, 4100)
			tag, exact := influx.EncodeTag(text)
			require.False(t, exact)
			kept, digits, found := strings.Cut(tag, "~")
			require.True(t, found)
			require.Len(t, digits, 16)
			require.LessOrEqual(t, len(kept), 4000)
			require.Greater(t, len(kept), 4000-len(monitor.EncodeText(unit)))
			decoded := monitor.DecodeText(kept)
			require.Equal(t, kept, monitor.EncodeText(decoded))
			if unit != "\xed\xa0\x80" { // its three bytes are three escapes, between which it may be cut
				require.Equal(t, text[:len(decoded)], decoded)
				require.Zero(t, (len(decoded)-lead)%len(unit))
			}
		}
	}
}

func TestEncodeTagKeepsLongTextsApart(t *testing.T) {
	long := strings.Repeat("x", 5000)
	a, _ := influx.EncodeTag(long + "a")
	b, _ := influx.EncodeTag(long + "b")
	require.NotEqual(t, a, b)
	// Addresses go first: they must not tell two cut tags apart.
	c, _ := influx.EncodeTag(long + "<f at 0x1>")
	d, _ := influx.EncodeTag(long + "<f at 0x2>")
	require.Equal(t, c, d)
}
