package influx_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// strict answers 401, and quotes what it got, to requests without its token. It counts the others.
type strict struct {
	mu       sync.Mutex
	token    string
	accepted map[string]int
}

func (s *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Token "+s.token {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, got+" is not Token "+s.token)
		return
	}
	s.accepted[r.URL.Path]++
	w.WriteHeader(http.StatusNoContent)
}

func (s *strict) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.accepted = token, map[string]int{}
}

func TestSetToken(t *testing.T) {
	const oldToken, newToken = "the-old-token", "the-new-token"
	server := &strict{}
	server.revoke(oldToken)
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	w := mustOpen(t, influx.Config{URL: front.URL, Token: oldToken, Org: "o", Timeout: 10 * time.Second})
	both := []*monitor.Point{contextPoint("p", "ab"), metricPoint(1)}
	require.Equal(t, monitor.Delivered, w.Prepare(both)(t.Context()).Kind)

	server.revoke(newToken)
	for _, p := range both {
		reply := w.Prepare([]*monitor.Point{p})(t.Context())
		require.Equal(t, monitor.Denied, reply.Kind)
		require.Contains(t, reply.Message, "Token [token] is not Token", "the refused token is hidden")
	}
	w.SetToken(newToken)
	for _, p := range both {
		require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{p})(t.Context()).Kind)
	}
	require.NoError(t, w.Ensure(t.Context()))
	_, _ = w.Reader().Context(t.Context(), "p", "ab")
	require.Positive(t, server.accepted["/query"], "the reader has the new token")

	server.revoke("another")
	w.SetToken("a-third-token")
	server.revoke(oldToken + "," + newToken)
	reply := w.Prepare(both)(t.Context())
	require.Equal(t, "Token [token] is not Token [token],[token]", reply.Message, "earlier tokens stay hidden")
}

func TestSetTokenWhileDelivering(t *testing.T) {
	server := &strict{}
	server.revoke("t")
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	w := mustOpen(t, influx.Config{URL: front.URL, Token: "t", Org: "o", Timeout: 10 * time.Second})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				w.SetToken("t")
				_ = w.Prepare([]*monitor.Point{contextPoint("p", "ab"), metricPoint(1)})(t.Context())
				_, _ = w.Reader().Session(t.Context(), "p", "ab")
			}
		})
	}
	all.Wait()
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{metricPoint(1)})(t.Context()).Kind)
}

// What answers may be no InfluxDB, and its error may never end.
func TestAnErrorWithoutAnEndIsNotReadToItsEnd(t *testing.T) {
	const most = 64 << 20
	sent := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		for part := make([]byte, 64<<10); sent < most; sent += len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}))
	w := mustOpen(t, influx.Config{URL: front.URL, Token: "t", Org: "o"})
	_, err := w.Reader().Context(t.Context(), "p", "ab")
	require.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
	front.Close() // waits for the handler
	require.Less(t, sent, most/2, "buffers of the system take some of it")
}

// spaces is a JSON list that never ends. It stops at most, so that a test ends.
type spaces struct{ read, most int }

func (s *spaces) Read(p []byte) (int, error) {
	if s.read >= s.most {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	if s.read == 0 {
		p[0] = '['
	}
	s.read += len(p)
	return len(p), nil
}

func TestAListWithoutAnEndIsNotReadToItsEnd(t *testing.T) {
	answer := &spaces{most: 64 << 20}
	require.ErrorIs(t, influx.DecodeJSON(answer, new([]int)), io.ErrUnexpectedEOF)
	require.Less(t, answer.read, answer.most)
}
