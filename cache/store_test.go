package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
)

// fakeStore is a metadata store made of functions. A function that is nil finds nothing.
type fakeStore struct {
	ContextFn func(ctx context.Context, project, h string) (*monitor.Context, error)
	SessionFn func(ctx context.Context, project, h string) (*monitor.Session, error)
	calls     atomic.Int64
}

func (s *fakeStore) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	s.calls.Add(1)
	if s.ContextFn == nil {
		return nil, monitor.Errorf(monitor.ENotFound, "no context %q", h)
	}
	return s.ContextFn(ctx, project, h)
}

func (s *fakeStore) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	s.calls.Add(1)
	if s.SessionFn == nil {
		return nil, monitor.Errorf(monitor.ENotFound, "no session %q", h)
	}
	return s.SessionFn(ctx, project, h)
}

// table is a list of contexts and sessions. A lookup in any project finds the first one with the hash.
type table struct {
	mu       sync.Mutex
	contexts []*monitor.Context // CPUType is the project
	sessions []*monitor.Session // Build is the project
}

// store returns a store that reads the table.
func (t *table) store() *fakeStore {
	s := &fakeStore{}
	s.ContextFn = func(_ context.Context, project, h string) (*monitor.Context, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, c := range t.contexts {
			if c.H == h && (project == "" || project == c.CPUType) {
				return c, nil
			}
		}
		return nil, monitor.Errorf(monitor.ENotFound, "no context")
	}
	s.SessionFn = func(_ context.Context, project, h string) (*monitor.Session, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, c := range t.sessions {
			if c.SessionH == h && (project == "" || project == c.Build) {
				return c, nil
			}
		}
		return nil, monitor.Errorf(monitor.ENotFound, "no session")
	}
	return s
}

func (t *table) add(project, h string) *monitor.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &monitor.Context{H: h, CPUType: project}
	t.contexts = append(t.contexts, c)
	return c
}

func open(t testing.TB, store monitor.MetadataStore) *cache.Store {
	t.Helper()
	s := cache.NewStore(store)
	require.NoError(t, s.Open())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func notFound(t *testing.T, err error) {
	t.Helper()
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%v", err)
}

func TestStoreAsksOnceForEachValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tab table
		store := tab.store()
		want := tab.add("p", "h")
		tab.sessions = []*monitor.Session{{SessionH: "h", Build: "p"}}
		s := open(t, store)
		for range 3 {
			c, err := s.Context(t.Context(), "p", "h")
			require.NoError(t, err)
			assert.Same(t, want, c)
			ses, err := s.Session(t.Context(), "p", "h")
			require.NoError(t, err)
			assert.Same(t, tab.sessions[0], ses)
			synctest.Wait()
		}
		assert.EqualValues(t, 2, store.calls.Load())
		assert.Equal(t, monitor.Lookups{Hits: 4, Misses: 2}, s.Lookups())
	})
}

func TestStoreRemembersAnAbsenceForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{}
		s := open(t, store)
		look := func() {
			_, err := s.Session(t.Context(), "p", "h")
			notFound(t, err)
			synctest.Wait()
		}
		look()
		look()
		assert.EqualValues(t, 1, store.calls.Load())
		assert.Equal(t, monitor.Lookups{Misses: 1, Negative: 1}, s.Lookups())
		time.Sleep(cache.DefaultNegativeTTL + time.Millisecond)
		look()
		assert.EqualValues(t, 2, store.calls.Load())
	})
}

// A remembered absence still says that a remote store was not asked.
func TestStoreRemembersWhyAValueIsAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := failing(monitor.Errorf(monitor.ENotFound, "not here: %w", monitor.ErrNotAsked))
		s := open(t, store)
		for range 3 {
			_, err := s.Session(t.Context(), "p", "h")
			notFound(t, err)
			assert.ErrorIs(t, err, monitor.ErrNotAsked)
			synctest.Wait()
		}
		assert.EqualValues(t, 1, store.calls.Load())
	})
}

func TestStoreDoesNotRememberErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{ContextFn: func(context.Context, string, string) (*monitor.Context, error) {
			return nil, monitor.Errorf(monitor.EUnavailable, "being checked")
		}}
		s := open(t, store)
		for range 3 {
			_, err := s.Context(t.Context(), "p", "h")
			assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
			synctest.Wait()
		}
		assert.EqualValues(t, 3, store.calls.Load())
	})
}

func TestStoreSeparatesProjectsAndHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tab table
		s := open(t, tab.store())
		pairs := [][2]string{{"p", "h"}, {"ph", ""}, {"", "ph"}, {"p\x00", "h"}, {"p", "\x00h"}, {"q", "h"}}
		for _, p := range pairs {
			if p[0] != "" {
				tab.add(p[0], p[1])
			}
		}
		for range 2 {
			for _, p := range pairs {
				c, err := s.Context(t.Context(), p[0], p[1])
				if p[0] == "" {
					notFound(t, err)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, p[0]+"|"+p[1], c.CPUType+"|"+c.H)
				_, err = s.Session(t.Context(), p[0], p[1])
				notFound(t, err)
			}
			synctest.Wait()
		}
	})
}

func TestStoreFindsAValueRightAfterItsPut(t *testing.T) {
	tests := []struct{ name, project string }{
		{"in its project", "p"},
		{"in any project", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tab table
				s := open(t, tab.store())
				_, err := s.Context(t.Context(), tt.project, "h")
				notFound(t, err)
				synctest.Wait() // the absence is written
				want := tab.add("p", "h")
				s.PutContext("p", want)
				for range 3 {
					c, err := s.Context(t.Context(), tt.project, "h")
					require.NoError(t, err)
					assert.Same(t, want, c)
					synctest.Wait()
				}
				// A lookup in any project still finds the first value.
				s.PutContext("q", tab.add("q", "h"))
				c, err := s.Context(t.Context(), "", "h")
				require.NoError(t, err)
				assert.Same(t, want, c)
			})
		})
	}
}

func TestStoreCachesAPutSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{}
		s := open(t, store)
		ses := &monitor.Session{SessionH: "h"}
		s.PutSession("p", ses)
		synctest.Wait()
		got, err := s.Session(t.Context(), "p", "h")
		require.NoError(t, err)
		assert.Same(t, ses, got)
		assert.Zero(t, store.calls.Load())
	})
}

// TestStoreFindsTheEndOfASession puts a session with its end, after the session was found or while it is looked up.
func TestStoreFindsTheEndOfASession(t *testing.T) {
	for _, project := range []string{"p", ""} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%q %t", project, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					open1, ended := &monitor.Session{SessionH: "h"}, &monitor.Session{SessionH: "h", End: monitor.End{Collected: 7}}
					var stored atomic.Pointer[monitor.Session]
					stored.Store(open1)
					store := &fakeStore{SessionFn: func(context.Context, string, string) (*monitor.Session, error) {
						defer time.Sleep(time.Second)
						return stored.Load(), nil
					}}
					s := open(t, store)
					lookup := func() *monitor.Session {
						got, err := s.Session(t.Context(), project, "h")
						require.NoError(t, err)
						synctest.Wait()
						return got
					}
					if late {
						go lookup()
						synctest.Wait() // the lookup has read the session
					} else {
						s.PutSession("p", open1)
						assert.Same(t, open1, lookup())
					}
					stored.Store(ended)
					s.PutSession("p", ended)
					time.Sleep(2 * time.Second)
					assert.Same(t, ended, lookup())
					assert.Same(t, ended, lookup())
				})
			})
		}
	}
}

// A lookup begins. Then the record is stored and put. Then the lookup ends, and has found nothing.
func TestStoreFindsAValuePutDuringALookup(t *testing.T) {
	for _, project := range []string{"p", ""} {
		synctest.Test(t, func(t *testing.T) {
			var tab table
			store := tab.store()
			inner := store.ContextFn
			slow := true
			store.ContextFn = func(ctx context.Context, project, h string) (*monitor.Context, error) {
				c, err := inner(ctx, project, h)
				if slow {
					slow = false
					time.Sleep(time.Second)
				}
				return c, err
			}
			s := open(t, store)
			early := make(chan error, 1)
			go func() {
				_, err := s.Context(t.Context(), project, "h")
				early <- err
			}()
			synctest.Wait()
			want := tab.add("p", "h")
			s.PutContext("p", want)
			c, err := s.Context(t.Context(), project, "h")
			require.NoError(t, err, "while the early lookup is under way")
			assert.Same(t, want, c)
			notFound(t, <-early)
			synctest.Wait()
			calls := store.calls.Load()
			c, err = s.Context(t.Context(), project, "h")
			require.NoError(t, err, "after it ended")
			assert.Same(t, want, c)
			assert.Equal(t, calls, store.calls.Load(), "the late absence did not replace the value")
		})
	}
}

func TestStoreSharesALookupBetweenCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := &monitor.Context{H: "h"}
		store := &fakeStore{ContextFn: func(ctx context.Context, _, _ string) (*monitor.Context, error) {
			time.Sleep(time.Second)
			return want, ctx.Err()
		}}
		s := open(t, store)
		first, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := s.Context(first, "p", "h")
			assert.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		for range 20 {
			all.Go(func() {
				c, err := s.Context(t.Context(), "p", "h")
				assert.NoError(t, err)
				assert.Same(t, want, c)
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		assert.EqualValues(t, 1, store.calls.Load())
	})
}

func TestStoreBoundsALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeStore{ContextFn: func(ctx context.Context, _, _ string) (*monitor.Context, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		start := time.Now()
		_, err := s.Context(t.Context(), "p", "h")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, cache.Timeout, time.Since(start))
	})
}

func TestStoreReturnsAnErrorWhenTheStoreBreaksItsContract(t *testing.T) {
	tests := []struct {
		name string
		find func(context.Context, string, string) (*monitor.Context, error)
	}{
		{"panics", func(context.Context, string, string) (*monitor.Context, error) { panic("no") }},
		{"returns nothing", func(context.Context, string, string) (*monitor.Context, error) { return nil, nil }},
		{"fails", func(context.Context, string, string) (*monitor.Context, error) { return nil, errors.New("no") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, &fakeStore{ContextFn: tt.find})
			_, err := s.Context(t.Context(), "p", "h")
			assert.Equal(t, monitor.EInternal, monitor.ErrorCode(err))
		})
	}
}

func TestStoreWorksBeforeOpenAndAfterClose(t *testing.T) {
	var tab table
	want := tab.add("p", "h")
	s := cache.NewStore(tab.store())
	look := func() {
		c, err := s.Context(t.Context(), "p", "h")
		require.NoError(t, err)
		assert.Same(t, want, c)
		s.PutContext("p", want)
	}
	look()
	require.NoError(t, s.Open())
	assert.Error(t, s.Open(), "twice")
	look()
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")
	look()
}

func TestStoreStaysWithinItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{ContextFn: func(_ context.Context, _, h string) (*monitor.Context, error) {
			return &monitor.Context{H: h, PythonInfo: strings.Repeat("x", 1000)}, nil
		}}
		s := cache.NewStore(store)
		s.MaxBytes = 100_000
		require.NoError(t, s.Open())
		defer s.Close()
		const n = 1000
		for range 2 {
			for i := range n {
				_, err := s.Context(t.Context(), "p", fmt.Sprint(i))
				require.NoError(t, err)
				synctest.Wait()
			}
		}
		// Each context takes more than 1,000 bytes. So the cache can have at most 100 of them.
		assert.LessOrEqual(t, s.Lookups().Hits, uint64(100))
	})
}

// Puts and lookups run concurrently.
func TestStoreFindsEveryValuePutBeforeTheLookup(t *testing.T) {
	var tab table
	s := open(t, tab.store())
	const hashes = 200
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range hashes {
				h := fmt.Sprint(w, "-", i)
				var lookers sync.WaitGroup
				for _, project := range []string{"p", ""} {
					lookers.Go(func() { _, _ = s.Context(t.Context(), project, h) })
				}
				s.PutContext("p", tab.add("p", h))
				for _, project := range []string{"p", ""} {
					if _, err := s.Context(t.Context(), project, h); err != nil {
						t.Errorf("%q in %q: %v", h, project, err)
					}
				}
				lookers.Wait()
				for _, project := range []string{"p", ""} {
					if _, err := s.Context(t.Context(), project, h); err != nil {
						t.Errorf("later: %q in %q: %v", h, project, err)
					}
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkStoreHit(b *testing.B) {
	var tab table
	s := open(b, tab.store())
	h := strings.Repeat("a", 32)
	s.PutContext("project", tab.add("project", h))
	for s.Lookups().Hits == 0 {
		_, err := s.Context(b.Context(), "project", h)
		require.NoError(b, err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Context(b.Context(), "project", h); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkStoreNegativeHit(b *testing.B) {
	s := open(b, &fakeStore{})
	s.NegativeTTL = time.Hour
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Context(b.Context(), "project", "h")
	}
}
