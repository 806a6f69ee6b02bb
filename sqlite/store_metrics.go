package sqlite

import (
	"context"
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// Metrics implements [monitor.Store].
func (db *DB) Metrics(ctx context.Context, query monitor.MetricQuery, p monitor.Page) iter.Seq2[*monitor.Metric, error] {
	return stream(ctx, db, p, lister[position, *monitor.Metric]{
		func(ctx context.Context, q querier, w wanted[position]) ([]position, error) {
			c, err := choose(ctx, q, metricsTable, query.Project, query.Where)
			if err != nil {
				return nil, err
			}
			if err := c.setIndex(ctx, q, db.scale.few); err != nil {
				return nil, err
			}
			if query.Top == nil {
				return findByTime(ctx, q, c, w, db.scale.few)
			}
			return (&topList{ctx, q, db.scale, *query.Top, c, w}).find()
		},
		func(ctx context.Context, q querier, at []position, left *budget) ([]*monitor.Metric, error) {
			return rowsAt(ctx, q, false, at, left, func(rec *monitor.Record) *monitor.Metric { return rec.Metric })
		}})
}

// Outcomes implements [monitor.Store].
func (db *DB) Outcomes(ctx context.Context, query monitor.OutcomeQuery, p monitor.Page) iter.Seq2[*monitor.Outcome, error] {
	return stream(ctx, db, p, lister[position, *monitor.Outcome]{
		func(ctx context.Context, q querier, w wanted[position]) ([]position, error) {
			c, err := choose(ctx, q, outcomesTable, query.Project, query.Where)
			if err != nil {
				return nil, err
			}
			if err := c.setIndex(ctx, q, db.scale.few); err != nil {
				return nil, err
			}
			return findByTime(ctx, q, c, w, db.scale.few)
		},
		func(ctx context.Context, q querier, at []position, left *budget) ([]*monitor.Outcome, error) {
			return rowsAt(ctx, q, true, at, left, func(rec *monitor.Record) *monitor.Outcome { return rec.Outcome })
		}})
}

// position is the position of a metric or an outcome in a list.
type position struct {
	seq, utc, series int64
	value            float64 // of the measurement that a [topList] is ordered by
}

// findByTime finds metrics or outcomes in the order of time.
func findByTime(ctx context.Context, q querier, c *choice, w wanted[position], few int64) ([]position, error) {
	where := c.where()
	switch {
	case w.after != nil:
		where.and("(m.utc_ns, m.series) > (?, ?)", w.after.utc, w.after.series)
	case (c.index == indexTime || c.index == indexUnusual) && w.skip > few:
		start, err := seek(ctx, q, c, w.skip)
		if err != nil || start == nil {
			return nil, err
		}
		where.and("(m.utc_ns, m.series) >= (?, ?)", start.utc, start.series)
		w.skip = 0
	}
	query := c.query("m.seq, m.utc_ns, m.series", c.index, where)
	query.add(" ORDER BY m.utc_ns, m.series")
	return rowsOf(ctx, q, query, w.skip, w.max, nil, scanPosition)
}

// seek returns the position that comes after skip others, nil when there is none. It counts from the nearer end of the
// list.
func seek(ctx context.Context, q querier, c *choice, skip int64) (*position, error) {
	all, err := c.count(ctx, q)
	if err != nil || skip >= all {
		return nil, err
	}
	query := c.query("m.seq, m.utc_ns, m.series", c.index, c.where())
	if skip < all-skip {
		query.add(" ORDER BY m.utc_ns, m.series")
	} else {
		query.add(" ORDER BY m.utc_ns DESC, m.series DESC")
		skip = all - 1 - skip
	}
	found, err := rowsOf(ctx, q, query, skip, 1, nil, scanPosition)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func scanPosition(row scanner) (p position, bytes int, err error) {
	err = row.Scan(&p.seq, &p.utc, &p.series)
	return p, 0, err
}

// rowsAt reads the metrics or the outcomes at some positions.
func rowsAt[T any](ctx context.Context, q querier, outcomes bool, positions []position, left *budget,
	of func(*monitor.Record) T) ([]T, error) {
	seqs := make([]int64, len(positions))
	index := make(map[uint64]int, len(positions))
	for i, p := range positions {
		seqs[i], index[uint64(p.seq)] = p.seq, i
	}
	pending, err := metrics(ctx, q, selection{outcomes: outcomes,
		where: "seq IN (SELECT value FROM json_each(?))", args: []any{jsonList(seqs)}, limit: math.MaxInt32, left: left})
	if err != nil {
		return nil, err
	}
	found := make([]T, len(positions))
	for _, p := range pending {
		found[index[p.Seq]] = of(p.Record)
	}
	return found, nil
}
