package influx_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
)

// scripted plays InfluxDB: it lets set-up succeed and answers deliveries as told.
type scripted struct {
	*httptest.Server
	answer http.HandlerFunc // of deliveries

	mu     sync.Mutex
	bodies []string // of deliveries
}

const secret = "s3cr3t-token-of-the-test"

func mustScript(tb testing.TB, answer http.HandlerFunc) *scripted {
	s := &scripted{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/write" {
			_, _ = io.WriteString(w, `{}`)
			return
		}
		if r.Header.Get("Content-Encoding") != "gzip" { // set-up writes nothing, to see whether it may
			w.WriteHeader(http.StatusNoContent)
			return
		}
		zip, err := gzip.NewReader(r.Body)
		if err == nil {
			var body []byte
			if body, err = io.ReadAll(zip); err == nil {
				s.mu.Lock()
				s.bodies = append(s.bodies, string(body))
				s.mu.Unlock()
			}
		}
		if err != nil {
			tb.Errorf("the body of a delivery: %v", err)
		}
		s.answer(w, r)
	}))
	tb.Cleanup(s.Close)
	return s
}

func (s *scripted) delivered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies
}

func (s *scripted) settings() influx.Config {
	return influx.Config{URL: s.URL, Token: secret, Org: "o", Timeout: 10 * time.Second}
}

// codes are InfluxDB's own names of statuses. Other statuses have none here.
var codes = map[int]string{http.StatusCreated: "invalid", http.StatusBadRequest: "invalid",
	http.StatusUnprocessableEntity: "unprocessable entity", http.StatusInternalServerError: "internal error"}

// status answers with a status and InfluxDB's JSON.
func status(code int, message string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		if code != http.StatusNoContent {
			_, _ = io.WriteString(w, `{"code":"`+codes[code]+`","message":"`+message+`"}`)
		}
	}
}

func TestBodyOfDelivery(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	w := mustOpen(t, s.settings())
	points := metricPoints(5000)
	require.Equal(t, 204, w.Prepare(points)(t.Context()).Status)
	var want strings.Builder
	for _, p := range points {
		want.Write(influx.AppendLine(nil, p))
		want.WriteByte('\n')
	}
	require.Len(t, s.delivered(), 1, "one request for one delivery")
	require.True(t, want.String() == s.delivered()[0], "all points in order")
}
