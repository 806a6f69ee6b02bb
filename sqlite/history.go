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

// runInfos finds the first session of each run, which the conditions are about. Then it reads the other sessions. It reads
// the newest sessions first, and so only as many as the limit takes.
func runInfos(ctx context.Context, q querier, query monitor.RunInfoQuery) ([]*monitor.RunInfo, error) {
	list := runInfoList(query)
	limit := int64(-1)
	if query.Limit > 0 {
		limit = int64(query.Limit)
	}
	runs, err := rowsOf(ctx, q, list, 0, limit, nil, func(row scanner) (*monitor.RunInfo, int, error) {
		r := &monitor.RunInfo{Project: query.Project}
		err := row.Scan(&r.ID, &r.ScmRef, &r.Branch, &r.Build, &r.Imported, &r.Started)
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

// runInfoList returns the query for the first sessions of runs.
func runInfoList(query monitor.RunInfoQuery) clause {
	first := newClause(`NOT EXISTS (SELECT 1 FROM sessions e JOIN hashes eh ON eh.id = e.hash
		WHERE e.project = s.project AND e.run = s.run AND e.utc_ns <= s.utc_ns AND (e.utc_ns < s.utc_ns OR eh.h < h.h))`)
	first.and("s.project = ?", query.Project)
	index := "sessions_project" // the index that has the fewest sessions beside those asked for, in the order of their start
	if query.Branch != nil {
		index = "sessions_branch"
		first.and("s.branch = ?", *query.Branch)
	}
	if query.ScmRef != "" {
		index = "sessions_scm"
		first.and("s.scm_ref = ?", query.ScmRef)
	}
	if query.Run != "" {
		index = "sessions_run"
		first.and("s.run = ?", query.Run)
	}
	if query.Before != 0 {
		first.and("s.utc_ns < ?", query.Before)
	}
	if query.Live {
		first.and("s.imported = 0")
	}
	if query.Imported {
		first.and("s.imported = 1")
	}
	if query.Measured {
		first.and(`EXISTS (SELECT 1 FROM sessions o JOIN tallies y ON y.session = o.hash
			WHERE o.project = s.project AND o.run = s.run)`)
	}
	if query.Whole {
		const partial = "(o.completion = 'partial' OR o.completion = '' AND o.method <> '')"
		first.and(`(EXISTS (SELECT 1 FROM sessions o WHERE o.project = s.project AND o.run = s.run AND NOT `+partial+`)
			OR ? <> '' AND NOT EXISTS (SELECT 1 FROM sessions o WHERE o.project = s.project AND o.run = s.run
				AND CASE o.completion WHEN '' THEN ? ELSE o.partial END <> ?))`, query.Like, monitor.NotEnded, query.Like)
	}
	list := newClause("SELECT s.run, coalesce(s.scm_ref, ''), s.branch, s.build, s.imported, s.utc_ns FROM sessions s INDEXED BY " + index +
		" JOIN hashes h ON h.id = s.hash")
	list.join(first.where())
	list.add(" ORDER BY s.utc_ns DESC, s.run")
	return list
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

// addSums adds what runs measured, and how many tests failed.
func addSums(ctx context.Context, q querier, runs []*monitor.RunInfo) error {
	for part := range slices.Chunk(runs, runsAtOnce) {
		sums := make([]*monitor.Run, len(part))
		for i, run := range part {
			sums[i] = &monitor.Run{Project: run.Project, ID: run.ID}
		}
		if err := fillTallies(ctx, q, sums, nil); err != nil {
			return err
		}
		if err := fillOutcomes(ctx, q, sums); err != nil {
			return err
		}
		for i, sum := range sums {
			part[i].Tests, part[i].Modules, part[i].Environments = sum.Tests, sum.Modules, sum.Environments
			part[i].Failed = sum.Outcomes[monitor.OutcomeFailed] + sum.Outcomes[monitor.OutcomeError]
		}
	}
	return nil
}
