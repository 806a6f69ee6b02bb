package journal

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// batch is what is delivered and acknowledged together.
type batch struct {
	metadata []*monitor.Point // contexts and sessions
	metrics  []*monitor.Point // and outcomes; those that were parked come first
	cursor   uint64           // everything up to here is in this batch, an earlier one, or parked
	park     []uint64
	unpark   []uint64
}

func (b *batch) empty() bool { return len(b.metadata)+len(b.metrics)+len(b.park) == 0 }

// batcher makes one batch: it gives each metric its origin or parks it.
type batcher struct {
	size     int  // most metrics unparked
	givesUp  bool // a metric that waited for parkFor goes out without what is missing
	now      time.Time
	contexts finder[monitor.Context]
	sessions finder[monitor.Session]

	batch batch
	pins  map[uint64]monitor.Origin // to be pinned before the batch is delivered
}

// add adds records that were read for the first time and returns those that it parks.
func (b *batcher) add(ctx context.Context, recs []monitor.Pending) (parked []monitor.Pending, err error) {
	points := make([]monitor.Point, len(recs))
	for i, rec := range recs {
		b.batch.cursor = rec.Seq
		points[i].Record = rec.Record
		if rec.Measured() == nil {
			b.batch.metadata = append(b.batch.metadata, &points[i])
			continue
		}
		origin, ready, err := b.originOf(ctx, rec, false)
		switch {
		case err != nil:
			return nil, err
		case ready:
			points[i].Origin = origin
			b.batch.metrics = append(b.batch.metrics, &points[i])
		default:
			rec.Since = b.now
			parked = append(parked, rec)
			b.batch.park = append(b.batch.park, rec.Seq)
		}
	}
	return parked, nil
}

// unpark adds the parked metrics that need not wait any longer, up to the batch's size, and returns the others.
func (b *batcher) unpark(ctx context.Context, parked []monitor.Pending) (still []monitor.Pending, err error) {
	for i, rec := range parked {
		if len(b.batch.unpark) == b.size {
			return append(still, parked[i:]...), nil
		}
		// Where the clock was set back, the age is negative: waiting would take as much longer.
		age := b.now.Sub(rec.Since)
		origin, ready, err := b.originOf(ctx, rec, age < 0 || age >= parkFor && b.givesUp)
		switch {
		case err != nil:
			return nil, err
		case ready:
			b.batch.metrics = append(b.batch.metrics, &monitor.Point{Record: rec.Record, Origin: origin})
			b.batch.unpark = append(b.batch.unpark, rec.Seq)
		default:
			still = append(still, rec)
		}
	}
	return still, nil
}

// originOf returns the origin of a metric for this and every later delivery. It is not ready while the context or session
// is missing; with anyway it is ready without them.
func (b *batcher) originOf(ctx context.Context, rec monitor.Pending, anyway bool) (origin monitor.Origin, ready bool, err error) {
	if rec.Pinned != nil {
		return *rec.Pinned, true, nil
	}
	m := rec.Measured()
	c, err := b.contexts.find(ctx, rec.Project, m.ContextH)
	if err != nil {
		return origin, false, err
	}
	s, err := b.sessions.find(ctx, rec.Project, m.SessionH)
	if err != nil || (c.missing || s.missing) && !anyway {
		return origin, false, err
	}
	origin = monitor.OriginOf(m.SessionH, c.value, s.value)
	if !c.own || !s.own {
		b.pins[rec.Seq] = origin
	}
	return origin, true, nil
}

// finder finds contexts or sessions by their hash, and looks up each once.
type finder[T any] struct {
	lookup func(ctx context.Context, project, h string) (*T, error)
	seen   map[hashKey]found[T]
}

func newFinder[T any](lookup func(ctx context.Context, project, h string) (*T, error)) finder[T] {
	return finder[T]{lookup, map[hashKey]found[T]{}}
}

type hashKey struct{ project, h string }

// found is the context or session of a hash.
type found[T any] struct {
	value   *T   // nil where there is none
	own     bool // it is the project's own
	missing bool // it is not there yet; what has no hash will never be, and so is not missing
}

// find looks in the project, then in any.
func (f finder[T]) find(ctx context.Context, project, h string) (found[T], error) {
	if h == "" {
		return found[T]{}, nil
	}
	key := hashKey{project, h}
	if v, ok := f.seen[key]; ok {
		return v, nil
	}
	result := found[T]{missing: true}
	for _, in := range []string{project, ""} {
		v, err := f.lookup(ctx, in, h)
		if err == nil {
			result = found[T]{value: v, own: in == project}
			break
		}
		if monitor.ErrorCode(err) != monitor.ENotFound {
			return result, err
		}
	}
	f.seen[key] = result
	return result, nil
}
