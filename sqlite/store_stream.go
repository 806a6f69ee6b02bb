package sqlite

import (
	"context"
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// lister reads a list part by part. It first finds the positions of items and then reads the items, since an item can
// be as large as a request body.
type lister[P, T any] struct {
	// find returns the positions that w describes. It may return fewer when the budget is spent. Otherwise fewer
	// positions are the last ones of the list.
	find func(ctx context.Context, q querier, w wanted[P]) ([]P, error)
	// read returns the items at some positions. It fails with errEnough when the budget is spent. Then the caller asks
	// for fewer items.
	read func(ctx context.Context, q querier, positions []P, left *budget) ([]T, error)
}

// wanted describes the positions to find.
type wanted[P any] struct {
	after *P    // the last position found before; nil at the start of a list
	skip  int64 // how many positions to leave out
	max   int64 // how many positions to find at most
	left  *budget
}

// stream lists a page. Each use of the sequence starts at the beginning of the page.
func stream[P, T any](ctx context.Context, db *DB, p monitor.Page, l lister[P, T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for r := newReading(db.scale, p, l); !r.complete(); {
			items, err := readPart(ctx, db, func(q querier) ([]T, error) { return r.next(ctx, q) })
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

// reading is the state of a page that is being read.
type reading[P, T any] struct {
	scale
	lister[P, T]
	after      *P    // the last position found
	skip, left int64 // how many positions are still to be left out, and to be found
	last       bool  // the list has no positions after those found
	positions  []P   // found, not yet read
	atOnce     int   // how many items are read together
}

func newReading[P, T any](sizes scale, p monitor.Page, l lister[P, T]) *reading[P, T] {
	r := &reading[P, T]{scale: sizes, lister: l, skip: max(0, p.Offset), left: p.Limit, atOnce: math.MaxInt}
	if r.left <= 0 {
		r.left = math.MaxInt64
	}
	return r
}

func (r *reading[P, T]) complete() bool { return len(r.positions) == 0 && (r.last || r.left == 0) }

// next reads the next items.
func (r *reading[P, T]) next(ctx context.Context, q querier) ([]T, error) {
	if len(r.positions) == 0 {
		if err := r.findPart(ctx, q); err != nil {
			return nil, err
		}
	}
	for n := min(r.atOnce, len(r.positions)); n > 0; n /= 2 {
		limit := r.bytes
		if n == 1 {
			limit = math.MaxInt
		}
		left := limit
		items, err := r.read(ctx, q, r.positions[:n], &left)
		if err == errEnough {
			r.atOnce = n / 2
			continue
		}
		if limit-left < r.bytes/2 {
			r.atOnce = max(r.atOnce, 2*n)
		}
		if r.positions = r.positions[n:]; len(r.positions) == 0 {
			r.positions = nil // positions may be the items: this frees them before the next ones are read
		}
		return items, err
	}
	return nil, nil
}

// findPart finds the positions of the next part.
func (r *reading[P, T]) findPart(ctx context.Context, q querier) error {
	size, left := min(r.left, r.part), r.bytes
	positions, err := r.find(ctx, q, wanted[P]{r.after, r.skip, size, &left})
	if err != nil {
		return err
	}
	n := int64(len(positions))
	if n > 0 {
		last := positions[n-1]
		r.after = &last
	}
	r.last = n < size && left > 0
	r.positions, r.skip, r.left = positions, 0, r.left-n
	return nil
}
