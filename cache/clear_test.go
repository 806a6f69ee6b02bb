package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
)

// slowStore has a context until it is removed. A lookup waits for leave, after it has read the store.
type slowStore struct {
	monitor.MetadataStore
	has          bool
	asked, leave chan struct{}
}

func (s *slowStore) Context(_ context.Context, _, h string) (*monitor.Context, error) {
	has := s.has
	if s.asked != nil {
		s.asked <- struct{}{}
		<-s.leave
	}
	if !has {
		return nil, monitor.Errorf(monitor.ENotFound, "none")
	}
	return &monitor.Context{H: h}, nil
}

// After Clear the cache has nothing that the store no longer has, also when a lookup had read it before.
func TestClearForgetsWhatTheStoreNoLongerHas(t *testing.T) {
	store := &slowStore{has: true}
	c := cache.NewStore(store)
	require.NoError(t, c.Open())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	c.PutContext("p", &monitor.Context{H: "1"})
	_, err := c.Context(t.Context(), "p", "1")
	require.NoError(t, err)

	store.asked, store.leave = make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() { _, _ = c.Context(t.Context(), "p", "2"); close(done) }()
	<-store.asked
	store.has = false
	c.Clear()
	close(store.leave)
	<-done
	store.asked = nil
	for range 20 { // ristretto takes a value a moment later
		for _, h := range []string{"1", "2"} {
			_, err = c.Context(t.Context(), "p", h)
			require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), h)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
