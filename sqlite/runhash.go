package sqlite

import "context"

// hashDigits is how long the id of a run is that is the hash of its session.
const hashDigits = 32

// RunsOfHash implements [monitor.ListStore].
func (db *DB) RunsOfHash(ctx context.Context, project, text string, max int) ([]string, error) {
	query := newClause("SELECT DISTINCT run FROM sessions INDEXED BY sessions_run")
	where := newClause("project = ?", project)
	where.prefix("run", text)
	query.join(where.where())
	query.add(" AND length(run) = ? ORDER BY run LIMIT ?", hashDigits, max)
	return readPart(ctx, db, func(q querier) ([]string, error) { return columnOf[string](ctx, q, query.sql, query.args...) })
}
