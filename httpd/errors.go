package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// Codes of errors in HTTP itself. Package monitor has the other codes.
const (
	codeMediaType monitor.Code = "media_type"  // the Content-Type is not JSON
	codeEncoding  monitor.Code = "encoding"    // the body has a Content-Encoding
	codeMethod    monitor.Code = "method"      // the path has no route with this method
	codeSlow      monitor.Code = "slow"        // the body did not arrive in time
	codeCutOff    monitor.Code = "cut_off"     // the body ended early or its framing is wrong
	codeAncient   monitor.Code = "old_client"  // this version of pytest-monitor is too old
	codeGone      monitor.Code = "client_gone" // the client went away before the answer
	codeNoProject monitor.Code = "no_project"  // the request names no project, but must name one
	codeHost      monitor.Code = "host"        // Host is not a name of this bridge, which needs no token
)

// statusGone is the status in logs and metrics for a client that went away. No client ever gets it.
const statusGone = 499

// refusals has the status of the answer and the level of the log line for each code. A code that is not here is treated
// as EInternal.
var refusals = map[monitor.Code]struct {
	status int
	level  slog.Level
}{
	monitor.EInvalid:      {http.StatusBadRequest, slog.LevelWarn},
	codeMediaType:         {http.StatusBadRequest, slog.LevelWarn},
	codeCutOff:            {http.StatusBadRequest, slog.LevelWarn},
	codeAncient:           {http.StatusBadRequest, slog.LevelWarn},
	codeNoProject:         {http.StatusBadRequest, slog.LevelWarn},
	codeHost:              {http.StatusMisdirectedRequest, slog.LevelWarn},
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

// Fail ends a request with an error. The server makes the answer from the error. If a part of another answer is sent
// already, the server closes the connection instead.
func Fail(c *gin.Context, err error) {
	_ = c.Error(err) // the result is err again
	c.Abort()
}

// answerErrors answers a request whose handler called [Fail]. If the answer has begun already, it closes the connection,
// so that the client does not take a part of an answer for the whole answer.
func (s *Server) answerErrors(c *gin.Context) {
	c.Next()
	if len(c.Errors) == 0 {
		return
	}
	err := c.Errors.Last().Err
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return // headWriter ended the handler; the answer to HEAD is complete
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
	body := messageOf(code, err)
	if s.ErrorPage == nil || !WantsPage(c.Request) || strings.Contains(c.Request.URL.Path, APIBases[0]) {
		c.JSON(refusal.status, body)
		return
	}
	c.Writer.Header().Del("WWW-Authenticate") // the page has a form to log in, instead of the browser's own
	s.ErrorPage(c, ErrorAnswer{refusal.status, body.Message, body.Errors})
}

// ErrorAnswer is what a client is told about an error.
type ErrorAnswer struct {
	Status  int // of HTTP
	Message string
	Fields  map[string]string // what was expected in each wrong field
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recoverPanics turns a panic of a handler into an error with the code EInternal. It does not change
// [http.ErrAbortHandler], which closes the connection.
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
