package monitor_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestHideSecret(t *testing.T) {
	const secret = "mHf3-K_9sZr2qLw8TtYbN4vXcJ7pAa=="
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"nothing of it", "nothing of it"},
		{"Token " + secret + " is wrong", "Token [token] is wrong"},
		{secret + secret, "[token][token]"},
		{"cut " + secret[:20], "cut [token]"},
		{"its end " + secret[20:], "its end [token]"},
		{"from its middle " + secret[7:19] + ".", "from its middle [token]."},
		{"cut twice " + secret[:15] + " " + secret[15:], "cut twice [token] [token]"},
		{"short " + secret[:11], "short " + secret[:11]},
		{"in an address " + url.QueryEscape(secret), "in an address [token]%3D%3D"},
		{"\xff" + secret + "\xff", "\xff[token]\xff"},
	} {
		assert.Equal(t, c.want, monitor.HideSecret(c.text, secret))
	}
	assert.Equal(t, "a text", monitor.HideSecret("a text", ""))
	assert.Equal(t, "a [token] secret", monitor.HideSecret("a short secret", "short"))
}

// FuzzHideSecret checks that no twelve letters of a secret stay together, and that nothing else goes.
func FuzzHideSecret(f *testing.F) {
	f.Add("a", "secret-secret-secret", "b", uint8(3), uint8(18))
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaa", "a", uint8(0), uint8(255))
	f.Fuzz(func(t *testing.T, before, secret, after string, from, to uint8) {
		if len(secret) < 12 || strings.Contains("[token][token]", secret[:1]) {
			return
		}
		said := secret[min(int(from), len(secret)):min(max(int(from), int(to)), len(secret))]
		got := monitor.HideSecret(before+said+after, secret)
		for i := 0; i+12 <= len(secret); i++ {
			assert.NotContains(t, got, secret[i:i+12])
		}
		text := before + said + after
		hidden := make([]bool, len(text))
		for i := 0; i+12 <= len(text); i++ {
			for at := i; at < i+12 && strings.Contains(secret, text[i:i+12]); at++ {
				hidden[at] = true
			}
		}
		rest := got
		for from := 0; from < len(text); {
			to := from
			for to < len(text) && !hidden[to] {
				to++
			}
			_, after, found := strings.Cut(rest, text[from:to])
			assert.True(t, found, "%q is not in %q", text[from:to], rest)
			from, rest = to+1, after
		}
	})
}
