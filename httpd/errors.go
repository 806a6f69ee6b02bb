package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

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
	codeNoProject monitor.Code = "no_project"  // no project is named, and one is required
)

// statusGone is what logs and metrics show for a client that went away; nobody reads the answer.
const statusGone = 499

// refusals says for each code the status of the answer and the level of the log line. Any other code is a fault of this
// program.
var refusals = map[monitor.Code]struct {
	status int
	level  slog.Level
}{
	monitor.EInvalid:      {http.StatusBadRequest, slog.LevelWarn},
	codeMediaType:         {http.StatusBadRequest, slog.LevelWarn},
	codeCutOff:            {http.StatusBadRequest, slog.LevelWarn},
	codeAncient:           {http.StatusBadRequest, slog.LevelWarn},
	codeNoProject:         {http.StatusBadRequest, slog.LevelWarn},
	codeEncoding:          {http.StatusUnsupportedMediaType, slog.LevelWarn},
	codeSlow:              {http.StatusRequestTimeout, slog.LevelWarn},
	monitor.ETooLarge:     {http.StatusRequestEntityTooLarge, slog.LevelWarn},
	monitor.EFull:         {http.StatusServiceUnavailable, slog.LevelWarn},
	monitor.EUnavailable:  {http.StatusServiceUnavailable, slog.LevelWarn},
	monitor.EUnauthorized: {http.StatusUnauthorized, slog.LevelInfo},
	monitor.EForbidden:    {http.StatusForbidden, slog.LevelInfo},
	monitor.ENotFound:     {http.StatusNotFound, slog.LevelDebug},
	codeMethod:            {http.StatusMethodNotAllowed, slog.LevelDebug},
	codeGone:              {statusGone, slog.LevelDebug},
	monitor.EInternal:     {http.StatusInternalServerError, slog.LevelError},
}

// Fail ends a request with an error, which the server turns into the answer. Where a part of the answer is sent already,
// the connection is cut.
func Fail(c *gin.Context, err error) {
	_ = c.Error(err) // returns its argument
	c.Abort()
}

// answerErrors answers requests whose handlers ended with an error. An error that comes after the answer began cuts the
// connection, so that half an answer is not taken for a whole one.
func (s *Server) answerErrors(c *gin.Context) {
	c.Next()
	if len(c.Errors) == 0 {
		return
	}
	err := c.Errors.Last().Err
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return // the answer to a HEAD, which is complete
	}
	if c.Request.Context().Err() != nil && errors.Is(err, context.Canceled) {
		err = &monitor.Error{Code: codeGone, Message: "the client went away", Err: err}
	}
	code := monitor.ErrorCode(err)
	refusal, known := refusals[code]
	if !known {
		code = monitor.EInternal
		refusal = refusals[code]
	}
	s.OnRefused(string(code))
	s.logRefusal(c, refusal.level, refusal.status, err)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	setErrorHeaders(c.Writer.Header(), code, err)
	discardBody(c.Request)
	c.JSON(refusal.status, messageOf(code, err))
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recoverPanics turns a panic into an internal error.
func recoverPanics(c *gin.Context) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if value == http.ErrAbortHandler {
			panic(value)
		}
		Fail(c, &panicError{value: value, stack: debug.Stack()})
	}()
	c.Next()
}
