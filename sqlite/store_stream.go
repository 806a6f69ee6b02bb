package sqlite

import (
	"context"
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// lister reads a list part by part, in two steps, so that what stands at a position can be read when it is wanted: an item can
// be as large as a request body.
type lister[P, T any] struct {
	// find returns up to max positions of those that come after the ones found before, without the first skip of them. Fewer
	// are the last, unless the budget is spent.
	find func(q querier, skip, max int64, left *budget) ([]P, error)
	// read returns what stands at some positions. It fails with errEnough when the budget is spent, and is then asked for
	// fewer.
	read func(q querier, positions []P, left *budget) ([]T, error)
}

// direct lists what is found in one step.
func direct[T any](find func(q querier, skip, max int64, left *budget) ([]T, error)) lister[T, T] {
	return lister[T, T]{find, func(_ querier, items []T, _ *budget) ([]T, error) { return items, nil }}
}

// stream lists a page of what a lister reads. Each use of the sequence begins anew with a lister of its own.
func stream[P, T any](ctx context.Context, db *DB, p monitor.Page, open func() lister[P, T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		r := newReading(db.scale, p, open())
		for !r.complete() {
			items, err := part(ctx, db, r.next)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items {
				if err := ctx.Err(); err != nil {
					yield(none, err)
					return
				}
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// reading is how far a page of a list was read.
type reading[P, T any] struct {
	scale
	lister[P, T]
	skip, left int64 // positions still to be left out, and to be found
	size       int64 // of the next part
	last       bool  // nothing comes after the positions found
	positions  []P   // found, but not yet read
	atOnce     int   // how many are read together
}

func newReading[P, T any](of scale, p monitor.Page, l lister[P, T]) *reading[P, T] {
	r := &reading[P, T]{scale: of, lister: l, skip: max(0, p.Offset), left: p.Limit, size: of.firstPart, atOnce: math.MaxInt}
	if r.left <= 0 {
		r.left = math.MaxInt64
	}
	return r
}

func (r *reading[P, T]) complete() bool { return len(r.positions) == 0 && (r.last || r.left == 0) }

// next reads the next items from one state of the file.
func (r *reading[P, T]) next(q querier) ([]T, error) {
	if len(r.positions) == 0 {
		if err := r.findPart(q); err != nil {
			return nil, err
		}
	}
	for n := min(r.atOnce, len(r.positions)); n > 0; n /= 2 {
		limit := r.bytes
		if n == 1 {
			limit = math.MaxInt
		}
		left := limit
		items, err := r.read(q, r.positions[:n], &left)
		if err == errEnough {
			r.atOnce = n / 2
			continue
		}
		if limit-left < r.bytes/2 {
			r.atOnce = max(r.atOnce, 2*n)
		}
		if r.positions = r.positions[n:]; len(r.positions) == 0 {
			r.positions = nil // they may be the items, which are let go before the next are read
		}
		return items, err
	}
	return nil, nil
}

// findPart finds the positions of the next part.
func (r *reading[P, T]) findPart(q querier) error {
	want, left := min(r.left, r.size), r.bytes
	positions, err := r.find(q, r.skip, want, &left)
	if err != nil {
		return err
	}
	r.last = int64(len(positions)) < want && left > 0
	r.positions, r.skip, r.left, r.size = positions, 0, r.left-int64(len(positions)), r.laterPart
	return nil
}
