package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// FuzzAddress asks for any address, and posts any form. Nothing fails, nothing leads to another site, and nothing in an address or a
// form becomes a part of a page but text.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"/p/shop/", "/p/shop/runs/run-1?q=<x-evil>&sort=-time&page=2", "/p/shop/test?path=tests.a&name=<x-evil>&env=%ff",
		"/p/shop/compare?a=run-1&b=run-2&metric=x", "/p/shop/find?q=%3Cx-evil%3E", "/p/shop/tests?view=tree&open=tests%2F&page=99999999999999999999",
		"/p/shop/regressions?branch=-&state=open", "/-/login?next=//evil.example/%5c", "/p/shop/runs?branch=<x-evil>&before=-1", "/-/status?format=json",
		"/-/static/x/app.css", "/p/shop/runs/run-1/accept", "/p/%3Cx-evil%3E/", "/p/shop/runs/run-1?format=csv&columns=,,",
		"/p/shop/runs?escaped-status=%25ff%250a&escaped-x=%25&escaped-escaped-q=%3Cx-evil%3E"} {
		f.Add(seed, "text/html", "next=%2f%2fevil.example&token=x&note=<x-evil>")
	}
	s := newShop(f)
	for n := 1; n <= 3; n++ {
		s.add(order{n: n, tests: map[string]float64{"tests/a.py::test_a": 0.1 * float64(n), "tests/b.py::test_b": 1}})
	}
	s.judge(3, result("tests/a.py::test_a", monitor.StatusRegression, 0.1, 0.3, 2, 3))
	f.Fuzz(func(t *testing.T, target, accept, form string) {
		u, err := url.ParseRequestURI("/" + strings.TrimPrefix(target, "/"))
		if err != nil {
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://example.com/", strings.NewReader(form))
			require.NoError(t, err)
			r.URL, r.RequestURI = u, u.RequestURI()
			r.Header.Set("Accept", accept)
			r.Header.Set("Origin", "http://example.com")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			assert.Less(t, w.Code, 500, "%s %s: %s", method, u, w.Body)
			if to := w.Header().Get("Location"); to != "" {
				there, err := u.Parse(to)
				require.NoError(t, err)
				assert.Empty(t, there.Host, to)
				assert.Regexp(t, `^/([^/\\]|$)`, to)
			}
			if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				assert.NotContains(t, w.Body.String(), "<x-evil")
				assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
			}
		}
	})
}
