package cache

import (
	"cmp"
	"context"
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
	// Timeout bounds one lookup in the store, which outlives callers that give up.
	Timeout = 10 * time.Second
	// stripes is the number of put counters. Hashes that share one only cost each other a remembered absence.
	stripes = 4096
	// typicalBytes is about what an entry takes; ristretto wants ten counters for each entry it can hold.
	typicalBytes = 1024
	// bufferItems is the size of ristretto's read buffers that its authors recommend.
	bufferItems = 64
)

// Store is a [monitor.MetadataStore] and [monitor.MetadataCache] in front of another store. It is safe for
// concurrent use. The exported fields may be set before Open.
type Store struct {
	// MaxBytes bounds the memory for what is cached; [DefaultMaxBytes] when 0.
	MaxBytes int64
	// NegativeTTL is how long an absence is remembered; [DefaultNegativeTTL] when 0. Puts end it at once, so it
	// only delays what arrives in the store without a put, such as from another bridge.
	NegativeTTL time.Duration

	store   monitor.MetadataStore
	seed    maphash.Seed
	flights singleflight.Group
	puts    [stripes]atomic.Uint64

	// mu keeps the cache open while it is used: ristretto must not be called during and after its Close.
	mu    sync.RWMutex
	cache *ristretto.Cache[uint64, *entry]

	hits, misses, negativeHits atomic.Uint64
}

var (
	_ monitor.MetadataStore = (*Store)(nil)
	_ monitor.MetadataCache = (*Store)(nil)
)

// NewStore returns a cache in front of store. It works before Open and after Close too, by asking the store.
func NewStore(store monitor.MetadataStore) *Store {
	return &Store{store: store, seed: maphash.MakeSeed()}
}

// Open allocates the cache.
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
		// A lookup that began before a put may end after it; its absence must not push out the value.
		ShouldUpdate: func(cur, prev *entry) bool { return !cur.absent() || prev.absent() },
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

// Stats counts lookups since the start.
type Stats struct {
	Hits         uint64 // answered with a value from the cache
	Misses       uint64 // had to ask the store
	NegativeHits uint64 // answered with a remembered absence
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	return Stats{Hits: s.hits.Load(), Misses: s.misses.Load(), NegativeHits: s.negativeHits.Load()}
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

// PutContext tells of a context that the store has from now on. It must not be changed any more.
func (s *Store) PutContext(project string, c *monitor.Context) {
	s.put(&entry{key: key{monitor.ClassContext, project, c.H}, context: c})
}

// PutSession tells of a session that the store has from now on. It must not be changed any more.
func (s *Store) PutSession(project string, ses *monitor.Session) {
	s.put(&entry{key: key{monitor.ClassSession, project, ses.SessionH}, session: ses})
}

// put ends what is remembered of the hash's absence, in this and in any project, and caches the value. Which
// project's value a lookup in any project finds is the store's to say.
func (s *Store) put(e *entry) {
	s.stripe(e.key).Add(1)
	s.remember(e, 0)
}

// find answers from the cache, else from the store.
func (s *Store) find(ctx context.Context, k key) (*entry, error) {
	// The number of puts is read before the cache and the store: any later put makes it too small.
	puts := s.stripe(k).Load()
	if e := s.cached(k); e != nil {
		if !e.absent() {
			s.hits.Add(1)
			return e, nil
		}
		if e.puts == puts {
			s.negativeHits.Add(1)
			return nil, notFound(k)
		}
	}
	s.misses.Add(1)
	return s.fly(ctx, k, puts)
}

// fly waits for the one lookup that serves all who ask for k since the last put. The lookup goes on without a
// caller who gives up.
func (s *Store) fly(ctx context.Context, k key, puts uint64) (*entry, error) {
	flight := s.flights.DoChan(k.flight(puts), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
		defer cancel()
		return s.ask(ctx, k, puts)
	})
	select {
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*entry), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask reads the store and remembers what it said, unless that was an error. A panic of the store becomes an error,
// since in a flight of its own nobody else could stop it from ending the program.
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
		return nil, monitor.Errorf(monitor.EInternal, "looking up %s %q gave nothing", k.class, k.h)
	case err == nil:
		s.remember(e, 0)
		return e, nil
	case monitor.ErrorCode(err) != monitor.ENotFound:
		return nil, err
	}
	s.remember(&entry{key: k, puts: puts}, cmp.Or(s.NegativeTTL, DefaultNegativeTTL))
	return nil, err
}

// cached returns what the cache holds for k, nil if nothing or the entry of another key with the same hash.
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

// stripe returns the put counter of a hash, whatever its project: a put in one ends an absence in all.
func (s *Store) stripe(k key) *atomic.Uint64 {
	return &s.puts[maphash.String(s.seed, k.h)%stripes]
}

func notFound(k key) error {
	return monitor.Errorf(monitor.ENotFound, "there is no %s %q", k.class, k.h)
}
