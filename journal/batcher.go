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
	unpark   []uint64         // parked records that are in this batch
	aside    bool             // its only record was set aside before
	resent   bool             // its only record was delivered before

	// What was prepared of metadata and metrics, in parts of the courier's size; nil when nothing was.
	readyMetadata, readyMetrics []monitor.Delivery
}

func (b *batch) empty() bool { return len(b.metadata)+len(b.metrics)+len(b.park) == 0 }

// waiting is a metric that lacks its context or session, or both.
type waiting struct {
	monitor.Pending
	noContext, noSession       bool
	askedContext, askedSession bool // what is missing was looked up far away
	due                        bool // there was news since the last look
}

func (w *waiting) contextKey() hashKey { return hashKey{w.Project, w.Measured().ContextH} }
func (w *waiting) sessionKey() hashKey { return hashKey{w.Project, w.Measured().SessionH} }

// batcher builds one batch. It gives each metric its origin, or says what the metric waits for.
type batcher struct {
	givesUp  bool // a metric that waited for parkFor is delivered without the missing context or session
	now      time.Time
	contexts finder[monitor.Context]
	sessions finder[monitor.Session]
	known    *origins // of earlier batches; nil remembers nothing

	metadata []*monitor.Point
	pins     map[uint64]monitor.Origin // origins to pin before the batch is delivered
}

// points makes points of the records that need not wait, and returns the others. It keeps the points of contexts and
// sessions itself. It looks for contexts and sessions near by only.
func (b *batcher) points(ctx context.Context, recs []monitor.Pending) (ready []*monitor.Point, wait []waiting, err error) {
	points := make([]monitor.Point, len(recs))
	for i, rec := range recs {
		points[i].Record = rec.Record
		switch {
		case rec.Context != nil:
			b.metadata, b.contexts.news[rec.Context.H] = append(b.metadata, &points[i]), true
			continue
		case rec.Session != nil:
			b.metadata, b.sessions.news[rec.Session.SessionH] = append(b.metadata, &points[i]), true
			continue
		}
		w := waiting{Pending: rec}
		if points[i].Origin, err = b.originOf(ctx, &w); err != nil {
			return nil, nil, err
		}
		if w.noContext || w.noSession {
			wait = append(wait, w)
		} else {
			ready = append(ready, &points[i])
		}
	}
	return ready, wait, nil
}

// again looks again at the waiting metrics that have expired or for which there is news. It makes points of at most max of
// them, and returns the others.
func (b *batcher) again(ctx context.Context, all []waiting, max int) (ready []*monitor.Point, still []waiting, err error) {
	for _, w := range all {
		if m := w.Measured(); w.noContext && b.contexts.news[m.ContextH] || w.noSession && b.sessions.news[m.SessionH] {
			w.due, w.noContext, w.noSession = true, false, false
		}
		w.askedContext = w.askedContext || b.contexts.asked[w.contextKey()]
		w.askedSession = w.askedSession || b.sessions.asked[w.sessionKey()]
		if !w.due && !b.expired(&w) || len(ready) == max {
			still = append(still, w)
			continue
		}
		w.due = false
		origin, err := b.originOf(ctx, &w)
		switch {
		case err != nil:
			return nil, nil, err
		case w.noContext || w.noSession:
			still = append(still, w)
		default:
			ready = append(ready, &monitor.Point{Record: w.Record, Origin: origin})
		}
	}
	return ready, still, nil
}

// expired says that a parked metric has waited long enough, and that what it lacks was looked up far away, or could not be
// for too long. A negative wait means that the clock was set back. The metric would wait longer by that time, so it stops
// waiting now.
func (b *batcher) expired(w *waiting) bool {
	if w.Since.IsZero() {
		return false
	}
	age := b.now.Sub(w.Since)
	asked := (!w.noContext || w.askedContext) && (!w.noSession || w.askedSession)
	return age < 0 || age >= parkFor && b.givesUp && (asked || age >= parkAtMost)
}

// originOf returns the origin of a metric for this and every later delivery, and notes what it lacks. It does not look for
// what the metric is known to lack. An expired metric lacks nothing.
func (b *batcher) originOf(ctx context.Context, w *waiting) (origin monitor.Origin, err error) {
	if w.Pinned != nil {
		return *w.Pinned, nil
	}
	key := originKey{w.contextKey(), w.sessionKey()}
	if origin, ok := b.known.get(key); ok && !w.noContext && !w.noSession {
		return origin, nil
	}
	m, c, s := w.Measured(), lacking[monitor.Context](), lacking[monitor.Session]()
	if !w.noContext {
		if c, err = b.contexts.find(ctx, w.Project, m.ContextH); err != nil {
			return origin, err
		}
	}
	if !w.noSession {
		if s, err = b.sessions.find(ctx, w.Project, m.SessionH); err != nil {
			return origin, err
		}
	}
	if w.noContext, w.noSession = c.missing, s.missing; b.expired(w) {
		w.noContext, w.noSession = false, false
	}
	if w.noContext || w.noSession {
		return origin, nil
	}
	origin = monitor.OriginOf(m.SessionH, c.value, s.value)
	if !c.sameProject || !s.sameProject {
		b.pins[w.Seq] = origin
	} else {
		b.known.add(key, origin)
	}
	return origin, nil
}
