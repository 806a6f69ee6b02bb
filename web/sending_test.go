package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stuckReader takes the head of an answer and a piece of it, and then no more until it is cut or let go.
type stuckReader struct {
	*httptest.ResponseRecorder
	began chan struct{} // gets a value for each write
	free  chan struct{}
	once  sync.Once
	cut   bool
}

func (r *stuckReader) Write(b []byte) (int, error) {
	r.began <- struct{}{}
	<-r.free
	if r.cut {
		return 0, os.ErrDeadlineExceeded
	}
	return r.ResponseRecorder.Write(b)
}

func (r *stuckReader) SetWriteDeadline(time.Time) error {
	r.once.Do(func() { r.cut = true; close(r.free) })
	return nil
}

// TestSlowReadersShareMemory checks that large answers on their way have so much memory and no more: a reader that does not take
// its answer loses it as soon as another needs the memory, and nobody else does.
func TestSlowReadersShareMemory(t *testing.T) {
	t.Parallel()
	s := newSite(&fakeStore{projects: []string{"shop"}, runs: 1, tests: 20_000})
	const target = "/p/shop/runs/run-1?format=csv"
	size := s.get(target).Body.Len()
	require.Greater(t, size, 1<<20)
	s.pages.MaxSending = 2*size + size/2
	var readers []*stuckReader
	var served sync.WaitGroup
	for range 2 {
		r := &stuckReader{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{}, 100), free: make(chan struct{})}
		readers = append(readers, r)
		served.Go(func() { s.ServeHTTP(r, httptest.NewRequest(http.MethodGet, target, nil)) })
		<-r.began
		s.now = s.now.Add(time.Second / 2)
	}
	refused := s.get(target)
	assert.Equal(t, http.StatusServiceUnavailable, refused.Code, "no reader is slow yet")
	assert.NotEmpty(t, refused.Header().Get("Retry-After"))
	assert.Equal(t, http.StatusOK, s.get("/p/shop/").Code, "small answers need no such memory")

	s.now = s.now.Add(time.Second)
	other := s.get(target)
	assert.Equal(t, http.StatusOK, other.Code)
	assert.Equal(t, size, other.Body.Len())
	close(readers[1].free)
	served.Wait()
	assert.True(t, readers[0].cut, "it was furthest behind")
	assert.False(t, readers[1].cut)
	assert.Equal(t, size, readers[1].Body.Len())
	assert.True(t, strings.HasSuffix(readers[1].Body.String(), "\r\n"))

	s.pages.MaxSending = 1
	assert.Equal(t, http.StatusOK, s.get(target).Code, "all memory was given back, and one answer always has a place")
}
