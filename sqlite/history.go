package sqlite

import (
	"context"
	"slices"

	"pymon-bridge/monitor"
)

var _ monitor.HistoryStore = (*DB)(nil)

// RunInfos implements [monitor.HistoryStore].
func (db *DB) RunInfos(ctx context.Context, query monitor.RunInfoQuery) ([]*monitor.RunInfo, error) {
	var heads []*monitor.RunInfo
	err := db.readFrom(ctx, db.listers, func(q querier) (err error) {
		heads, err = runHeads(ctx, q, query)
		return err
	})
	return heads, err
}

// runHeads finds the first session of each run, in which the conditions are, and then the others.
func runHeads(ctx context.Context, q querier, query monitor.RunInfoQuery) ([]*monitor.RunInfo, error) {
	first := newClause(`SELECT s.run, coalesce(s.scm_ref, '') AS scm, s.branch, s.build, s.utc_ns,
		row_number() OVER (PARTITION BY s.run ORDER BY s.utc_ns, h.h) AS n` + sessionTables)
	var of clause
	of.and("s.project = ?", query.Project)
	if query.Run != "" {
		of.and("s.run = ?", query.Run)
	}
	first.join(of.where())
	where := newClause("n = 1")
	if query.ScmRef != "" {
		where.and("scm = ?", query.ScmRef)
	}
	if query.Branch != nil {
		where.and("branch = ?", *query.Branch)
	}
	if query.Before != 0 {
		where.and("utc_ns < ?", query.Before)
	}
	list := newClause("SELECT run, scm, branch, build, utc_ns FROM (")
	list.join(first)
	list.add(")")
	list.join(where.where())
	list.add(" ORDER BY utc_ns DESC, run")
	limit := int64(-1)
	if query.Limit > 0 {
		limit = int64(query.Limit)
	}
	heads, err := rowsOf(ctx, q, list, 0, limit, func(row scanner) (*monitor.RunInfo, error) {
		r := &monitor.RunInfo{Project: query.Project}
		err := row.Scan(&r.ID, &r.ScmRef, &r.Branch, &r.Build, &r.Started)
		return r, err
	})
	if err != nil {
		return nil, err
	}
	return heads, fillHeads(ctx, q, heads)
}

// fillHeads reads the sessions of runs.
func fillHeads(ctx context.Context, q querier, heads []*monitor.RunInfo) error {
	for part := range slices.Chunk(heads, runsAtOnce) {
		query := chosen(len(part), func(i int) (project, run string) { return part[i].Project, part[i].ID })
		query.add("SELECT chosen.i, h.h" + chosenSessions + " JOIN hashes h ON h.id = s.hash ORDER BY s.utc_ns, h.h")
		err := each(ctx, q, query.sql, query.args, func(row scanner) error {
			var i int
			var h string
			err := row.Scan(&i, &h)
			part[i].Sessions = append(part[i].Sessions, h)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
