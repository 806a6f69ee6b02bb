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

	// missesPerSecond and missesAtOnce bound the lookups for which the remote store has no value. Each pytest process
	// causes one or two. Without a bound, a client that sends many unknown hashes would make all other clients wait.
	missesPerSecond = 10
	missesAtOnce    = 100
)

// Fallback is a [monitor.MetadataStore] that asks a local store first, and then a remote store. Keep stores a remote value
// locally before a lookup returns it, so that it is found for ever. When Keep fails, the lookup fails with ENotFound. A
// value that is found in any project (project is empty) is not kept, because its project is not known.
//
// Lookups fail with ENotFound when the remote store fails, is slow or is not healthy, and after too many misses. The cause
// is then [monitor.ErrNotAsked], unless the remote store denies access. A Fallback is safe for concurrent use.
type Fallback struct {
	// Local is asked first. Its errors other than ENotFound are returned.
	Local monitor.MetadataStore
	// Remote is asked next; nil when there is none.
	Remote monitor.MetadataStore
	// Source is the destination that Remote reads from. Kept records name it, so that they are not delivered to it again.
	Source monitor.Destination
	// Keep stores a record in its project.
	Keep func(ctx context.Context, rec *monitor.Record) error
	// Healthy says whether Remote can answer; nil means always.
	Healthy func() bool
	// Logger gets the errors of Remote and Keep.
	Logger *slog.Logger

	once   sync.Once
	misses *rate.Limiter
}

var _ monitor.MetadataStore = (*Fallback)(nil)

// Context implements [monitor.MetadataStore].
func (f *Fallback) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	c, err := f.Local.Context(ctx, project, h)
	if !f.asksRemote(err) {
		return c, err
	}
	if c, err = ask(ctx, f, f.Remote.Context, project, h, err); err != nil {
		return nil, err
	}
	rec := &monitor.Record{Project: project, Received: time.Now(), Context: c, Source: f.Source}
	if err = f.keep(ctx, rec, h); err != nil {
		return nil, err
	}
	return rec.Context, nil
}

// Session implements [monitor.MetadataStore].
func (f *Fallback) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	s, err := f.Local.Session(ctx, project, h)
	if !f.asksRemote(err) {
		return s, err
	}
	if s, err = ask(ctx, f, f.Remote.Session, project, h, err); err != nil {
		return nil, err
	}
	rec := &monitor.Record{Project: project, Received: time.Now(), Session: s, Source: f.Source}
	if err = f.keep(ctx, rec, h); err != nil {
		return nil, err
	}
	return rec.Session, nil
}

// asksRemote says whether to ask the remote store after the local store returned err.
func (f *Fallback) asksRemote(err error) bool {
	return monitor.ErrorCode(err) == monitor.ENotFound && f.Remote != nil
}

// limit returns the limiter of misses.
func (f *Fallback) limit() *rate.Limiter {
	f.once.Do(func() { f.misses = rate.NewLimiter(missesPerSecond, missesAtOnce) })
	return f.misses
}

// ask looks up in the remote store, which must return when the deadline is over. missing is what the local store said.
func ask[T any](ctx context.Context, f *Fallback, lookup func(context.Context, string, string) (*T, error),
	project, h string, missing error) (*T, error) {
	if f.Healthy != nil && !f.Healthy() || f.limit().Tokens() < 1 {
		return nil, notAsked(missing)
	}
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	v, err := lookup(ctx, project, h)
	if err == nil && v != nil {
		return v, nil
	}
	f.limit().Allow()
	code := monitor.ErrorCode(err)
	if err != nil && code != monitor.ENotFound {
		f.Logger.DebugContext(ctx, "remote lookup failed", "hash", h, "error", err)
	}
	if code == monitor.EUnavailable || code == monitor.EInternal {
		return nil, notAsked(missing)
	}
	return nil, missing // also when it was denied: asking again would not help
}

func notAsked(missing error) error {
	return monitor.Errorf(monitor.ENotFound, "%s: %w", missing, monitor.ErrNotAsked)
}

// keep stores a record from the remote store. Afterwards the record holds the stored value: another value, if one arrived
// meanwhile.
func (f *Fallback) keep(ctx context.Context, rec *monitor.Record, h string) error {
	if rec.Project == "" {
		return nil
	}
	if err := f.Keep(ctx, rec); err != nil {
		f.Logger.WarnContext(ctx, "cannot keep a fetched record", "class", rec.Class(), "hash", h, "error", err)
		return notAsked(err)
	}
	return nil
}
