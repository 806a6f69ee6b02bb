package journal

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// batcher makes one batch: it gives each metric its origin or parks it.
type batcher struct {
	*Courier
	ctx   context.Context
	now   time.Time
	batch batch
	notes map[uint64]monitor.Origin // to be noted before the batch is delivered
	found map[where]origin          // each looked up once
	ctxs  map[place]*monitor.Context
	sess  map[place]*monitor.Session
}

// where is what a metric's origin depends on.
type where struct{ project, contextH, sessionH string }

// place is where a context or session is looked up.
type place struct{ project, h string }

// origin is what was found out about where metrics come from.
type origin struct {
	monitor.Origin
	complete bool // nothing is missing that may still come
	own      bool // it follows from what is stored of the metric's own project
}

func newBatcher(ctx context.Context, c *Courier, now time.Time, cursor uint64) *batcher {
	return &batcher{
		Courier: c,
		ctx:     ctx,
		now:     now,
		batch:   batch{cursor: cursor},
		notes:   map[uint64]monitor.Origin{},
		found:   map[where]origin{},
		ctxs:    map[place]*monitor.Context{},
		sess:    map[place]*monitor.Session{},
	}
}

// pack adds records that were read for the first time and returns those that it parks.
func (p *batcher) pack(recs []monitor.Pending) (held []monitor.Pending, err error) {
	points := make([]monitor.Point, len(recs))
	for i, rec := range recs {
		p.batch.cursor = rec.Seq
		points[i].Record = rec.Record
		if rec.Metric == nil {
			p.batch.metadata = append(p.batch.metadata, &points[i])
			continue
		}
		goes, err := p.settleOrigin(&points[i], rec.Pinned, false)
		if err != nil {
			return nil, err
		}
		if goes {
			p.batch.metrics = append(p.batch.metrics, &points[i])
			continue
		}
		rec.Since = p.now
		held = append(held, rec)
		p.batch.park = append(p.batch.park, rec.Seq)
	}
	return held, nil
}

// release adds the parked metrics that need not wait any longer, a batch of them at most, and returns the others.
func (p *batcher) release(parked []monitor.Pending) (held []monitor.Pending, err error) {
	for i, rec := range parked {
		if len(p.batch.unpark) == p.BatchSize {
			return append(held, parked[i:]...), nil
		}
		// A clock that was set back would make a metric wait for as long.
		age := p.now.Sub(rec.Since)
		point := &monitor.Point{Record: rec.Record}
		goes, err := p.settleOrigin(point, rec.Pinned, age < 0 || age >= p.ParkFor && p.givesUp(p.now))
		if err != nil {
			return nil, err
		}
		if !goes {
			held = append(held, rec)
			continue
		}
		p.batch.metrics = append(p.batch.metrics, point)
		p.batch.unpark = append(p.batch.unpark, rec.Seq)
	}
	return held, nil
}

// settleOrigin fixes the origin of a metric for this and every later delivery; false when it should wait for its
// context or session, unless it has waited long enough.
func (p *batcher) settleOrigin(point *monitor.Point, noted *monitor.Origin, anyway bool) (bool, error) {
	if noted != nil {
		point.Origin = *noted
		return true, nil
	}
	o, err := p.originOf(point.Record)
	if err != nil || !o.complete && !anyway {
		return false, err
	}
	point.Origin = o.Origin
	if !o.own {
		p.notes[point.Seq] = o.Origin
	}
	return true, nil
}

func (p *batcher) originOf(rec *monitor.Record) (origin, error) {
	m := rec.Metric
	w := where{rec.Project, m.ContextH, m.SessionH}
	if o, ok := p.found[w]; ok {
		return o, nil
	}
	c, ownC, err := lookup(p, p.ctxs, p.metadata.Context, rec.Project, m.ContextH)
	if err != nil {
		return origin{}, err
	}
	s, ownS, err := lookup(p, p.sess, p.metadata.Session, rec.Project, m.SessionH)
	if err != nil {
		return origin{}, err
	}
	o := origin{
		Origin: monitor.OriginOf(m.SessionH, c, s),
		// What has no hash will never be found, so waiting for it is in vain.
		complete: (c != nil || m.ContextH == "") && (s != nil || m.SessionH == ""),
		own:      ownC && ownS,
	}
	p.found[w] = o
	return o, nil
}

// lookup finds a context or session in its own project, then, if allowed, in any; nil when it is nowhere.
func lookup[T any](p *batcher, seen map[place]*T, find func(context.Context, string, string) (*T, error),
	project, h string) (v *T, own bool, err error) {
	if h == "" {
		return nil, false, nil
	}
	if v, err = lookupOnce(p.ctx, seen, find, place{project, h}); v != nil || err != nil || !p.AnyProject {
		return v, v != nil, err
	}
	v, err = lookupOnce(p.ctx, seen, find, place{"", h})
	return v, false, err
}

func lookupOnce[T any](ctx context.Context, seen map[place]*T, find func(context.Context, string, string) (*T, error),
	at place) (*T, error) {
	if v, ok := seen[at]; ok {
		return v, nil
	}
	v, err := find(ctx, at.project, at.h)
	if err != nil {
		if monitor.ErrorCode(err) != monitor.ENotFound {
			return nil, err
		}
		v = nil
	}
	seen[at] = v
	return v, nil
}
