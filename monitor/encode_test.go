package monitor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestEncodeText(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "(none)",
		"plain, text=\"é🚀\" \u2028": "plain, text=\"é🚀\" \u2028",
		"100%":                      "100%25",
		`C:\dir\`:                   "C:%5Cdir%5C",
		"\x00\n\r\t\x1b\x7f":        "%00%0A%0D%09%1B%7F",
		"\xed\xb3\xbf":              "%ED%B3%BF", // a lone surrogate
		"é\xc3":                     "é%C3",
		"\ufffd":                    "\ufffd", // the replacement character itself is valid
		"(none)":                    "%28none)",
	} {
		require.Equal(t, want, monitor.EncodeText(text), "%q", text)
		require.Equal(t, text, monitor.DecodeText(want), "%q", want)
	}
}

func TestDecodeTextOfOthers(t *testing.T) {
	for _, foreign := range []string{"%", "%4", "%zz", "a%", "100 %!"} {
		require.Equal(t, foreign, monitor.DecodeText(foreign))
	}
	require.Equal(t, "\n%0", monitor.DecodeText("%0a%0"))
}
