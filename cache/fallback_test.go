package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
)

var (
	someContext = &monitor.Context{H: "h", Env: "env"}
	someSession = &monitor.Session{SessionH: "h", Run: "run"}
)

// findsAll returns a store that finds someContext and someSession for every hash.
func findsAll() *fakeStore {
	return &fakeStore{
		ContextFn: func(context.Context, string, string) (*monitor.Context, error) { return someContext, nil },
		SessionFn: func(context.Context, string, string) (*monitor.Session, error) { return someSession, nil },
	}
}

// failing returns a store whose lookups return err.
func failing(err error) *fakeStore {
	return &fakeStore{
		ContextFn: func(context.Context, string, string) (*monitor.Context, error) { return nil, err },
		SessionFn: func(context.Context, string, string) (*monitor.Session, error) { return nil, err },
	}
}

func TestFallbackAsksLocalThenRemoteStore(t *testing.T) {
	hangs := &fakeStore{
		ContextFn: func(ctx context.Context, _, _ string) (*monitor.Context, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		SessionFn: func(ctx context.Context, _, _ string) (*monitor.Session, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	tests := []struct {
		name          string
		local, remote *fakeStore
		unhealthy     bool
		keepErr       error
		project       string
		found         bool
		code          monitor.Code // code of the error
		notAsked      bool         // its cause is monitor.ErrNotAsked
		remoteCalls   int64        // lookups of context and session together
		kept          int
		took          time.Duration
	}{
		{name: "local", local: findsAll(), remote: findsAll(), project: "p", found: true},
		{name: "local fails", local: failing(errors.New("no")), remote: findsAll(), project: "p", code: monitor.EInternal},
		{name: "remote", local: &fakeStore{}, remote: findsAll(), project: "p", found: true, remoteCalls: 2, kept: 2},
		{name: "any project", local: &fakeStore{}, remote: findsAll(), project: "", found: true, remoteCalls: 2},
		{name: "nowhere", local: &fakeStore{}, remote: &fakeStore{}, project: "p", code: monitor.ENotFound, remoteCalls: 2},
		{name: "remote unhealthy", local: &fakeStore{}, remote: findsAll(), unhealthy: true, project: "p", code: monitor.ENotFound,
			notAsked: true},
		{name: "remote fails", local: &fakeStore{}, remote: failing(errors.New("no")), project: "p",
			code: monitor.ENotFound, notAsked: true, remoteCalls: 2},
		{name: "remote denies access", local: &fakeStore{}, remote: failing(monitor.Errorf(monitor.EForbidden, "no")), project: "p",
			code: monitor.ENotFound, remoteCalls: 2},
		{name: "remote hangs", local: &fakeStore{}, remote: hangs, project: "p", code: monitor.ENotFound,
			notAsked: true, remoteCalls: 2, took: 2 * cache.Deadline},
		{name: "value cannot be kept", local: &fakeStore{}, remote: findsAll(), keepErr: errors.New("full"), project: "p",
			code: monitor.ENotFound, notAsked: true, remoteCalls: 2, kept: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.remote.calls.Store(0)
				var kept []*monitor.Record
				f := &cache.Fallback{Source: "influx",
					Local:   tt.local,
					Remote:  tt.remote,
					Healthy: func() bool { return !tt.unhealthy },
					Keep: func(_ context.Context, rec *monitor.Record) error {
						kept = append(kept, rec)
						return tt.keepErr
					},
					Logger: slog.New(slog.DiscardHandler),
				}
				start := time.Now()
				c, errC := f.Context(t.Context(), tt.project, "h")
				s, errS := f.Session(t.Context(), tt.project, "h")
				assert.Equal(t, tt.took, time.Since(start))
				assert.EqualValues(t, tt.remoteCalls, tt.remote.calls.Load())
				assert.Len(t, kept, tt.kept)
				for _, rec := range kept {
					assert.Equal(t, monitor.Destination("influx"), rec.Source)
					assert.Equal(t, tt.project, rec.Project)
				}
				if tt.found {
					require.NoError(t, errors.Join(errC, errS))
					assert.Same(t, someContext, c)
					assert.Same(t, someSession, s)
					return
				}
				assert.Equal(t, tt.code, monitor.ErrorCode(errC))
				assert.Equal(t, tt.code, monitor.ErrorCode(errS))
				assert.Equal(t, tt.notAsked, errors.Is(errC, monitor.ErrNotAsked))
				assert.Equal(t, tt.notAsked, errors.Is(errS, monitor.ErrNotAsked))
			})
		})
	}
}

func TestFallbackReturnsTheStoredSession(t *testing.T) {
	stored := &monitor.Session{SessionH: "h", Run: "another, accepted meanwhile"}
	f := &cache.Fallback{Source: "influx", Local: &fakeStore{}, Remote: findsAll(), Logger: slog.New(slog.DiscardHandler),
		Keep: func(_ context.Context, rec *monitor.Record) error {
			rec.Repeat, rec.Session = true, stored
			return nil
		}}
	s, err := f.Session(t.Context(), "p", "h")
	require.NoError(t, err)
	assert.Same(t, stored, s)
}

func TestFallbackWithoutRemoteFindsNothing(t *testing.T) {
	f := &cache.Fallback{Source: "influx", Local: &fakeStore{}, Logger: slog.New(slog.DiscardHandler)}
	_, err := f.Context(t.Context(), "p", "h")
	notFound(t, err)
}

// A client sends hashes that no store knows, one after the other.
func TestFallbackBoundsMisses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote := failing(monitor.Errorf(monitor.ENotFound, "nobody knows it"))
		f := &cache.Fallback{Source: "influx", Local: &fakeStore{}, Remote: remote, Logger: slog.New(slog.DiscardHandler),
			Keep: func(context.Context, *monitor.Record) error { return nil }}
		for range 5000 {
			_, err := f.Session(t.Context(), "p", "h")
			notFound(t, err)
		}
		_, err := f.Session(t.Context(), "p", "h")
		assert.ErrorIs(t, err, monitor.ErrNotAsked)
		asked := remote.calls.Load()
		assert.LessOrEqual(t, asked, int64(100))
		assert.GreaterOrEqual(t, asked, int64(50), "the sessions of a hundred processes that start at once are looked up")

		time.Sleep(10 * time.Second)
		f.Remote = findsAll()
		for range 5000 {
			_, err := f.Session(t.Context(), "p", "h")
			require.NoError(t, err, "a lookup that finds a value does not count")
		}
	})
}
