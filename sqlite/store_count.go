package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// CountMetrics implements [monitor.Store]. Metrics without the measurement that q.Top orders by are not counted.
func (db *DB) CountMetrics(ctx context.Context, query monitor.MetricQuery) (int64, error) {
	return readPart(ctx, db, func(q querier) (int64, error) {
		c, err := choose(ctx, q, query)
		if err != nil {
			return 0, err
		}
		if query.Top != nil {
			where := c.where()
			where.and("m." + query.Top.Of.String() + " IS NOT NULL")
			return countOf(ctx, q, metricsQuery("count(*)", "", where))
		}
		return c.count(ctx, q)
	})
}

// count counts the chosen metrics. It adds up tallies where they are enough, and else walks through an index.
func (c *choice) count(ctx context.Context, q querier) (int64, error) {
	switch {
	case c.countable:
		query := newClause("SELECT coalesce(sum(y.metrics), 0) FROM tallies y")
		query.join(c.tallies.where())
		return countOf(ctx, q, query)
	case c.sessions.sql == "" && c.exact.sql == "":
		return c.countSeries(ctx, q)
	case c.sessions.sql == "":
		return countOf(ctx, q, metricsQuery("count(*)", indexSeries, c.where()))
	}
	return countOf(ctx, q, metricsQuery("count(*)", indexSession, c.where()))
}

// countSeries counts the metrics of the chosen series. When most series are chosen, it subtracts the metrics of the
// others from the number of all metrics.
func (c *choice) countSeries(ctx context.Context, q querier) (int64, error) {
	var chosen, all int64
	query := newClause("SELECT (SELECT count(*) FROM ("+c.series.sql+")), (SELECT count(*) FROM series)", c.series.args...)
	if err := q.QueryRowContext(ctx, query.sql, query.args...).Scan(&chosen, &all); err != nil {
		return 0, err
	}
	if 2*chosen <= all {
		return countOf(ctx, q, metricsQuery("count(*)", indexSeries, c.where()))
	}
	query = newClause("SELECT (SELECT coalesce(sum(metrics), 0) FROM tallies) - (" +
		"SELECT count(*) FROM metrics m INDEXED BY metrics_point WHERE m.series IN (SELECT id FROM series")
	query.add(" WHERE id NOT IN ("+c.series.sql+")))", c.series.args...)
	return countOf(ctx, q, query)
}

// where returns the conditions on metrics, as m.
func (c *choice) where() (where clause) {
	if c.series.sql != "" {
		where.in("m.series", c.series)
	}
	if c.sessions.sql != "" {
		where.in("m.session", c.sessions)
	}
	if c.exact.sql != "" {
		where.and(c.exact.sql, c.exact.args...)
	}
	return where
}

// The indexes of metrics. All have the series and the start. The last two also have the session.
const (
	indexSeries  = "metrics_point"
	indexSession = "metrics_session"
	indexTime    = "metrics_time"
)

// metricsQuery returns a query on metrics, as m. SQLite chooses the index when index is empty.
func metricsQuery(columns, index string, where clause) clause {
	query := newClause("SELECT " + columns + " FROM metrics m")
	if index != "" {
		query.add(" INDEXED BY " + index)
	}
	query.join(where.where())
	return query
}

// setIndex sets the index of a choice. See [scale] for few.
func (c *choice) setIndex(ctx context.Context, q querier, few int64) error {
	if c.series.sql != "" {
		var where clause
		where.in("m.series", c.series)
		some := metricsQuery("1", indexSeries, where)
		n, err := countOf(ctx, q, newClause("SELECT count(*) FROM ("+some.sql+" LIMIT ?)", append(some.args, few+1)...))
		if c.index = indexSeries; err != nil || n <= few {
			return err
		}
	}
	if c.sessions.sql != "" {
		n, err := countOf(ctx, q, newClause("SELECT coalesce(sum(metrics), 0) FROM tallies WHERE session IN ("+
			c.sessions.sql+")", c.sessions.args...))
		if c.index = indexSession; err != nil || n <= few {
			return err
		}
	}
	c.index = indexTime
	return nil
}
