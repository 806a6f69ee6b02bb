package influx_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

func TestReplyToStatus(t *testing.T) {
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		want    monitor.ReplyKind
		status  int
		message string
		after   time.Duration
	}{
		{"204", status(204, ""), monitor.Delivered, 204, "", 0},
		{"200 is not InfluxDB", status(200, "welcome"), monitor.Unavailable, 200, "welcome", 0},
		{"201 rejects some", status(201, "line 3 rejected"), monitor.Refused, 201, "line 3 rejected", 0},
		{"202", status(202, ""), monitor.Unavailable, 202, "", 0},
		{"301 elsewhere", status(301, "", "Location", "https://x/"), monitor.Denied, 301, "redirected to https://x/", 0},
		{"307 elsewhere", status(307, "", "Location", "https://x/"), monitor.Denied, 307, "redirected to https://x/", 0},
		{"400", status(400, "unable to parse 'x': missing fields"), monitor.Refused, 400, "unable to parse 'x': missing fields", 0},
		{"401", status(401, "unauthorized access"), monitor.Denied, 401, "unauthorized access", 0},
		{"403", status(403, "insufficient permissions for write"), monitor.Denied, 403, "insufficient permissions for write", 0},
		{"404", status(404, "bucket not found"), monitor.Denied, 404, "bucket not found", 0},
		{"405", status(405, "no"), monitor.Denied, 405, "no", 0},
		{"408", status(408, "slow"), monitor.Unavailable, 408, "slow", 0},
		{"413", status(413, "too big"), monitor.TooLarge, 413, "too big", 0},
		{"422 that the client swallows", status(422, "failure writing points: partial write: field type conflict dropped=1"),
			monitor.Refused, 422, "failure writing points: partial write: field type conflict dropped=1", 0},
		{"400 of InfluxDB 3", body(400, `{"error":"partial write","data":[{"error_message":"no fields","line_number":2}]}`),
			monitor.Refused, 400, "partial write: no fields", 0},
		{"400 of InfluxDB 3 about one line", body(400, `{"error":"parsing failed","data":{"error_message":"no fields","line_number":1}}`),
			monitor.Refused, 400, "parsing failed: no fields", 0},
		{"400 of a proxy with data", body(400, `{"error":"bad request","data":"x"}`), monitor.Unavailable, 400, `{"error":"bad request","data":"x"}`, 0},
		{"400 of a proxy", body(400, "<html>bad request"), monitor.Unavailable, 400, "<html>bad request", 0},
		{"400 of a proxy in JSON", body(400, `{"message":"bad request"}`), monitor.Unavailable, 400, "bad request", 0},
		{"400 of a proxy in JSON of InfluxDB 3", body(400, `{"error":"bad request"}`), monitor.Unavailable, 400, `{"error":"bad request"}`, 0},
		{"422 of a proxy", body(422, `{"code":422,"message":"no"}`), monitor.Unavailable, 422, `{"code":422,"message":"no"}`, 0},
		{"422 without words", body(422, ""), monitor.Unavailable, 422, "unexpected answer 422 Unprocessable Entity", 0},
		{"201 of a proxy", body(201, "created"), monitor.Unavailable, 201, "created", 0},
		{"422 retention", status(422, "points beyond retention policy"), monitor.Refused, 422, "points beyond retention policy", 0},
		{"429 seconds", status(429, "limit", "Retry-After", "17"), monitor.Unavailable, 429, "limit", 17 * time.Second},
		{"429 date", status(429, "limit", "Retry-After", "Sun, 22 Nov 2026 12:01:30 GMT"), monitor.Unavailable, 429, "limit", 90 * time.Second},
		{"429 past", status(429, "limit", "Retry-After", "Sun, 22 Nov 2026 11:00:00 GMT"), monitor.Unavailable, 429, "limit", 0},
		{"429 nonsense", status(429, "limit", "Retry-After", "-3"), monitor.Unavailable, 429, "limit", 0},
		{"500", status(500, "internal"), monitor.Failed, 500, "internal", 0},
		{"500 of a proxy", body(500, `{"code":500,"message":"no"}`), monitor.Unavailable, 500, `{"code":500,"message":"no"}`, 0},
		{"500 of a proxy in text", body(500, "<html>oops"), monitor.Unavailable, 500, "<html>oops", 0},
		{"502 of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>bad gateway", http.StatusBadGateway)
		},
			monitor.Unavailable, 502, "<html>bad gateway", 0},
		{"503 in InfluxDB's JSON", body(503, `{"code":"internal error","message":"no"}`), monitor.Unavailable, 503, "no", 0},
		{"503", status(503, "hinted handoff queue not empty"), monitor.Unavailable, 503, "hinted handoff queue not empty", 0},
		{"503 without words", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
			monitor.Unavailable, 503, "unexpected answer 503 Service Unavailable", 0},
		{"500 in a header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Influxdb-Error", "timeout")
			w.WriteHeader(500)
		}, monitor.Unavailable, 500, "timeout", 0},
		{"the token in the words", status(401, "bad "+secret), monitor.Denied, 401, "bad [token]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustScript(t, c.answer)
			cfg := s.settings()
			cfg.Now = func() time.Time { return now }
			w := mustOpen(t, cfg)
			v := w.Prepare(metricPoints(3))(t.Context())
			require.Equal(t, c.want, v.Kind, "%+v", v)
			require.Equal(t, c.status, v.Status)
			require.Equal(t, c.after, v.RetryAfter)
			if c.message != "" || c.want == monitor.Delivered {
				require.Equal(t, c.message, v.Message)
			}
			require.Len(t, s.delivered(), 1, "exactly one request")
		})
	}
}

// What the bridge asks for before a delivery, or to delete, says what it was for, and still how long InfluxDB wants to be left alone.
func TestErrorsWithMoreWordsKeepTheWait(t *testing.T) {
	for name, of := range map[string]string{`bucket "meta"`: "/api/v2/write", `find organisation "o"`: "/api/v2/orgs", `create bucket "meta"`: "/api/v2/buckets",
		`delete project shop from bucket "meta"`: "/api/v2/delete"} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case of:
					status(503, "busy", "Retry-After", "17")(w, r)
				case "/api/v2/orgs":
					_, _ = io.WriteString(w, `{"orgs":[{"id":"0123456789abcdef","name":"o"}]}`)
				default:
					status(404, "not found")(w, r)
				}
			}))
			t.Cleanup(s.Close)
			w := mustOpen(t, influx.Config{URL: s.URL, Token: secret, Org: "o", Bucket: "pytest", MetaBucket: "meta", Timeout: 10 * time.Second})
			want := monitor.Reply{Kind: monitor.Unavailable, Message: name + ": busy", RetryAfter: 17 * time.Second}
			if of != "/api/v2/delete" {
				require.Equal(t, want, w.Prepare(metricPoints(3))(t.Context()))
				return
			}
			err, ok := errors.AsType[*monitor.Error](w.DeleteProject(t.Context(), "shop"))
			require.True(t, ok)
			require.Equal(t, want, monitor.Reply{Kind: monitor.Unavailable, Message: err.Message, RetryAfter: err.RetryAfter})
			require.Equal(t, monitor.EUnavailable, err.Code)
		})
	}
}

// body answers with a status and any words.
func body(code int, words string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, words)
	}
}

// A failed delivery leaves nothing behind: the next one sends its own points only, and its reply is its own.
func TestRepliesOneAfterTheOther(t *testing.T) {
	codes := make(chan int, 1)
	s := mustScript(t, func(w http.ResponseWriter, r *http.Request) { status(<-codes, "words")(w, r) })
	w := mustOpen(t, s.settings())
	sequence := []int{503, 204, 422, 204, 429, 500, 400, 404, 204}
	for i, code := range sequence {
		codes <- code
		require.Equal(t, code, w.Prepare([]*monitor.Point{metricPoint(i)})(t.Context()).Status)
	}
	require.Len(t, s.delivered(), len(sequence))
	for i, body := range s.delivered() {
		require.Equal(t, string(influx.AppendLine(nil, metricPoint(i)))+"\n", body)
	}
}

func hijack(tb testing.TB, then func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			tb.Error(err)
			return
		}
		then(conn)
		_ = conn.Close()
	}
}

func TestReplyToBrokenAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		then    func(net.Conn)
		want    monitor.ReplyKind
		status  int
		message string
	}{
		{"reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, monitor.Unavailable, 0, "reset"},
		{"closed", func(net.Conn) {}, monitor.Unavailable, 0, "EOF"},
		{"half a head", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 204 No Con") }, monitor.Unavailable, 0, "EOF"},
		{"no HTTP", func(c net.Conn) { _, _ = io.WriteString(c, "220 smtp ready\r\n\r\n") }, monitor.Unavailable, 0, "malformed"},
		{"half a body", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 100\r\n\r\npartial write: fie")
		}, monitor.Unavailable, 422, "partial write: fie"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := mustOpen(t, mustScript(t, hijack(t, c.then)).settings())
			v := w.Prepare(metricPoints(3))(t.Context())
			require.Equal(t, c.want, v.Kind, "%+v", v)
			require.Equal(t, c.status, v.Status)
			require.Contains(t, v.Message, c.message)
		})
	}
}

// silent lets set-up succeed at once and never answers a delivery.
type silent struct{}

func (silent) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Content-Encoding") == "gzip" {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: req}, nil
}

func TestReplyToSilence(t *testing.T) {
	w := mustOpen(t, influx.Config{URL: "http://silent", Token: secret, Org: "o", Transport: silent{}, Timeout: 50 * time.Millisecond})
	v := w.Prepare(metricPoints(3))(t.Context())
	require.Equal(t, monitor.Reply{Kind: monitor.Unavailable, Message: "no answer within 50ms"}, v)
}

func TestReplyToCancellation(t *testing.T) {
	arrived, released := make(chan struct{}), make(chan struct{})
	s := mustScript(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case arrived <- struct{}{}:
			<-released
		default:
			status(204, "")(w, r)
		}
	})
	t.Cleanup(func() { close(released) })
	w := mustOpen(t, s.settings())
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	v := w.Prepare(metricPoints(3))(ctx)
	require.Equal(t, monitor.Reply{Kind: monitor.Unavailable, Message: "context canceled"}, v)
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(3))(t.Context()).Kind, "the Writer goes on")
}

func TestDeliverWithoutServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	w := mustOpen(t, influx.Config{URL: "http://" + listener.Addr().String(), Token: secret, Org: "o"})
	require.Equal(t, monitor.EUnavailable, monitor.ErrorCode(w.Ensure(t.Context())))
	v := w.Prepare(metricPoints(1))(t.Context())
	require.Equal(t, monitor.Unavailable, v.Kind)
	require.Contains(t, v.Message, "connection refused")
}

func TestDeliverNothing(t *testing.T) {
	s := mustScript(t, status(500, "not asked"))
	require.Equal(t, monitor.Delivered, mustOpen(t, s.settings()).Prepare(nil)(t.Context()).Kind)
	require.Empty(t, s.delivered())
}

func TestDeliverAfterClose(t *testing.T) {
	s := mustScript(t, status(204, ""))
	w, err := influx.Open(s.settings(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "twice is no harm")
	require.Equal(t, monitor.Unavailable, w.Prepare(metricPoints(1))(t.Context()).Kind)
}

// Deliveries from many goroutines do not mix.
func TestDeliverConcurrently(t *testing.T) {
	s := mustScript(t, func(w http.ResponseWriter, r *http.Request) {
		code := 204
		if strings.HasSuffix(r.URL.Query().Get("bucket"), "_meta") {
			code = 422
		}
		status(code, "partial write")(w, r)
	})
	w := mustOpen(t, s.settings())
	replies := make(chan [2]monitor.Reply)
	for i := range 20 {
		go func() {
			replies <- [2]monitor.Reply{
				w.Prepare([]*monitor.Point{metricPoint(i)})(t.Context()),
				w.Prepare([]*monitor.Point{sessionPoint("p", "ab")})(t.Context()),
			}
		}()
	}
	for range 20 {
		v := <-replies
		require.Equal(t, monitor.Delivered, v[0].Kind)
		require.Equal(t, monitor.Refused, v[1].Kind)
	}
	require.Len(t, s.delivered(), 40)
}

// Some versions of InfluxDB refuse a write of nothing, which asks whether the bucket is there.
func TestDeliverToAnInfluxDBThatWantsPoints(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/write" && r.Header.Get("Content-Encoding") != "gzip" {
			status(400, "writing requires points")(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	w := mustOpen(t, influx.Config{URL: server.URL, Token: secret, Org: "o", Timeout: 10 * time.Second})
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
}
