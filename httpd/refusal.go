package httpd

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// errorBody is the body of every error answer.
type errorBody struct {
	Message string            `json:"message"`
	Errors  map[string]string `json:"errors,omitempty"`
}

// messageOf returns the body of an error answer. The text of an internal error is only in the log, because it names files
// and SQL statements.
func messageOf(code monitor.Code, err error) errorBody {
	if e, ok := errors.AsType[*monitor.Error](err); ok && code != monitor.EInternal {
		return errorBody{Message: e.Message, Errors: e.Fields}
	}
	return errorBody{Message: "internal error: see the log of the bridge"}
}

// defaultRetryAfter is the Retry-After for an error that has none.
const defaultRetryAfter = 30 * time.Second

func setErrorHeaders(header http.Header, code monitor.Code, err error) {
	switch code {
	case monitor.EUnauthorized:
		header.Set("WWW-Authenticate", `Basic realm="pymon-bridge", charset="UTF-8"`)
	case monitor.EFull, monitor.EUnavailable:
		wait := defaultRetryAfter
		if e, ok := errors.AsType[*monitor.Error](err); ok && e.RetryAfter > 0 {
			wait = e.RetryAfter
		}
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	case codeEncoding:
		header.Set("Accept-Encoding", "identity")
	case codeSlow, codeCutOff:
		header.Set("Connection", "close") // the start of the next request is unknown
	}
}

// The most bytes that a line of the log has of a text that a client sent.
const (
	loggedPath  = 300
	loggedError = 2000
)

// logRefusal logs an error answer. It never logs headers or the query, because both can contain a token.
func (s *Server) logRefusal(c *gin.Context, level slog.Level, status int, err error) {
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("path", monitor.Shorten(c.Request.URL.Path, loggedPath)),
		slog.String("client", ClientOf(c.Request)), slog.Int("status", status), slog.String("error", monitor.Shorten(err.Error(), loggedError)),
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	s.refusals.LogAttrs(c.Request.Context(), level, "request refused", attrs...)
}
