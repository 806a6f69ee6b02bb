package cache

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"pymon-bridge/monitor"
)

const (
	// DefaultDeadline is how long a [Fallback] waits for its remote store.
	DefaultDeadline = 100 * time.Millisecond

	// missesPerSecond and missesAtOnce bound lookups of what the remote store does not have either. A deployment has one
	// or two for each pytest process; a client that sends many hashes that nobody knows must not make all others
	// wait, each time for a deadline.
	missesPerSecond = 10
	missesAtOnce    = 100
)

// Fallback is a [monitor.MetadataStore] that asks a local store, and where that has nothing a remote one. What it
// returns for a project is kept locally: what only the remote store had is handed to Keep first, and counts as
// absent when it cannot be kept, so that what once was found is found ever after. A value found in any project
// (project is empty) is not kept, since its project is not known.
//
// A remote store that fails, is slow or is not healthy has nothing: callers get ENotFound. So do they when it was asked
// in vain too often lately. It is safe for concurrent use.
type Fallback struct {
	// Local is asked first. Its errors other than ENotFound are returned.
	Local monitor.MetadataStore
	// Remote is asked next; nil when there is none.
	Remote monitor.MetadataStore
	// Source is what Remote reads from. Records that are kept carry it, so that they are not delivered to there.
	Source monitor.Destination
	// Keep stores a record of the local project.
	Keep func(ctx context.Context, rec *monitor.Record) error
	// Healthy says whether asking Remote makes sense; nil means always.
	Healthy func() bool
	// Deadline bounds a lookup in Remote; [DefaultDeadline] when 0.
	Deadline time.Duration
	// Logger takes what went wrong with Remote and Keep.
	Logger *slog.Logger

	misses atomic.Pointer[rate.Limiter]
}

var _ monitor.MetadataStore = (*Fallback)(nil)

// Context implements [monitor.MetadataStore].
func (f *Fallback) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	c, err := f.Local.Context(ctx, project, h)
	if !f.goesOn(err) {
		return c, err
	}
	c, ok := ask(ctx, f, f.Remote.Context, project, h)
	if !ok {
		return nil, err
	}
	rec := &monitor.Record{Project: project, Received: time.Now(), Context: c, Source: f.Source}
	if !f.keep(ctx, rec, h) {
		return nil, err
	}
	return rec.Context, nil
}

// Session implements [monitor.MetadataStore].
func (f *Fallback) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	s, err := f.Local.Session(ctx, project, h)
	if !f.goesOn(err) {
		return s, err
	}
	s, ok := ask(ctx, f, f.Remote.Session, project, h)
	if !ok {
		return nil, err
	}
	rec := &monitor.Record{Project: project, Received: time.Now(), Session: s, Source: f.Source}
	if !f.keep(ctx, rec, h) {
		return nil, err
	}
	return rec.Session, nil
}

// goesOn says whether the remote store is to be asked after the local one answered with err.
func (f *Fallback) goesOn(err error) bool {
	return monitor.ErrorCode(err) == monitor.ENotFound && f.Remote != nil && (f.Healthy == nil || f.Healthy()) &&
		f.limit().Tokens() >= 1
}

// limit is how many more misses there may be.
func (f *Fallback) limit() *rate.Limiter {
	if l := f.misses.Load(); l != nil {
		return l
	}
	f.misses.CompareAndSwap(nil, rate.NewLimiter(missesPerSecond, missesAtOnce))
	return f.misses.Load()
}

// ask looks up in the remote store within the deadline, which that store has to watch.
func ask[T any](ctx context.Context, f *Fallback, lookup func(context.Context, string, string) (*T, error),
	project, h string) (*T, bool) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(f.Deadline, DefaultDeadline))
	defer cancel()
	v, err := lookup(ctx, project, h)
	switch {
	case err == nil && v != nil:
		return v, true
	case err != nil && monitor.ErrorCode(err) != monitor.ENotFound:
		f.Logger.DebugContext(ctx, "remote lookup failed", "hash", h, "error", err)
	}
	f.limit().Allow()
	return nil, false
}

// keep stores what only the remote store had. The record then holds what is stored, which is another value if
// one arrived meanwhile.
func (f *Fallback) keep(ctx context.Context, rec *monitor.Record, h string) bool {
	if rec.Project == "" {
		return true
	}
	if err := f.Keep(ctx, rec); err != nil {
		f.Logger.WarnContext(ctx, "cannot keep what was fetched", "class", rec.Class(), "hash", h, "error", err)
		return false
	}
	return true
}
