package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestMethodsOfThePluginsRoutes checks the methods of the routes that pytest-monitor uses.
func TestMethodsOfThePluginsRoutes(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/metrics/", 405, "POST, OPTIONS"},
		{"GET", "/contexts", 405, "POST, OPTIONS"},
		{"HEAD", "/p/a/sessions/", 405, "POST, OPTIONS"},
		{"PUT", "/metrics", 405, "POST, OPTIONS"},
		{"DELETE", "/contexts/abc", 405, "GET, HEAD, OPTIONS, POST"},
		{"PATCH", "/api/v1//sessions/abc/", 405, "GET, HEAD, OPTIONS, POST"},
		{"FOO", "/metrics/", 405, "POST, OPTIONS"},
		{"POST", "/-/healthy", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/metrics/", 200, "POST, OPTIONS"},
		{"OPTIONS", "/contexts/abc", 200, "GET, HEAD, OPTIONS, POST"},
		{"OPTIONS", "/nothing", 404, ""},
		{"HEAD", "/contexts/abc", 204, ""},
		{"HEAD", "/-/healthy", 200, ""},
		{"GET", "/", 404, ""},
		{"GET", "/favicon.ico", 404, ""},
		{"POST", "/api/v2/metrics/", 404, ""},
		{"POST", "/metrics/abc", 404, ""},
		{"POST", "/contexts/a/b", 404, ""},
		{"POST", "/p//metrics/", 404, ""},
		{"CONNECT", "/metrics/", 405, "POST, OPTIONS"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			w := newServer(t, &fakeStore{}).do(tt.method, tt.path, "{}")
			assert.Equal(t, tt.status, w.Code)
			assert.ElementsMatch(t, strings.Split(tt.allow, ", "), strings.Split(w.Header().Get("Allow"), ", "))
			assert.Empty(t, w.Header().Get("Location"))
			if tt.status >= 400 {
				assert.Contains(t, w.Header().Get("Content-Type"), "application/json")
				assert.Contains(t, w.Body.String(), `{"message":"`)
			}
		})
	}
}

// TestProjectRequired checks that with RequireProject every request for data must name a project. Requests for the OpenAPI
// document and its web page need no project.
func TestProjectRequired(t *testing.T) {
	s := newServer(t, sample())
	s.RequireProject = true
	for _, path := range []string{"/api/v1/metrics/", "/api/v1/runs/", "/api/v1/regressions?project=team", "/api/v1/sessions/s1",
		"/sessions/s1", "/contexts/" + contextHash, "/api/v1/api/v1/metrics/count"} {
		w := s.get(t, path)
		assert.Equal(t, http.StatusBadRequest, w.Code, path)
		assert.Contains(t, w.Body.String(), "/p/PROJECT", path)
	}
	for _, path := range []string{"/p/team/api/v1/metrics/", "/p/team/api/v1/regressions", "/p/team/sessions/s1",
		"/p/team/api/v1/p/team/api/v1/metrics/count", "/api/v1/docs", "/api/v1/docs/swagger-ui.css", "/api/v1/openapi.json",
		"/api/v1/api/v1/openapi.json"} {
		assert.Equal(t, http.StatusOK, s.get(t, path).Code, path)
	}
	s = newServer(t, sample())
	s.RequireProject = true
	s.tokens.all = []monitor.Token{token("team", "secret")}
	assert.Equal(t, http.StatusOK, s.get(t, "/api/v1/metrics/", "Authorization", "Bearer secret").Code, "the token names it")
}

// FuzzPath searches for a path that makes the router panic, redirect or fail.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "//", "/p/a/api/v1/contexts/x/y", "/p/contexts/contexts/p/", "/%2F/", "/api/v1/p",
		"/contexts/count/metrics", "/sessions/c/", "/../x", "/p/%2e%2e/metrics/", "/contexts/%zz"} {
		f.Add(uint8(0), seed)
	}
	s := handler(sample())
	f.Fuzz(func(t *testing.T, method uint8, path string) {
		u, err := url.ParseRequestURI("/" + path)
		if err != nil {
			return
		}
		r, err := http.NewRequest([]string{"GET", "POST", "HEAD", "OPTIONS", "PUT"}[method%5], "/", nil)
		require.NoError(t, err)
		r.URL, r.Body = u, http.NoBody
		w := &discard{header: http.Header{}}
		s.ServeHTTP(w, r)
		assert.Contains(t, []int{200, 204, 400, 404, 405}, w.status, path)
	})
}
