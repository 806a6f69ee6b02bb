package cache

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"pymon-bridge/monitor"
)

const (
	// Deadline is how long a [Fallback] waits for its remote store.
	Deadline = 100 * time.Millisecond

	// missesPerSecond and missesAtOnce bound lookups of what the remote store does not have either. Each pytest process
	// causes one or two. Without a bound, a client that sends many hashes that nobody knows would make all others wait.
	missesPerSecond = 10
	missesAtOnce    = 100
)

// Fallback is a [monitor.MetadataStore] that asks a local store, and a remote one for what the local one does not have.
// Keep stores what the remote store had before it is returned, so that it is found ever after; where Keep fails, the
// value counts as absent. A value found in any project (project is empty) is not kept, since its project is not known.
//
// Callers get ENotFound where the remote store fails, is slow or is not healthy, and where it was asked in vain too often
// lately. A Fallback is safe for concurrent use.
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
	// Logger takes what went wrong with Remote and Keep.
	Logger *slog.Logger

	once   sync.Once
	misses *rate.Limiter
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
	f.once.Do(func() { f.misses = rate.NewLimiter(missesPerSecond, missesAtOnce) })
	return f.misses
}

// ask looks up in the remote store within the deadline, which that store has to watch.
func ask[T any](ctx context.Context, f *Fallback, lookup func(context.Context, string, string) (*T, error),
	project, h string) (*T, bool) {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
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
