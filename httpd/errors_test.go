package httpd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

func TestErrorsBecomeAnswers(t *testing.T) {
	tests := []struct {
		err        error
		status     int
		message    string
		retryAfter string
		reason     string
		level      string
	}{
		{monitor.Errorf(monitor.EInvalid, "bad"), 400, "bad", "", "invalid", "WARN"},
		{monitor.Errorf(monitor.EUnauthorized, "who"), 401, "who", "", "unauthorized", "INFO"},
		{monitor.Errorf(monitor.EForbidden, "no"), 403, "no", "", "forbidden", "INFO"},
		{monitor.Errorf(monitor.ENotFound, "gone"), 404, "gone", "", "not_found", "DEBUG"},
		{monitor.Errorf(monitor.ETooLarge, "big"), 413, "big", "", "too_large", "WARN"},
		{monitor.Errorf(monitor.EFull, "the disk is full"), 503, "the disk is full", "30", "full", "WARN"},
		{&monitor.Error{Code: monitor.EFull, Message: "f", RetryAfter: 1100 * time.Millisecond}, 503, "f", "2", "full", "WARN"},
		{monitor.Errorf(monitor.EUnavailable, "checking"), 503, "checking", "30", "unavailable", "WARN"},
		{fmt.Errorf("append: %w", monitor.Errorf(monitor.EUnavailable, "checking")), 503, "checking", "30", "unavailable", "WARN"},
		{monitor.Errorf(monitor.EInternal, "/var/secret"), 500, "internal error: see the log of the bridge", "", "internal", "ERROR"},
		{errors.New("/var/secret"), 500, "internal error: see the log of the bridge", "", "internal", "ERROR"},
		{monitor.Errorf("invented", "/var/secret"), 500, "internal error: see the log of the bridge", "", "internal", "ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.err.Error(), func(t *testing.T) {
			b := newBridge()
			b.PostFn = func(context.Context) error { return tt.err }
			w := b.do(http.MethodPost, "/metrics/", metricBody)
			assert.Equal(t, tt.status, w.Code)
			assert.JSONEq(t, fmt.Sprintf(`{"message": %q}`, tt.message), w.Body.String())
			assert.Equal(t, tt.retryAfter, w.Header().Get("Retry-After"))
			assert.Equal(t, []string{tt.reason}, b.calls.refused)
			assert.Empty(t, b.projects())
			assert.Contains(t, b.log.String(), "level="+tt.level)
			assert.Contains(t, b.log.String(), tt.err.Error())
		})
	}
}

func TestQueryIsNotLogged(t *testing.T) {
	b := newBridge()
	b.do(http.MethodPost, "/metrics/?key=hidden", "{", "Content-Type", "text/plain")
	assert.Contains(t, b.log.String(), "path=/metrics/")
	assert.NotContains(t, b.log.String(), "hidden")
}

func TestClientThatWentAwayIsNoError(t *testing.T) {
	b := newBridge()
	b.Routes("/", monitor.ScopeRead).GET("/page", func(c *gin.Context) { httpd.Fail(c, c.Request.Context().Err()) })
	w := doAndLeave(b, httptest.NewRequest(http.MethodGet, "/page", nil))
	assert.Equal(t, 499, w.Code)
	assert.Equal(t, []string{"client_gone"}, b.calls.refused)
	assert.NotContains(t, b.log.String(), "ERROR")
}

// doAndLeave serves a request whose client has gone away.
func doAndLeave(b *bridge, r *http.Request) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r.WithContext(ctx))
	return w
}

func TestPanicIsAnInternalError(t *testing.T) {
	b := newBridge()
	b.PostFn = func(context.Context) error { panic("broken invariant") }
	w := b.do(http.MethodPost, "/metrics/", metricBody)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "invariant")
	log := b.log.String()
	assert.Contains(t, log, "broken invariant")
	assert.Contains(t, log, "errors_test.go", "the log has the stack")
	assert.Equal(t, 1, strings.Count(log, "level=ERROR"))
	assert.Equal(t, []string{"internal"}, b.calls.refused)
	b.PostFn = func(context.Context) error { return nil }
	assert.Equal(t, http.StatusCreated, b.do(http.MethodPost, "/metrics/", metricBody).Code)
}

func TestFailureDuringAnAnswerClosesTheConnection(t *testing.T) {
	b := newBridge()
	r := b.Routes("/", monitor.ScopeRead)
	r.GET("/failed", func(c *gin.Context) {
		c.String(http.StatusOK, strings.Repeat("x", 1<<16))
		httpd.Fail(c, monitor.Errorf(monitor.EUnavailable, "went away"))
	})
	r.GET("/half", func(c *gin.Context) {
		c.String(http.StatusOK, strings.Repeat("x", 1<<16))
		panic("broken invariant")
	})
	r.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	addr := serve(t, b)
	for _, path := range []string{"/failed", "/half", "/abort"} {
		response, err := http.Get("http://" + addr + path)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		assert.Error(t, err, "the client notices the incomplete answer: %s", path)
	}
	assert.Equal(t, 1, strings.Count(b.log.String(), "broken invariant"))
	assert.Equal(t, 1, strings.Count(b.log.String(), "went away"))
	assert.Equal(t, []string{"unavailable", "internal"}, b.calls.noted(&b.calls.refused))
	assert.Equal(t, []string{"GET|/failed|OK", "GET|/half|OK", "GET|/abort|OK"}, b.calls.noted(&b.calls.routes))
	assert.Equal(t, http.StatusCreated, send(t, addr, post("/metrics/", metricBody)).status)
}
