package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// Codes of what goes wrong in HTTP itself, beside those of package monitor.
const (
	codeMediaType monitor.Code = "media_type"  // a Content-Type that is not JSON
	codeEncoding  monitor.Code = "encoding"    // a Content-Encoding
	codeMethod    monitor.Code = "method"      // a method that the route does not have
	codeSlow      monitor.Code = "slow"        // the body did not arrive in time
	codeCutOff    monitor.Code = "cut_off"     // the body ended early or is not framed properly
	codeAncient   monitor.Code = "old_client"  // a client of a version that cannot be served
	codeGone      monitor.Code = "client_gone" // the client went away before it was answered
)

// statusGone is what logs and metrics show for a client that went away; nobody reads the answer.
const statusGone = 499

// statusOf returns the HTTP status for a code and how loudly a refusal for it is logged. Codes that it does not
// know are faults of this program.
func statusOf(code monitor.Code) (status int, level slog.Level, known bool) {
	switch code {
	case monitor.EInvalid, codeMediaType, codeCutOff, codeAncient:
		return http.StatusBadRequest, slog.LevelWarn, true
	case codeEncoding:
		return http.StatusUnsupportedMediaType, slog.LevelWarn, true
	case codeSlow:
		return http.StatusRequestTimeout, slog.LevelWarn, true
	case monitor.ETooLarge:
		return http.StatusRequestEntityTooLarge, slog.LevelWarn, true
	case monitor.EFull, monitor.EUnavailable:
		return http.StatusServiceUnavailable, slog.LevelWarn, true
	case monitor.EUnauthorized:
		return http.StatusUnauthorized, slog.LevelInfo, true
	case monitor.EForbidden:
		return http.StatusForbidden, slog.LevelInfo, true
	case monitor.ENotFound:
		return http.StatusNotFound, slog.LevelDebug, true
	case codeMethod:
		return http.StatusMethodNotAllowed, slog.LevelDebug, true
	case codeGone:
		return statusGone, slog.LevelDebug, true
	}
	return http.StatusInternalServerError, slog.LevelError, code == monitor.EInternal
}

// refusal is the body of every error answer.
type refusal struct {
	Message string            `json:"message"`
	Errors  map[string]string `json:"errors,omitempty"`
}

// fail ends a request with an error; [Handler.answerErrors] turns it into the answer.
func fail(c *gin.Context, err error) {
	_ = c.Error(err) // returns its argument
	c.Abort()
}

// answerErrors answers requests whose handlers ended with an error, by the one map from codes to statuses. An error
// that comes after the answer began cuts the connection, so that half an answer is not taken for a whole one.
func (h *Handler) answerErrors(c *gin.Context) {
	c.Next()
	if len(c.Errors) == 0 {
		return
	}
	err := c.Errors.Last().Err
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return // a HEAD, of which all is said
	}
	if c.Request.Context().Err() != nil && errors.Is(err, context.Canceled) {
		err = &monitor.Error{Code: codeGone, Message: "the client went away", Err: err}
	}
	code := monitor.ErrorCode(err)
	status, level, known := statusOf(code)
	if !known {
		code = monitor.EInternal
	}
	h.OnRefused(string(code))
	h.logRefusal(c, level, status, err)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	setErrorHeaders(c.Writer.Header(), code, err)
	h.discardBody(c.Request)
	c.JSON(status, messageOf(code, err))
}

// messageOf returns what the client is told. Internal errors name files and statements, so they are only logged.
func messageOf(code monitor.Code, err error) refusal {
	if e, ok := errors.AsType[*monitor.Error](err); ok && code != monitor.EInternal {
		return refusal{Message: e.Message, Errors: e.Fields}
	}
	return refusal{Message: "internal error; the log of the bridge says more"}
}

// defaultRetryAfter is what a client is told to wait where the error does not say.
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
		header.Set("Connection", "close") // where the next request would begin is unknown
	}
}

// logRefusal never logs headers or the query: both can hold a token.
func (h *Handler) logRefusal(c *gin.Context, level slog.Level, status int, err error) {
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path),
		slog.String("client", clientOf(c.Request)), slog.Int("status", status), slog.String("error", err.Error()),
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	h.parts.Log.LogAttrs(c.Request.Context(), level, "request refused", attrs...)
}

// maxDiscard bounds what is read of the body of a refused request.
const maxDiscard = 64 << 20

// discardBody reads what is left of the body of a refused request. Most clients read the answer only after they
// have sent everything; to the plugin a connection that closes before is a failed test instead of a warning.
func (h *Handler) discardBody(r *http.Request) {
	if r.Body == nil || r.Header.Get("Expect") != "" {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscard) // it is refused already
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recoverPanics turns a panic into an internal error.
func (h *Handler) recoverPanics(c *gin.Context) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if value == http.ErrAbortHandler {
			panic(value)
		}
		fail(c, &panicError{value: value, stack: debug.Stack()})
	}()
	c.Next()
}
