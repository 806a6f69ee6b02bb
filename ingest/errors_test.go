package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestErrorsOfTheJournal(t *testing.T) {
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
		{monitor.Errorf(monitor.EInternal, "/var/secret"), 500, "internal error; the log of the bridge says more", "", "internal", "ERROR"},
		{errors.New("/var/secret"), 500, "internal error; the log of the bridge says more", "", "internal", "ERROR"},
		{monitor.Errorf("invented", "/var/secret"), 500, "internal error; the log of the bridge says more", "", "internal", "ERROR"},
	}
	for _, tt := range tests {
		t.Run(tt.err.Error(), func(t *testing.T) {
			b := newBridge()
			b.journal.AppendFn = func(context.Context, *monitor.Record) error { return tt.err }
			w := b.do(http.MethodPost, "/metrics/", metricBody)
			assert.Equal(t, tt.status, w.Code)
			assert.JSONEq(t, fmt.Sprintf(`{"message": %q}`, tt.message), w.Body.String())
			assert.Equal(t, tt.retryAfter, w.Header().Get("Retry-After"))
			assert.Equal(t, []string{tt.reason}, b.heard.refused)
			assert.Empty(t, b.heard.accepted)
			assert.Contains(t, b.log.String(), "level="+tt.level)
			assert.Contains(t, b.log.String(), tt.err.Error())
		})
	}
}

func TestFieldsAreNamed(t *testing.T) {
	w := newBridge().do(http.MethodPost, "/metrics/", metric("2026-11-22T16:03:15.107220", "now"))
	assert.JSONEq(t, `{"message": "invalid metric", "errors": {"item_start_time":
		"expected an ISO 8601 date such as 2026-01-31T12:00:00.123456"}}`, w.Body.String())
}

func TestSuccessIsNotLogged(t *testing.T) {
	b := newBridge()
	b.mustPost(t, "/contexts/", contextBody)
	b.mustPost(t, "/metrics/", metricBody)
	assert.Empty(t, b.log.String())
}

func TestQueryIsNotLogged(t *testing.T) {
	b := newBridge()
	b.do(http.MethodPost, "/metrics/?key=hidden", "{")
	assert.Contains(t, b.log.String(), "path=/metrics/")
	assert.NotContains(t, b.log.String(), "hidden")
}

func TestClientThatWentAway(t *testing.T) {
	b := newBridge()
	b.MountPages(func(r gin.IRouter) {
		r.GET("/page", func(c *gin.Context) { _ = c.Error(c.Request.Context().Err()) })
	})
	w := doAndLeave(b, httptest.NewRequest(http.MethodGet, "/page", nil))
	assert.Equal(t, 499, w.Code)
	assert.Equal(t, []string{"client_gone"}, b.heard.refused)
	assert.NotContains(t, b.log.String(), "ERROR")
}

// TestClientThatOnlyListens has a client close its sending side after its request, which looks as if it were gone.
func TestClientThatOnlyListens(t *testing.T) {
	b := newBridge()
	b.journal.AppendFn = func(ctx context.Context, _ *monitor.Record) error { return ctx.Err() }
	w := doAndLeave(b, httptest.NewRequest(http.MethodPost, "/metrics/", strings.NewReader(metricBody)))
	assert.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	assert.Empty(t, b.heard.refused)
}

// doAndLeave serves a request whose client is gone.
func doAndLeave(b *bridge, r *http.Request) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r.WithContext(ctx))
	return w
}

func TestPanicIsAnInternalError(t *testing.T) {
	b := newBridge()
	b.journal.AppendFn = func(context.Context, *monitor.Record) error { panic("broken invariant") }
	w := b.do(http.MethodPost, "/metrics/", metricBody)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.NotContains(t, w.Body.String(), "invariant")
	log := b.log.String()
	assert.Contains(t, log, "broken invariant")
	assert.Contains(t, log, "errors_test.go", "the stack")
	assert.Equal(t, 1, strings.Count(log, "level=ERROR"))
	assert.Equal(t, []string{"internal"}, b.heard.refused)
	b.journal.AppendFn = nil
	b.mustPost(t, "/metrics/", metricBody)
}

func TestFailureInTheMidstOfAnAnswer(t *testing.T) {
	b := newBridge()
	b.MountPages(func(r gin.IRouter) {
		r.GET("/failed", func(c *gin.Context) {
			c.String(http.StatusOK, strings.Repeat("x", 1<<16))
			_ = c.Error(monitor.Errorf(monitor.EUnavailable, "went away"))
		})
		r.GET("/half", func(c *gin.Context) {
			c.String(http.StatusOK, strings.Repeat("x", 1<<16))
			panic("broken invariant")
		})
		r.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	})
	addr, _ := serve(t, b, nil)
	for _, path := range []string{"/failed", "/half", "/abort"} {
		response, err := http.Get("http://" + addr + path)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		assert.Error(t, err, "half an answer must not look like a whole one: %s", path)
	}
	assert.Equal(t, 1, strings.Count(b.log.String(), "broken invariant"))
	assert.Equal(t, 1, strings.Count(b.log.String(), "went away"))
	assert.Equal(t, []string{"unavailable", "internal"}, b.heard.noted(&b.heard.refused))
	assert.Equal(t, []string{"GET|/failed|OK", "GET|/half|OK", "GET|/abort|OK"}, b.heard.noted(&b.heard.routes))
	assert.Equal(t, http.StatusCreated, send(t, addr, post("/metrics/", metricBody), false).status)
}
