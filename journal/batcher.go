package journal

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// batch is a set of points that are delivered and acknowledged together.
type batch struct {
	metadata []*monitor.Point // contexts and sessions
	metrics  []*monitor.Point // metrics and outcomes; the unparked ones come first
	cursor   uint64           // every record up to this number is in this batch, in an earlier batch, or parked
	park     []uint64         // metrics that start to wait
	unpark   []uint64         // parked metrics that are in this batch
}

func (b *batch) empty() bool { return len(b.metadata)+len(b.metrics)+len(b.park) == 0 }

// batcher builds one batch. It gives each metric its origin, or parks the metric.
type batcher struct {
	size     int  // most metrics to unpark
	givesUp  bool // a metric that waited for parkFor is delivered without the missing context or session
	now      time.Time
	contexts finder[monitor.Context]
	sessions finder[monitor.Session]

	batch batch
	pins  map[uint64]monitor.Origin // origins to pin before the batch is delivered
}

// add adds newly read records to the batch, and returns the metrics that it parks.
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

// unpark adds at most b.size parked metrics that need not wait any longer, and returns the others.
func (b *batcher) unpark(ctx context.Context, parked []monitor.Pending) (still []monitor.Pending, err error) {
	for i, rec := range parked {
		if len(b.batch.unpark) == b.size {
			return append(still, parked[i:]...), nil
		}
		// A negative age means that the clock was set back. The wait would be longer by that time, so it ends now.
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

// originOf returns the origin of a metric for this and every later delivery. The origin is not ready while the context or
// the session is missing, unless anyway is true.
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
	if !c.sameProject || !s.sameProject {
		b.pins[rec.Seq] = origin
	}
	return origin, true, nil
}

// finder finds contexts or sessions by their hash. It looks up each hash once.
type finder[T any] struct {
	lookup  func(ctx context.Context, project, h string) (*T, error)
	results map[hashKey]lookupResult[T]
}

func newFinder[T any](lookup func(ctx context.Context, project, h string) (*T, error)) finder[T] {
	return finder[T]{lookup, map[hashKey]lookupResult[T]{}}
}

type hashKey struct{ project, h string }

// lookupResult is the context or session of a hash.
type lookupResult[T any] struct {
	value       *T   // nil when there is none
	sameProject bool // the value was stored for the metric's project
	missing     bool // the value may still arrive; false for an empty hash, for which nothing can arrive
}

// find looks up a hash in the project, then in any project.
func (f finder[T]) find(ctx context.Context, project, h string) (lookupResult[T], error) {
	if h == "" {
		return lookupResult[T]{}, nil
	}
	key := hashKey{project, h}
	if result, ok := f.results[key]; ok {
		return result, nil
	}
	result := lookupResult[T]{missing: true}
	for _, in := range []string{project, ""} {
		v, err := f.lookup(ctx, in, h)
		if err == nil {
			result = lookupResult[T]{value: v, sameProject: in == project}
			break
		}
		if monitor.ErrorCode(err) != monitor.ENotFound {
			return result, err
		}
	}
	f.results[key] = result
	return result, nil
}
