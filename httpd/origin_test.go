package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// to sends a request to the host name.
func (b *bridge) to(host, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// A page of evil.example can make its own name lead to 127.0.0.1.
func TestOpenBridgeAnswersOnlyToItsNames(t *testing.T) {
	for host, known := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "localhost.:8080": true, "app.localhost": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "192.0.2.7": true, "": true,
		"named": true, "Named.:8080": true, "ci.example.org": true, "ci.example.org:443": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"notlocalhost": false, "named.evil.example": false, "evil.ci.example.org": false, "localhost:8080@evil.example": false,
		"127.1": false, "0x7f000001": false, "[::1": false, "evil.example:localhost": false, ".": false, ":80": false,
	} {
		b := newBridge()
		b.HostNames = []string{"named"}
		b.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
		for _, path := range []string{"/contexts/c", "/-/metrics", "/p/a/contexts/c", "/nothing"} {
			w := b.to(host, http.MethodGet, path)
			assert.Equal(t, !known, w.Code == http.StatusMisdirectedRequest, "%s %s: %d", host, path, w.Code)
			if !known {
				assert.Contains(t, w.Body.String(), "--host-name")
			}
		}
		assert.Equal(t, http.StatusOK, b.to(host, http.MethodGet, "/-/healthy").Code, host)
		w := withTokens(newBridge()).to(host, http.MethodGet, "/contexts/c", "Authorization", "Bearer b-secret")
		assert.Equal(t, http.StatusOK, w.Code, "a page of another site has no token: %s", host)
	}
}

func TestPagesOfOtherSitesCannotUseTheBridge(t *testing.T) {
	navigate := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest"}
	for _, tt := range []struct {
		name    string
		headers []string
		post    int
		get     int
	}{
		{"no browser", nil, 201, 200},
		{"own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"}, 201, 200},
		{"own page behind a proxy that changes Host", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://proxy"}, 201, 200},
		{"own page, older browser", []string{"Origin", "http://localhost"}, 201, 200},
		{"public page, older browser", []string{"Origin", "https://ci.example.org"}, 201, 200},
		{"typed address", []string{"Sec-Fetch-Site", "none"}, 201, 200},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403, 403},
		{"another port", []string{"Sec-Fetch-Site", "same-site"}, 403, 403},
		{"another site, older browser", []string{"Origin", "https://evil.example"}, 403, 403},
		{"another port, older browser", []string{"Origin", "http://localhost:3000"}, 403, 403},
		{"hidden origin", []string{"Origin", "null"}, 403, 403},
		{"empty origin", []string{"Origin", ""}, 403, 403},
		{"link", append(navigate, "document"), 403, 200},
		{"frame", append(navigate, "iframe"), 403, 403},
		{"link with an origin", append([]string{"Origin", "https://evil.example"}, append(navigate, "document")...), 403, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBridge()
			b.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org"}
			assert.Equal(t, tt.get, b.to("localhost", http.MethodGet, "/contexts/c", tt.headers...).Code)
			r := httptest.NewRequest(http.MethodPost, "/metrics/", strings.NewReader(metricBody)) // without a Content-Type
			r.Host = "localhost"
			for i := 0; i+1 < len(tt.headers); i += 2 {
				r.Header.Add(tt.headers[i], tt.headers[i+1])
			}
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			assert.Equal(t, tt.post, w.Code, w.Body)
			assert.Equal(t, tt.post == http.StatusCreated, len(b.projects()) == 1)
			b = withTokens(newBridge())
			b.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org"}
			w = b.to("localhost", http.MethodGet, "/contexts/c", append(tt.headers, "Authorization", "Bearer b-secret")...)
			assert.Equal(t, tt.get, w.Code, "a token does not matter")
		})
	}
}
