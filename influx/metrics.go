package influx

import (
	"context"
	"errors"
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// Metrics implements [monitor.Store]. Metrics of one nanosecond are in the order of project, component, path, item,
// variant, kind and class of machine.
func (s *Store) Metrics(ctx context.Context, q monitor.MetricQuery, p monitor.Page) iter.Seq2[*monitor.Metric, error] {
	return listed(ctx, func(yield func(*monitor.Metric) bool) error {
		sc, err := s.metricScan(ctx, q)
		if err != nil || sc == nil {
			return err
		}
		list := s.inOrder
		if q.Top != nil {
			list = s.ranked(q.Top)
		}
		return list(ctx, sc, p, func(found *sample) bool { return yield(found.row().Metric().Metric) })
	})
}

// CountMetrics implements [monitor.Store].
func (s *Store) CountMetrics(ctx context.Context, q monitor.MetricQuery) (n int64, err error) {
	sc, err := s.metricScan(ctx, q)
	if err != nil || sc == nil {
		return 0, err
	}
	if sc.exact() {
		for _, in := range sc.spans {
			found, err := s.count(ctx, sc, in)
			if err != nil {
				return 0, err
			}
			n += found
		}
		return n, s.learn(ctx, sc, n)
	}
	skip := int64(0)
	err = s.walk(ctx, sc, &skip, func(_ *collector, found []*sample) (bool, error) {
		n += int64(len(found))
		return true, nil
	})
	return n, err
}

// learn notes how many metrics of a scan a session has, when all are counted: most who count them list them then.
func (s *Store) learn(ctx context.Context, sc *scan, n int64) (err error) {
	if n > slabPoints {
		if sc, err = s.oriented(ctx, sc); err != nil {
			return err
		}
	}
	sessions := 0
	for _, in := range sc.spans {
		sessions += len(sc.inside(in))
	}
	if sessions > 0 {
		s.hints.setRate(sc.id(), float64(n)/float64(sessions))
	}
	return nil
}

// inOrder lists the metrics of a scan by time, with all fields.
func (s *Store) inOrder(ctx context.Context, sc *scan, p monitor.Page, yield func(*sample) bool) error {
	skip, left := p.Offset, p.Limit
	if left == 0 {
		left = math.MaxInt64
	}
	// next leaves out what is to be skipped of some points, and what is too much.
	next := func(found []*sample) []*sample {
		omitted := min(skip, int64(len(found)))
		found = found[omitted:]
		found = found[:min(left, int64(len(found)))]
		skip, left = skip-omitted, left-int64(len(found))
		return found
	}
	if most := 4 * min(left, fillPoints); sc.directed && sc.exact() && sc.value == "" && skip <= most {
		found, err := s.whole(ctx, sc, most)
		if err == nil {
			each(next(found), yield)
		}
		if !errors.Is(err, errMany) {
			return err
		}
	}
	w := &walker{store: s, scan: sc, skip: &skip, left: &left}
	w.visit = func(c *collector, found []*sample) (bool, error) {
		more, err := s.hand(ctx, sc, c, next(found), yield)
		return more && left > 0, err
	}
	return w.walk(ctx)
}

// whole reads the points of a scan with all fields at once, which of a few series is sooner than to choose points first.
// Fails with errMany where there are more of them.
func (s *Store) whole(ctx context.Context, sc *scan, most int64) (all []*sample, err error) {
	wanted := *sc
	wanted.checked = metricFields
	for _, in := range sc.spans {
		_, found, err := s.points(ctx, &wanted, in, int(most))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// hand reads the fields of which metrics are made and hands the metrics over, a part at a time.
func (s *Store) hand(ctx context.Context, sc *scan, c *collector, found []*sample, yield func(*sample) bool) (more bool, err error) {
	for len(found) > 0 {
		part := found[:min(fillPoints, len(found))]
		if err := s.fillPart(ctx, sc, c, part, metricFields); err != nil {
			return false, err
		}
		if !each(part, yield) {
			return false, nil
		}
		c.want(nil)
		found = found[len(part):]
	}
	return true, nil
}

// each hands points over, which are not kept here any longer then.
func each(points []*sample, yield func(*sample) bool) (more bool) {
	for i, p := range points {
		if !yield(p) {
			return false
		}
		points[i] = nil
	}
	return true
}

// listed makes a sequence of a function that hands items over and may fail. It ends with ctx.
func listed[T any](ctx context.Context, list func(yield func(T) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := false
		err := list(func(item T) bool {
			if ctx.Err() != nil {
				return false
			}
			stopped = !yield(item, nil)
			return !stopped
		})
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil && !stopped {
			var none T
			yield(none, err)
		}
	}
}
