package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"golang.org/x/sync/singleflight"

	"pymon-bridge/monitor"
)

// Defaults of a [Store].
const (
	DefaultMaxBytes    = 32 << 20
	DefaultNegativeTTL = 3 * time.Second
)

const (
	// Timeout bounds one lookup in the store. The lookup goes on when its callers give up.
	Timeout = 10 * time.Second
	// stripes is the number of put counters. After a put, the hashes that share its counter are looked up once more.
	stripes = 4096
	// typicalBytes is about the size of an entry. Ristretto wants ten counters for each entry that it can hold.
	typicalBytes = 1024
	// bufferItems is the size of ristretto's read buffers. Ristretto's authors recommend this size.
	bufferItems = 64
)

// Store is a [monitor.MetadataStore] and [monitor.MetadataCache] in front of another store. It is safe for
// concurrent use. The exported fields may be set before Open.
type Store struct {
	// MaxBytes bounds the memory of the cached values; [DefaultMaxBytes] when 0.
	MaxBytes int64
	// NegativeTTL is how long an absence is remembered; [DefaultNegativeTTL] when 0. A put ends an absence at once. So only
	// a value that arrives in the store without a put is found late, such as a value from another bridge.
	NegativeTTL time.Duration

	store   monitor.MetadataStore
	seed    maphash.Seed
	lookups singleflight.Group
	puts    [stripes]atomic.Uint64

	// mu keeps the cache open while it is used: ristretto must not be called during or after its Close.
	mu    sync.RWMutex
	cache *ristretto.Cache[uint64, *entry]

	hits, misses, negativeHits atomic.Uint64
}

var (
	_ monitor.MetadataStore = (*Store)(nil)
	_ monitor.MetadataCache = (*Store)(nil)
)

// NewStore returns a cache in front of store. Before Open and after Close, every lookup asks the store.
func NewStore(store monitor.MetadataStore) *Store {
	return &Store{store: store, seed: maphash.MakeSeed()}
}

// Open allocates the cache. It fails when the cache is open already.
func (s *Store) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache != nil {
		return monitor.Errorf(monitor.EInternal, "the cache is open already")
	}
	maxBytes := cmp.Or(s.MaxBytes, DefaultMaxBytes)
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *entry]{
		NumCounters: max(10*maxBytes/typicalBytes, 1000),
		MaxCost:     maxBytes,
		BufferItems: bufferItems,
		// A lookup that began before a put may end after the put. What it found must not replace the value.
		ShouldUpdate: func(cur, prev *entry) bool { return cur.puts >= prev.puts },
	})
	if err != nil {
		return fmt.Errorf("open cache of %d bytes: %w", maxBytes, err)
	}
	s.cache = cache
	return nil
}

// Close frees the cache.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache != nil {
		s.cache.Close()
		s.cache = nil
	}
	return nil
}

// Clear forgets everything, for values that the store no longer has. What lookups under way find is not remembered.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.puts {
		s.puts[i].Add(1)
	}
	if s.cache != nil {
		s.cache.Clear()
	}
}

// Lookups returns the counts so far.
func (s *Store) Lookups() monitor.Lookups {
	return monitor.Lookups{Hits: s.hits.Load(), Misses: s.misses.Load(), Negative: s.negativeHits.Load()}
}

// Context implements [monitor.MetadataStore].
func (s *Store) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	e, err := s.find(ctx, key{monitor.ClassContext, project, h})
	if err != nil {
		return nil, err
	}
	return e.context, nil
}

// Session implements [monitor.MetadataStore].
func (s *Store) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	e, err := s.find(ctx, key{monitor.ClassSession, project, h})
	if err != nil {
		return nil, err
	}
	return e.session, nil
}

// PutContext caches a context that the store now has. The context must not be changed afterwards.
func (s *Store) PutContext(project string, c *monitor.Context) {
	s.put(&entry{key: key{monitor.ClassContext, project, c.H}, context: c})
}

// PutSession caches a session that the store now has. The session must not be changed afterwards.
func (s *Store) PutSession(project string, ses *monitor.Session) {
	s.put(&entry{key: key{monitor.ClassSession, project, ses.SessionH}, session: ses})
}

// put ends what is remembered of the hash, in its project and in any project, and caches the value. It does not cache the
// value for lookups in any project, because the store decides which project's value they find.
func (s *Store) put(e *entry) {
	e.puts = s.stripe(e.key).Add(1)
	s.remember(e, 0)
}

// find answers from the cache, else from the store.
func (s *Store) find(ctx context.Context, k key) (*entry, error) {
	// The number of puts is read before the cache and the store. So a put or a Clear after that makes this number too small.
	puts := s.stripe(k).Load()
	switch e := s.cached(k); {
	case e == nil || e.puts != puts:
		s.misses.Add(1)
		return s.lookUp(ctx, k, puts)
	case e.absent():
		s.negativeHits.Add(1)
		return nil, notFound(e)
	default:
		s.hits.Add(1)
		return e, nil
	}
}

// lookUp asks the store. One lookup serves all callers that ask for k after the same put. The lookup goes on when a caller
// gives up.
func (s *Store) lookUp(ctx context.Context, k key, puts uint64) (*entry, error) {
	result := s.lookups.DoChan(k.lookupName(puts), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
		defer cancel()
		return s.ask(ctx, k, puts)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*entry), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask reads the store and remembers the value or its absence, but no other error. A panic of the store becomes an error: it
// happens in a goroutine of its own, where no caller can recover it, and would end the program.
func (s *Store) ask(ctx context.Context, k key, puts uint64) (e *entry, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, err = nil, monitor.Errorf(monitor.EInternal, "panic while looking up %s %q: %v", k.class, k.h, p)
		}
	}()
	e = &entry{key: k, puts: puts}
	if k.class == monitor.ClassContext {
		e.context, err = s.store.Context(ctx, k.project, k.h)
	} else {
		e.session, err = s.store.Session(ctx, k.project, k.h)
	}
	switch {
	case err == nil && e.absent():
		return nil, monitor.Errorf(monitor.EInternal, "the store returned neither %s %q nor an error", k.class, k.h)
	case err == nil:
		s.remember(e, 0)
		return e, nil
	case monitor.ErrorCode(err) != monitor.ENotFound:
		return nil, err
	}
	s.remember(&entry{key: k, puts: puts, partial: errors.Is(err, monitor.ErrNotAsked)}, cmp.Or(s.NegativeTTL, DefaultNegativeTTL))
	return nil, err
}

// cached returns the cached entry of k, nil when the cache has none or has the entry of another key with the same hash.
func (s *Store) cached(k key) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.cache == nil {
		return nil
	}
	if e, ok := s.cache.Get(s.hash(k)); ok && e.key == k {
		return e
	}
	return nil
}

func (s *Store) remember(e *entry, ttl time.Duration) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.cache != nil {
		s.cache.SetWithTTL(s.hash(e.key), e, e.cost(), ttl)
	}
}

func (s *Store) hash(k key) uint64 { return maphash.Comparable(s.seed, k) }

// stripe returns the put counter of a hash. Its project does not matter: a put in one project counts for lookups in any.
func (s *Store) stripe(k key) *atomic.Uint64 {
	return &s.puts[maphash.String(s.seed, k.h)%stripes]
}

func notFound(absence *entry) error {
	err := monitor.Errorf(monitor.ENotFound, "there is no %s %q", absence.class, absence.h)
	if absence.partial {
		err.Err = monitor.ErrNotAsked
	}
	return err
}
