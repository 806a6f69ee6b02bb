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
		{"its end " + secret[12:], "its end [token]"},
		{"letters of its middle " + secret[7:30] + ".", "letters of its middle " + secret[7:30] + "."},
		{"cut twice " + secret[:16] + " " + secret[16:], "cut twice [token] [token]"},
		{"short " + secret[:15], "short " + secret[:15]},
		{"in an address " + url.QueryEscape(secret), "in an address [token]"},
		{"cut in an address " + url.QueryEscape(secret)[:36], "cut in an address [token]"},
		{"\xff" + secret + "\xff", "\xff[token]\xff"},
	} {
		assert.Equal(t, c.want, monitor.HideSecret(c.text, secret))
	}
	const ofWords = "trial-only-token-that-everyone-knows"
	assert.Equal(t, "trial-only tests: test_token-that-everyone-has", monitor.HideSecret("trial-only tests: test_token-that-everyone-has", ofWords))
	assert.Equal(t, "[token]", monitor.HideSecret(ofWords, ofWords))
	assert.Equal(t, "a text", monitor.HideSecret("a text", ""))
	assert.Equal(t, "a [token] secret", monitor.HideSecret("a short secret", "short"))
	assert.Equal(t, "a[token]", monitor.HideSecret("at", "t"))
}

// FuzzHideSecret checks that no beginning and no end of a secret stays, and that a text without them stays as it is.
func FuzzHideSecret(f *testing.F) {
	f.Add("a", "secret-secret-secret", "b", uint8(3), uint8(18))
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa", "a", uint8(0), uint8(255))
	f.Add("at ", "/+/+/+/+/+/+/+/+/+", "", uint8(0), uint8(17))
	f.Fuzz(func(t *testing.T, before, secret, after string, from, to uint8) {
		if len(secret) < 17 || strings.ContainsAny(secret, "[token]") {
			return
		}
		said := secret[min(int(from), len(secret)):min(max(int(from), int(to)), len(secret))]
		text := before + said + after
		got := monitor.HideSecret(text, secret)
		shows := false
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			for _, part := range []string{form[:16], form[len(form)-16:]} {
				assert.NotContains(t, got, part)
				shows = shows || strings.Contains(text, part)
			}
		}
		if !shows {
			assert.Equal(t, text, got)
		}
	})
}
