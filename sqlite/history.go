package sqlite

import (
	"context"
	"slices"

	"pymon-bridge/monitor"
)

// RunInfos implements [monitor.HistoryStore].
func (db *DB) RunInfos(ctx context.Context, query monitor.RunInfoQuery) ([]*monitor.RunInfo, error) {
	return readPart(ctx, db, func(q querier) ([]*monitor.RunInfo, error) { return runInfos(ctx, q, query) })
}

// runInfos finds the first session of each run, which the conditions are about. Then it reads the other sessions.
func runInfos(ctx context.Context, q querier, query monitor.RunInfoQuery) ([]*monitor.RunInfo, error) {
	first := newClause(`SELECT s.run, coalesce(s.scm_ref, '') AS scm, s.branch, s.build, s.utc_ns,
		row_number() OVER (PARTITION BY s.run ORDER BY s.utc_ns, h.h) AS n` + sessionTables)
	var sessions clause
	sessions.and("s.project = ?", query.Project)
	if query.Run != "" {
		sessions.and("s.run = ?", query.Run)
	}
	first.join(sessions.where())
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
	if query.Measured {
		where.and(`EXISTS (SELECT 1 FROM sessions o JOIN tallies y ON y.session = o.hash
			WHERE o.project = ? AND o.run = first.run)`, query.Project)
	}
	if query.Whole {
		where.and(`NOT EXISTS (SELECT 1 FROM sessions o WHERE o.project = ? AND o.run = first.run
			AND (o.completion = 'partial' OR o.completion = '' AND o.method <> ''))`, query.Project)
	}
	list := newClause("SELECT run, scm, branch, build, utc_ns FROM (")
	list.join(first)
	list.add(") AS first")
	list.join(where.where())
	list.add(" ORDER BY utc_ns DESC, run")
	limit := int64(-1)
	if query.Limit > 0 {
		limit = int64(query.Limit)
	}
	runs, err := rowsOf(ctx, q, list, 0, limit, nil, func(row scanner) (*monitor.RunInfo, int, error) {
		r := &monitor.RunInfo{Project: query.Project}
		err := row.Scan(&r.ID, &r.ScmRef, &r.Branch, &r.Build, &r.Started)
		return r, 0, err
	})
	if err != nil {
		return nil, err
	}
	if err := addSessions(ctx, q, runs); err != nil {
		return nil, err
	}
	return runs, addSums(ctx, q, runs)
}

// addSessions reads the hashes of the runs' sessions, and how they ended.
func addSessions(ctx context.Context, q querier, runs []*monitor.RunInfo) error {
	for part := range slices.Chunk(runs, runsAtOnce) {
		query := withRuns(len(part), func(i int) (project, run string) { return part[i].Project, part[i].ID })
		query.add("SELECT chosen.i, h.h, s.completion, s.method, s.partial" + chosenSessions + " JOIN hashes h ON h.id = s.hash ORDER BY s.utc_ns, h.h")
		err := each(ctx, q, query.sql, query.args, func(row scanner) error {
			var i int
			var s monitor.Session
			err := row.Scan(&i, &s.SessionH, &s.Completion, &s.Method, &s.Reason)
			part[i].Sessions = append(part[i].Sessions, s.SessionH)
			part[i].Add(&s)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addSums adds what runs measured.
func addSums(ctx context.Context, q querier, runs []*monitor.RunInfo) error {
	for part := range slices.Chunk(runs, runsAtOnce) {
		sums := make([]*monitor.Run, len(part))
		for i, run := range part {
			sums[i] = &monitor.Run{Project: run.Project, ID: run.ID}
		}
		if err := fillTallies(ctx, q, sums, nil); err != nil {
			return err
		}
		for i, sum := range sums {
			part[i].Tests, part[i].Modules, part[i].Environments = sum.Tests, sum.Modules, sum.Environments
		}
	}
	return nil
}
