package httpd_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// FuzzHeaders sends requests with any headers to a bridge that needs a token, and to one that is open on loopback. No header opens
// the one without the token, and none opens the other to another name or another site. No header chooses where links lead.
func FuzzHeaders(f *testing.F) {
	const secret = "the-secret-of-the-test"
	for _, seed := range []string{
		"Authorization: Bearer " + secret, "Authorization: Basic eDp0aGUtc2VjcmV0LW9mLXRoZS10ZXN0", "Host: evil.example", "Host: [::1]:80",
		"Cookie: pymon-bridge=x; pymon-bridge-80=y", "Origin: https://evil.example\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate",
		"X-Forwarded-For: 10.0.0.1, [::1%25eth0]:80,\nX-Forwarded-Prefix: //evil", "Forwarded: for=x;host=evil\nX-Forwarded-Host: evil",
		"Accept: text/html;q=0.9,*/*;q=,;;", "X-Forwarded-Prefix: /pymon/..", "Content-Encoding: gzip", "Host: localhost.evil.example",
	} {
		f.Add(uint8(len(seed)), seed)
	}
	closed, open := newBridge(), newBridge()
	closed.TokensFn = func(context.Context) (monitor.TokenList, error) {
		return monitor.TokenList{Valid: []monitor.Token{token("a", secret)}, Had: true}, nil
	}
	for _, b := range []*bridge{closed, open} {
		b.HostNames, b.TrustedProxies = nil, []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} // the client of httptest
		b.ErrorPage = func(c *gin.Context, answer httpd.ErrorAnswer) { c.String(answer.Status, httpd.LinkPrefix(c)) }
	}
	paths := []string{"/docs", "/contexts/c1", "/p/a/contexts/c1", "/api/v1/contexts/c1", "/-/metrics", "/-/ready", "/metrics/"}
	statuses := []int{200, 201, 400, 401, 403, 404, 405, 415, 421}
	f.Fuzz(func(t *testing.T, which uint8, headers string) {
		method := http.MethodGet
		path := paths[int(which)%len(paths)]
		if path == "/metrics/" {
			method = http.MethodPost
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + path + " HTTP/1.1\r\n" +
			strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n\r\n")))
		if err != nil {
			return
		}
		for _, b := range []*bridge{closed, open} {
			r := r.Clone(t.Context())
			r.RemoteAddr, r.Body = "192.0.2.1:1234", http.NoBody
			if r.Header.Get("Accept") == "" {
				r.Header.Set("Accept", "text/html") // errors show the prefix of links
			}
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			assert.Contains(t, statuses, w.Code)
			prefix := w.Body.String()
			if strings.HasPrefix(prefix, "/") {
				assert.True(t, httpd.ValidPrefix(prefix), prefix)
			}
			if w.Code >= 300 || path == "/-/ready" {
				continue
			}
			if b == closed {
				assert.True(t, sends(r, secret), "%q", headers)
			} else {
				assert.True(t, harmless(r.Host), "%q", r.Host)
			}
			if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
				assert.Equal(t, "navigate", r.Header.Get("Sec-Fetch-Mode"))
			}
		}
	})
}

// sends says whether the first Authorization of a request has a secret, as it is or as a password.
func sends(r *http.Request, secret string) bool {
	value := r.Header.Get("Authorization")
	again := http.Request{Header: http.Header{"Authorization": {strings.Join(strings.Fields(value), " ")}}}
	_, password, _ := again.BasicAuth()
	return password == secret || slices.Contains(strings.Fields(value), secret)
}

// harmless says whether no web page of another site can have a name.
func harmless(host string) bool {
	name := strings.TrimSuffix(strings.ToLower((&url.URL{Host: host}).Hostname()), ".")
	_, err := netip.ParseAddr(name)
	return err == nil || host == "" || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
