package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// behindProxy returns a bridge that trusts 10.0.0.0/8 and fd00::/8, with a route that answers with the client and the prefix.
func behindProxy() *bridge {
	b := newBridge()
	b.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	b.Routes("", monitor.ScopeRead).GET("/seen", func(c *gin.Context) {
		c.String(http.StatusOK, httpd.ClientOf(c.Request)+" "+httpd.LinkPrefix(c))
	})
	return b
}

func (b *bridge) seen(remote string, headers ...string) string {
	r := httptest.NewRequest(http.MethodGet, "/seen", nil)
	r.RemoteAddr = remote
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Body.String()
}

func TestClientBehindTrustedProxies(t *testing.T) {
	const header = "X-Forwarded-For"
	for _, tt := range []struct {
		name, remote string
		headers      []string
		want         string
	}{
		{"no header", "10.0.0.1:5", nil, "10.0.0.1"},
		{"one proxy", "10.0.0.1:5", []string{header, "192.0.2.7"}, "192.0.2.7"},
		{"forged", "10.0.0.1:5", []string{header, "203.0.113.9, 192.0.2.7"}, "192.0.2.7"},
		{"forged in another line", "10.0.0.1:5", []string{header, "203.0.113.9", header, "192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.0.0.1:5", []string{header, "192.0.2.7, 10.2.2.2"}, "192.0.2.7"},
		{"proxies only", "10.0.0.1:5", []string{header, "10.3.3.3,10.2.2.2"}, "10.3.3.3"},
		{"IPv6", "[fd00::1]:5", []string{header, "2001:db8::7"}, "2001:db8::7"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:5", []string{header, "::ffff:192.0.2.7"}, "192.0.2.7"},
		{"with a port", "10.0.0.1:5", []string{header, "192.0.2.7:4711"}, "192.0.2.7"},
		{"IPv6 with a port", "10.0.0.1:5", []string{header, "[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv6 in brackets", "10.0.0.1:5", []string{header, "[2001:db8::7]"}, "2001:db8::7"},
		{"no address", "10.0.0.1:5", []string{header, "unknown"}, "10.0.0.1"},
		{"no address before a proxy", "10.0.0.1:5", []string{header, "<script>, 10.2.2.2"}, "10.2.2.2"},
		{"empty", "10.0.0.1:5", []string{header, ""}, "10.0.0.1"},
		{"stranger", "192.0.2.1:5", []string{header, "203.0.113.9"}, "192.0.2.1"},
		{"stranger that claims to be a proxy", "192.0.2.1:5", []string{header, "10.0.0.1"}, "192.0.2.1"},
		{"Unix socket", "@", []string{header, "203.0.113.9"}, "@"},
	} {
		assert.Equal(t, tt.want+" ", behindProxy().seen(tt.remote, tt.headers...), tt.name)
	}
}

func TestPrefixOfLinks(t *testing.T) {
	const header = "X-Forwarded-Prefix"
	long := "/" + strings.Repeat("a", 5000)
	for prefix, want := range map[string]string{
		"/pymon": "/pymon", "/pymon/": "/pymon", "/ci/pymon-1.2": "/ci/pymon-1.2", "": "", "/": "",
		"//evil": "", "//evil.example/": "", "/a//b": "", "javascript:alert(1)": "", "https://evil.example": "", "pymon": "",
		"/pymon\r\nX: y": "", "/py mon": "", "/pymon\"><script>": "", "/..": "", "/a/../b": "", "/%2e%2e": "", "/a?b": "", "/a#b": "",
		`/\evil`: "", `\\evil`: "", long: "", "/a,/b": "", "/é": "",
	} {
		assert.Equal(t, "10.0.0.1 "+want, behindProxy().seen("10.0.0.1:5", header, prefix), "%.40q", prefix)
		assert.Equal(t, "192.0.2.1 ", behindProxy().seen("192.0.2.1:5", header, prefix), "from a stranger: %.40q", prefix)
	}
	assert.Equal(t, "10.0.0.1 ", behindProxy().seen("10.0.0.1:5", header, "/a", header, "/b"))

	b := behindProxy()
	b.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	assert.Equal(t, "192.0.2.1 /pymon", b.seen("192.0.2.1:5", header, "/evil"))
	assert.Equal(t, "10.0.0.1 /other", b.seen("10.0.0.1:5", header, "/other"), "the proxy knows better")
	assert.Equal(t, "10.0.0.1 /pymon", b.seen("10.0.0.1:5", header, "//evil"))
}

// A proxy's words never choose the project.
func TestForwardedHeadersChooseNoProject(t *testing.T) {
	b := withTokens(behindProxy())
	for _, header := range []string{"X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri"} {
		r := httptest.NewRequest(http.MethodGet, "/contexts/c", nil)
		r.RemoteAddr = "10.0.0.1:5"
		r.Header.Set(header, "/p/b")
		r.Header.Set("Authorization", "Bearer new-secret")
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		assert.Equal(t, "of a", w.Body.String(), header)
	}
}
