package journal

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"pymon-bridge/monitor"
)

type hashKey struct{ project, h string }

// lookup looks up a context or a session.
type lookup[T any] func(ctx context.Context, project, h string) (*T, error)

// finder finds contexts or sessions by their hash. It looks up each hash once.
type finder[T any] struct {
	near, far lookup[T]
	results   map[hashKey]lookupResult[T]
	news      map[string]bool  // hashes of which something has just arrived or was found
	asked     map[hashKey]bool // hashes that were looked up far away, and are not there
}

func newFinder[T any](near, far lookup[T]) finder[T] {
	return finder[T]{near, far, map[hashKey]lookupResult[T]{}, map[string]bool{}, map[hashKey]bool{}}
}

// lookupResult is the context or session of a hash.
type lookupResult[T any] struct {
	value       *T   // nil when there is none
	sameProject bool // the value was found near by, for the metric's project
	missing     bool // the value may still arrive; false for an empty hash, for which nothing can arrive
	asked       bool // the store asked everywhere for what is missing
}

// find looks up a hash near by.
func (f finder[T]) find(ctx context.Context, project, h string) (result lookupResult[T], err error) {
	if h == "" {
		return lookupResult[T]{}, nil
	}
	key := hashKey{project, h}
	result, ok := f.results[key]
	if !ok {
		if result, err = look(ctx, f.near, key); err == nil {
			f.results[key] = result
		}
	}
	return result, err
}

// look looks up a hash in the project, then in any project.
func look[T any](ctx context.Context, at lookup[T], key hashKey) (lookupResult[T], error) {
	none := lookupResult[T]{missing: true, asked: true}
	for _, in := range []string{key.project, ""} {
		v, err := at(ctx, in, key.h)
		if err == nil {
			return lookupResult[T]{value: v, sameProject: in == key.project}, nil
		}
		if monitor.ErrorCode(err) != monitor.ENotFound {
			return lookupResult[T]{}, err
		}
		none.asked = none.asked && !errors.Is(err, monitor.ErrNotAsked)
	}
	return none, nil
}

func lacking[T any]() lookupResult[T] { return lookupResult[T]{missing: true} }

// searchers is how many lookups far away are on their way at once.
const searchers = 16

// search looks far away for what metrics wait for, and stops after searchFor. What it finds is news, and find returns it.
func (b *batcher) search(ctx context.Context, all []waiting) error {
	soon, cancel := context.WithTimeout(ctx, searchFor)
	defer cancel()
	lookups, soon := errgroup.WithContext(soon)
	lookups.SetLimit(searchers)
	var mu sync.Mutex
	for _, w := range wantedOf(all) {
		if soon.Err() != nil {
			break
		}
		lookups.Go(func() error {
			if w.session {
				return b.sessions.search(soon, w.hashKey, &mu)
			}
			return b.contexts.search(soon, w.hashKey, &mu)
		})
	}
	err := lookups.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// search looks up a hash far away. It holds mu while it notes the result. What is found there, and was not kept near by, may be gone
// later, so the origin is pinned.
func (f finder[T]) search(ctx context.Context, key hashKey, mu *sync.Mutex) error {
	result, err := look(ctx, f.far, key)
	if result.sameProject {
		kept, err := look(ctx, f.near, key)
		result.sameProject = err == nil && kept.sameProject
	}
	mu.Lock()
	defer mu.Unlock()
	switch {
	case err != nil:
	case !result.missing:
		f.results[key], f.news[key.h] = result, true
	case result.asked:
		f.asked[key] = true
	}
	return err
}

// wanted is the hash of a missing context or session.
type wanted struct {
	hashKey
	session bool
}

// wantedOf returns each hash that metrics wait for, in an order that is fair: projects take turns, and the order within a
// project is random. So the many unknown hashes of one client keep nobody else's hash from being looked up.
func wantedOf(all []waiting) (order []wanted) {
	turns := make(map[wanted]int, len(all))
	for _, w := range all {
		if w.noContext {
			turns[wanted{w.contextKey(), false}] = 0
		}
		if w.noSession {
			turns[wanted{w.sessionKey(), true}] = 0
		}
	}
	for w := range turns {
		order = append(order, w)
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	last := map[string]int{}
	for _, w := range order {
		last[w.project]++
		turns[w] = last[w.project]
	}
	slices.SortStableFunc(order, func(a, b wanted) int { return cmp.Compare(turns[a], turns[b]) })
	return order
}
