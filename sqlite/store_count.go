package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// CountMetrics implements [monitor.Store]. Metrics without the measurement that q.Top orders by are not counted.
func (db *DB) CountMetrics(ctx context.Context, query monitor.MetricQuery) (int64, error) {
	return readPart(ctx, db, func(q querier) (int64, error) {
		c, err := choose(ctx, q, metricsTable, query.Project, query.Where)
		if err != nil {
			return 0, err
		}
		if query.Top != nil {
			where := c.where()
			where.and("m." + query.Top.Of.String() + " IS NOT NULL")
			return countOf(ctx, q, c.query("count(*)", "", where))
		}
		return c.count(ctx, q)
	})
}

// CountOutcomes implements [monitor.Store].
func (db *DB) CountOutcomes(ctx context.Context, query monitor.OutcomeQuery) (int64, error) {
	return readPart(ctx, db, func(q querier) (int64, error) {
		c, err := choose(ctx, q, outcomesTable, query.Project, query.Where)
		if err != nil {
			return 0, err
		}
		return c.count(ctx, q)
	})
}

// count counts the chosen rows. It adds up tallies where they are enough, and else walks through an index.
func (c *choice) count(ctx context.Context, q querier) (int64, error) {
	switch {
	case c.countable:
		query := newClause("SELECT coalesce(sum(y." + c.name + "), 0) FROM " + c.tallies + " y")
		query.join(c.counted.where())
		return countOf(ctx, q, query)
	case c.sessions.sql == "" && c.exact.sql == "":
		return c.countSeries(ctx, q)
	case c.sessions.sql == "":
		return countOf(ctx, q, c.query("count(*)", indexSeries, c.where()))
	}
	return countOf(ctx, q, c.query("count(*)", indexSession, c.where()))
}

// countSeries counts the rows of the chosen series. When most series are chosen, it subtracts the rows of the others from
// the number of all rows.
func (c *choice) countSeries(ctx context.Context, q querier) (int64, error) {
	var chosen, all int64
	query := newClause("SELECT (SELECT count(*) FROM ("+c.series.sql+")), (SELECT count(*) FROM series)", c.series.args...)
	if err := q.QueryRowContext(ctx, query.sql, query.args...).Scan(&chosen, &all); err != nil {
		return 0, err
	}
	if 2*chosen <= all {
		return countOf(ctx, q, c.query("count(*)", indexSeries, c.where()))
	}
	query = newClause("SELECT (SELECT coalesce(sum(" + c.name + "), 0) FROM " + c.tallies + ") - (SELECT count(*) FROM " + c.name +
		" m INDEXED BY " + c.name + indexSeries + " WHERE m.series IN (SELECT id FROM series")
	query.add(" WHERE id NOT IN ("+c.series.sql+")))", c.series.args...)
	return countOf(ctx, q, query)
}

// where returns the conditions on the table, as m.
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

// table is a table of measured tests that lists are read from.
type table struct {
	name    string // also of the column of tallies with the number of rows
	tallies string // the table with the numbers of its rows
}

var (
	metricsTable  = table{"metrics", "tallies"}
	outcomesTable = table{"outcomes", "outcome_tallies"}
)

// The indexes of a table, without its name. All have the series and the start. All but the first also have the session.
const (
	indexSeries  = "_point"
	indexSession = "_session"
	indexTime    = "_time"
	indexUnusual = "_unusual" // of outcomes for which isUnusual holds, in the order of time
)

// isUnusual is the condition of indexUnusual. SQLite uses the index for queries that have exactly this condition.
const isUnusual = "(m.outcome <> 'passed' OR m.attempts > 1)"

// query returns a query on the table, as m. SQLite chooses the index when index is empty.
func (t table) query(columns, index string, where clause) clause {
	query := newClause("SELECT " + columns + " FROM " + t.name + " m")
	if index != "" {
		query.add(" INDEXED BY " + t.name + index)
	}
	query.join(where.where())
	return query
}

// setIndex sets the index of a choice. See [scale] for few.
func (c *choice) setIndex(ctx context.Context, q querier, few int64) error {
	if c.series.sql != "" {
		var where clause
		where.in("m.series", c.series)
		some := c.query("1", indexSeries, where)
		n, err := countOf(ctx, q, newClause("SELECT count(*) FROM ("+some.sql+" LIMIT ?)", append(some.args, few+1)...))
		if c.index = indexSeries; err != nil || n <= few {
			return err
		}
	}
	if c.sessions.sql != "" {
		n, err := countOf(ctx, q, newClause("SELECT coalesce(sum("+c.name+"), 0) FROM "+c.tallies+
			" WHERE session IN ("+c.sessions.sql+")", c.sessions.args...))
		if c.index = indexSession; err != nil || n <= few {
			return err
		}
	}
	if c.index = indexTime; c.unusual {
		c.index = indexUnusual
	}
	return nil
}
