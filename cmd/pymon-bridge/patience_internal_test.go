package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCheckWaitsAsItWasTold(t *testing.T) {
	t.Parallel()
	busy := errors.New("too many wait (503)")
	refused := &laterError{error: errors.New("connection refused"), refused: true}
	refusals := []error{refused, refused, refused}
	for name, tc := range map[string]struct {
		answers []error // one for each attempt; the last one stays
		err     string
		took    time.Duration
		said    int
	}{
		"a restart":                  {[]error{refused, refused, nil}, "", 3 * time.Second, 1},
		"a wrong port":               {[]error{refused}, "connection refused", 30 * time.Second, 1},
		"busy, and then a restart":   {[]error{&laterError{error: busy, after: time.Minute}, refused, nil}, "", 62 * time.Second, 2},
		"two restarts":               {slices.Concat(refusals, []error{&laterError{error: busy}}, refusals, []error{nil}), "", 45 * time.Second, 3},
		"an answer at once":          {[]error{nil}, "", 0, 0},
		"an answer for good":         {[]error{errors.New("unknown token")}, "unknown token", 0, 0},
		"busy at first":              {[]error{&laterError{error: busy}, &laterError{error: busy}, nil}, "", 3 * time.Second, 1},
		"as long as the bridge asks": {[]error{&laterError{error: busy, after: 30 * time.Second}, nil}, "", 30 * time.Second, 1},
		"a last attempt in time":     {[]error{&laterError{error: busy, after: time.Hour}, nil}, "", time.Minute, 1},
		"busy for ever": {[]error{&laterError{error: busy}}, "no answer within 2m; the last answer: too many wait (503)",
			2 * time.Minute, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, errors.New("no answer within 2m"))
				defer cancel()
				begin, attempts, said := time.Now(), 0, 0
				_, err := patiently(ctx, func(error) { said++ }, func(context.Context) (bool, error) {
					err := tc.answers[min(attempts, len(tc.answers)-1)]
					attempts++
					return err == nil, err
				})
				if tc.err == "" {
					assert.NoError(t, err)
				} else {
					assert.EqualError(t, err, tc.err)
				}
				assert.Equal(t, tc.took, time.Since(begin))
				assert.Equal(t, tc.said, said)
			})
		})
	}
}

func TestWhichAnswersCheckWaitsFor(t *testing.T) {
	t.Parallel()
	reason := errors.New("reason")
	for status, waits := range map[int]bool{400: false, 401: false, 404: false, 429: true, 500: false, 502: true, 503: true, 504: true} {
		_, ok := errors.AsType[*laterError](laterIfBusy(&http.Response{StatusCode: status}, reason))
		assert.Equal(t, waits, ok, status)
	}
	for cause, waits := range map[error]bool{
		syscall.ECONNREFUSED: true, syscall.ECONNRESET: true, syscall.EHOSTUNREACH: true, io.EOF: true,
		&url.Error{Op: "Get", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}: true,
		&tls.CertificateVerificationError{}:                                              false, syscall.EACCES: false,
	} {
		_, ok := errors.AsType[*laterError](laterIfRestarting(cause, reason))
		assert.Equal(t, waits, ok, cause)
	}
	later, _ := errors.AsType[*laterError](laterIfBusy(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {"7"}}}, reason))
	assert.Equal(t, 7*time.Second, later.after)
}

// A bridge that is busy once must not break a pipeline.
func TestCheckAsksABusyBridgeAgain(t *testing.T) {
	t.Parallel()
	asked := 0
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"message": "64 questions wait already"}`))
			return
		}
		_, _ = w.Write([]byte(`{"project": "shop", "run": "ci-17", "suite": {"status": "ok"}, "summary": {"tests": 2, "ok": 4}}`))
	}))
	defer bridge.Close()
	status, stderr := check(t.Context(), "--url", bridge.URL)
	assert.Zero(t, status)
	assert.Equal(t, "pymon-bridge: 64 questions wait already (503 Service Unavailable); asking again, for at most 2m0s\n", stderr)
}

// A bridge that ends while it answers restarts, perhaps.
func TestCheckAsksAgainAfterHalfAnAnswer(t *testing.T) {
	t.Parallel()
	const report = `{"project": "shop", "run": "ci-17", "suite": {"status": "ok"}, "summary": {"tests": 2, "ok": 4}}`
	asked := 0
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(report)))
		if asked++; asked == 1 {
			_, _ = w.Write([]byte(report[:20])) // the server then closes the connection
			return
		}
		_, _ = w.Write([]byte(report))
	}))
	defer bridge.Close()
	status, stderr := check(t.Context(), "--url", bridge.URL, "--format", "json") // text asks for more than the report
	assert.Zero(t, status, stderr)
	assert.Equal(t, 2, asked)
}

// An answer that came to its end stays what it is.
func TestCheckAsksOnceForAWholeAnswerThatIsNoJSON(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{`{"project": "sh`: "unexpected end of JSON input", "": "unexpected end of JSON input",
		"{} <html>": "invalid character '<' after top-level value"} {
		for _, end := range []string{"length", "chunks", "connection"} {
			asked := 0
			bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				w.Header().Set("Content-Type", "text/odd")
				switch end {
				case "length":
					w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				case "connection":
					w.Header().Set("Transfer-Encoding", "identity")
				}
				_, _ = w.Write([]byte(body))
				_ = http.NewResponseController(w).Flush()
			}))
			status, stderr := check(t.Context(), "--url", bridge.URL)
			bridge.Close()
			assert.Equal(t, statusNotJudged, status)
			assert.Equal(t, 1, asked, end)
			assert.Equal(t, "pymon-bridge: could not judge: the answer of "+bridge.URL+"/api/v1/regressions, "+strconv.Itoa(len(body))+
				" bytes of \"text/odd\", is not what was asked for: "+reason+"\n", stderr)
		}
	}
}

// A person at a wrong port must read at once what is wrong.
func TestCheckSaysAtOnceThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan string, 1)
	m := &Main{Stderr: writerFunc(func(text []byte) { said <- string(text) })}
	for timeout, most := range map[time.Duration]string{2 * time.Minute: "30s", 10 * time.Second: "10s"} {
		flags := judgeFlags{Timeout: patience(timeout)}
		ended := make(chan error, 1)
		go func() {
			_, err := flags.report(ctx, m, &source{client: client{URL: "http://127.0.0.1:1"}}, nil)
			ended <- err
		}()
		assert.Regexp(t, "^pymon-bridge: no bridge answers at [^;]*; asking again, for at most "+most+"\n$", <-said)
		defer func() { assert.Error(t, <-ended) }()
	}
	cancel()
}

// writerFunc is a function as a stream.
type writerFunc func(text []byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
}
