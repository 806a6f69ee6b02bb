package httpd_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

func TestHashInPathIsLiteral(t *testing.T) {
	for path, want := range map[string]string{
		"/contexts/a%2Fb": "a/b", "/contexts/a+b": "a+b", "/contexts/a+b%2Fc%20d": "a+b/c d", "/contexts/%25": "%",
		"/contexts/%00": "\x00", "/contexts/_": "_", "/p/x/contexts/%C3%A9": "é", "/contexts/%FF": "\xff",
	} {
		b := newBridge()
		b.do(http.MethodGet, path, "")
		assert.Equal(t, []string{want}, b.hashes, path)
	}
}

func TestOldClientsGetTheRequiredVersion(t *testing.T) {
	for _, base := range []string{"", "/api/v1", "/p/a", "/p/a/api/v1", "/"} {
		for _, end := range []string{"", "/", "//"} {
			b := newBridge()
			w := b.do(http.MethodGet, base+"/contexts"+end+"?environ_hash=c1", "")
			assert.Equal(t, http.StatusBadRequest, w.Code)
			assert.Contains(t, w.Body.String(), "1.3.0")
			assert.Equal(t, []string{"old_client"}, b.calls.refused)
		}
	}
}

// TestMountedRoutesNeedAToken checks that a mounted route is only below its base path, and that only public routes work
// without a token if tokens are required.
func TestMountedRoutesNeedAToken(t *testing.T) {
	b := newBridge()
	for _, base := range httpd.APIBases {
		b.Data(base, monitor.ScopeRead).GET("/contexts/count", func(c *gin.Context) { c.String(http.StatusOK, "api "+httpd.ReadProject(c)) })
		b.Data(base, monitor.ScopeRead).GET("/contexts/", func(c *gin.Context) { httpd.Fail(c, monitor.Errorf(monitor.ENotFound, "no page 7")) })
	}
	for _, base := range httpd.RootBases {
		b.Routes(base, monitor.ScopeRead).GET("/", func(c *gin.Context) { c.String(http.StatusOK, "page "+httpd.ReadProject(c)) })
	}
	for path, want := range map[string]string{
		"/api/v1/contexts/count": "api ", "/p/a/api/v1//contexts/count": "api a", "/": "page ", "/p/a/": "page a",
		"/contexts/count": "of ", "/api/v1/contexts/coun": "of ",
	} {
		w := b.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Equal(t, want, w.Body.String(), path)
	}
	w := b.do(http.MethodGet, "/api/v1/contexts/", "")
	assert.Equal(t, http.StatusNotFound, w.Code)
	assert.JSONEq(t, `{"message":"no page 7"}`, w.Body.String())
	assert.Equal(t, http.StatusBadRequest, b.do(http.MethodGet, "/api/v1/contexts/?environ_hash=x", "").Code)
	b.auth.AllowAnonymous = false
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/p/a/", "").Code)
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/api/v1/contexts/count", "").Code)
	assert.Equal(t, http.StatusOK, b.do(http.MethodGet, "/-/healthy", "").Code)
}

func TestOnRequestGetsTheTemplateOfTheRoute(t *testing.T) {
	b := newBridge()
	b.do(http.MethodPost, "/p/a//metrics/", metricBody)
	b.do(http.MethodPost, "/p/b/metrics", metricBody, "Content-Type", "text/plain")
	b.do(http.MethodGet, "/contexts/abc", "")
	b.do("FOO", "/"+url.PathEscape("any thing"), "")
	assert.Equal(t, []string{"POST|/p/:project/metrics|Created", "POST|/p/:project/metrics|Bad Request",
		"GET|/contexts/:h|OK", "||Not Found"}, b.calls.routes)
}

// TestRequireProject checks that routes for data need a project from the path or from a token, and that other routes do
// not.
func TestRequireProject(t *testing.T) {
	for _, base := range []string{"", "/api/v1", "/p/a", "/p/a/api/v1"} {
		for _, r := range []struct{ method, path string }{
			{http.MethodPost, "/metrics/"}, {http.MethodPost, "/contexts/c1"}, {http.MethodGet, "/contexts/c1"},
		} {
			b := newBridge()
			b.RequireProject = true
			w := b.do(r.method, base+r.path, metricBody)
			if strings.HasPrefix(base, "/p/") {
				assert.Less(t, w.Code, 300, base+r.path)
				continue
			}
			assert.Equal(t, http.StatusBadRequest, w.Code, base+r.path)
			assert.Contains(t, w.Body.String(), "/p/PROJECT", "the message says how to name a project")
			assert.Equal(t, []string{"no_project"}, b.calls.refused)
			assert.Empty(t, b.projects())
			assert.Empty(t, b.hashes)
		}
	}
	b := withTokens(newBridge())
	b.RequireProject = true
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodPost, "/metrics/", metricBody).Code)
	w := b.do(http.MethodPost, "/metrics/", metricBody, "Authorization", "Bearer b-secret")
	assert.Equal(t, http.StatusCreated, w.Code, "the token names the project")
	assert.Equal(t, []string{"b"}, b.projects())

	b = newBridge()
	b.RequireProject = true
	for _, path := range []string{"/-/healthy", "/-/metrics", "/docs", "/api/v1/docs"} {
		assert.Equal(t, http.StatusOK, b.do(http.MethodGet, path, "").Code, path)
	}
}
