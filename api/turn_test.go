package api_test

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/api"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

const (
	waitLong  = 30 * time.Second
	waitShort = time.Millisecond
)

// slowStore is a store whose lists of metrics wait until they are let go on.
type slowStore struct {
	*fakeStore
	entered chan string // projects of lists that began
	leave   chan struct{}
}

func (s *slowStore) Metrics(ctx context.Context, q monitor.MetricQuery, p monitor.Page) iter.Seq2[*monitor.Metric, error] {
	return func(yield func(*monitor.Metric, error) bool) {
		s.entered <- q.Project
		select {
		case <-s.leave:
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
		s.fakeStore.Metrics(ctx, q, p)(yield)
	}
}

// TestReadersWaitForTheirTurn has readers of one project ask more than may read at once. Posts and lookups are answered
// meanwhile, and a reader of another project has the next turn.
func TestReadersWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	store := &slowStore{sample(), make(chan string), make(chan struct{})}
	s := serve(t, store)
	s.api.Turns = &turns.Queue{AtOnce: 1, MaxWaiting: 2}
	var readers sync.WaitGroup
	defer readers.Wait()
	defer close(store.leave)
	read := func(project string) {
		readers.Go(func() { s.do(http.MethodGet, "/p/"+project+"/api/v1/metrics/?format=csv", "") })
	}
	read("shop")
	require.Equal(t, "shop", <-store.entered)
	read("shop")
	read("shop")
	waiting(t, s, "shop")

	refused := s.do(http.MethodGet, "/p/shop/api/v1/metrics/count", "")
	assert.Equal(t, http.StatusServiceUnavailable, refused.Code, "too many wait")
	assert.Equal(t, "5", refused.Header().Get("Retry-After"))
	const hash = "0123456789abcdef0123456789abcdef"
	for _, path := range []string{"/contexts/" + hash, "/sessions/" + hash} {
		for _, base := range []string{"/p/shop/api/v1", "/p/shop"} {
			assert.Equal(t, http.StatusNoContent, s.do(http.MethodGet, base+path, "").Code, "a lookup never waits")
		}
	}
	posted := s.do(http.MethodPost, "/p/shop/sessions/", `{"session_h": "`+hash+
		`", "run_date": "2026-01-02T03:04:05.678901", "scm_ref": "", "description": {}}`, "Content-Type", "application/json")
	assert.Equal(t, http.StatusCreated, posted.Code)

	read("other")
	read("other")
	waiting(t, s, "other")
	projects := []string{}
	for range 4 {
		store.leave <- struct{}{}
		projects = append(projects, <-store.entered)
	}
	assert.Equal(t, []string{"shop", "other", "shop", "other"}, projects)
}

// waiting waits until as many reads of a project wait as may.
func waiting(t *testing.T, s *server, project string) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.api.Turns.Take(ctx, project)
		return monitor.ErrorCode(err) == monitor.EUnavailable
	}, waitLong, waitShort)
}

// slowClient takes its answer only when it is let go on.
type slowClient struct {
	*httptest.ResponseRecorder
	writing chan struct{}
	leave   chan struct{}
}

func (w *slowClient) Write(p []byte) (int, error) {
	w.writing <- struct{}{}
	<-w.leave
	return w.ResponseRecorder.Write(p)
}

// TestASlowClientKeepsNobodyWaiting has a client not take its answer. Others read meanwhile.
func TestASlowClientKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := serve(t, sample())
	s.api.Turns = &turns.Queue{AtOnce: 1, MaxWaiting: 2}
	slow := &slowClient{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	var reader sync.WaitGroup
	reader.Go(func() {
		s.ServeHTTP(slow, httptest.NewRequest(http.MethodGet, "/api/v1/metrics/?format=ndjson", nil))
	})
	<-slow.writing
	assert.Equal(t, http.StatusOK, s.do(http.MethodGet, "/api/v1/metrics/", "").Code)
	close(slow.leave)
	reader.Wait()
	assert.NotEmpty(t, slow.Body.String())
}

// passingStore passes the place of one read between its steps, and notes another one.
type passingStore struct {
	*fakeStore
	pass func(p *turns.Place)
	read bool
}

func (s *passingStore) CountFlakyTests(ctx context.Context, _ monitor.FlakyQuery) (int64, error) {
	s.pass(turns.FromContext(ctx))
	return 7, nil
}

func (s *passingStore) CountMetrics(context.Context, monitor.MetricQuery) (int64, error) {
	s.read = true
	return 0, nil
}

// TestAStoreMayPassTheTurn has a read of one project wait while a long one of another goes on.
func TestAStoreMayPassTheTurn(t *testing.T) {
	t.Parallel()
	store := &passingStore{fakeStore: sample()}
	s := serve(t, store)
	s.api.Turns = &turns.Queue{AtOnce: 1, MaxWaiting: 1}
	var other sync.WaitGroup
	store.pass = func(p *turns.Place) {
		other.Go(func() { s.do(http.MethodGet, "/p/other/api/v1/metrics/count", "") })
		waiting(t, s, "other")
		assert.NoError(t, p.Pass(t.Context()))
		assert.True(t, store.read)
	}
	assert.Contains(t, s.do(http.MethodGet, "/p/shop/api/v1/tests/flaky/count?since=1970-01-01", "").Body.String(), "7")
	other.Wait()
}

func TestHalfOfTheMachineIsLeftToPosts(t *testing.T) {
	t.Parallel()
	reading := api.New(api.Parts{}).Turns.AtOnce
	assert.Positive(t, reading)
	assert.LessOrEqual(t, 2*reading, max(2, turns.Processors))
}
