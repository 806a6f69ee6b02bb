package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// Metrics implements [monitor.Store].
func (db *DB) Metrics(ctx context.Context, q monitor.MetricQuery, p monitor.Page) iter.Seq2[*monitor.Metric, error] {
	return stream(ctx, db, p, func() lister[position, *monitor.Metric] {
		find := (&timeList{ctx: ctx, scale: db.scale, query: q}).find
		if q.Top != nil {
			find = (&topList{ctx: ctx, scale: db.scale, query: q}).find
		}
		return lister[position, *monitor.Metric]{find, func(from querier, positions []position, left *budget) ([]*monitor.Metric, error) {
			return metricsAt(ctx, from, positions, left)
		}}
	})
}

// timeList finds metrics in the order of time.
type timeList struct {
	scale
	ctx   context.Context
	query monitor.MetricQuery
	last  *position // the last one found
}

// position is where a metric stands in a list.
type position struct {
	seq, utc, series int64
	value            float64 // what a [topList] orders by
}

func (l *timeList) find(q querier, skip, max int64, _ *budget) ([]position, error) {
	c, err := choose(l.ctx, q, l.query)
	if err != nil {
		return nil, err
	}
	index, err := c.index(l.ctx, q, l.few)
	if err != nil {
		return nil, err
	}
	where := c.where()
	switch {
	case l.last != nil:
		where.and("(m.utc_ns, m.series) > (?, ?)", l.last.utc, l.last.series)
	case index == byTime && skip > l.few:
		start, err := l.seek(q, c, skip)
		if err != nil || start == nil {
			return nil, err
		}
		where.and("(m.utc_ns, m.series) >= (?, ?)", start.utc, start.series)
		skip = 0
	}
	query := metricsQuery("m.seq, m.utc_ns, m.series", index, where)
	query.add(" ORDER BY m.utc_ns, m.series")
	positions, err := rowsOf(l.ctx, q, query, skip, max, scanPosition)
	if err != nil || len(positions) == 0 {
		return nil, err
	}
	l.last = &positions[len(positions)-1]
	return positions, nil
}

// seek returns the first position behind so many, counted from the nearer end; nil when there is none.
func (l *timeList) seek(q querier, c *choice, skip int64) (*position, error) {
	all, err := c.count(l.ctx, q)
	if err != nil || skip >= all {
		return nil, err
	}
	query := metricsQuery("m.seq, m.utc_ns, m.series", byTime, c.where())
	if skip < all-skip {
		query.add(" ORDER BY m.utc_ns, m.series"+tail, 1, skip)
	} else {
		query.add(" ORDER BY m.utc_ns DESC, m.series DESC"+tail, 1, all-1-skip)
	}
	start, err := scanPosition(q.QueryRowContext(l.ctx, query.sql, query.args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &start, err
}

func scanPosition(row scanner) (p position, err error) {
	err = row.Scan(&p.seq, &p.utc, &p.series)
	return p, err
}

// metricsAt reads the metrics at some positions within a budget.
func metricsAt(ctx context.Context, q querier, positions []position, left *budget) ([]*monitor.Metric, error) {
	seqs := make([]int64, len(positions))
	index := make(map[uint64]int, len(positions))
	for i, p := range positions {
		seqs[i], index[uint64(p.seq)] = p.seq, i
	}
	text, err := json.Marshal(seqs)
	if err != nil {
		return nil, err
	}
	pending, err := metrics(ctx, q, selection{
		where: "seq IN (SELECT value FROM json_each(?))", args: []any{string(text)}, limit: math.MaxInt32, left: left})
	if err != nil {
		return nil, err
	}
	found := make([]*monitor.Metric, len(positions))
	for _, p := range pending {
		found[index[p.Seq]] = p.Metric
	}
	return found, nil
}
