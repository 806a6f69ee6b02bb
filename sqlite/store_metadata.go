package sqlite

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// Sessions implements [monitor.Store].
func (s *Store) Sessions(ctx context.Context, q monitor.SessionQuery, p monitor.Page) iter.Seq2[*monitor.Session, error] {
	return stream(ctx, s, p, func() reader[*monitor.Session] {
		var last *monitor.Record
		return func(from querier, skip, max int64) ([]*monitor.Session, error) {
			where := sessionsWhere(q)
			if last != nil {
				where.and("(s.utc_ns, h.h, h.project) > (?, ?, ?)", last.Session.Start.UTC, last.Session.SessionH, last.Project)
			}
			query := newClause("SELECT " + sessionColumns + sessionTables)
			query.join(where.where())
			query.add(" ORDER BY s.utc_ns, h.h, h.project")
			return rowsOf(ctx, from, query, skip, max, func(row scanner) (*monitor.Session, error) {
				rec, err := scanSession(row)
				last = rec
				return rec.Session, err
			})
		}
	})
}

// CountSessions implements [monitor.Store].
func (s *Store) CountSessions(ctx context.Context, q monitor.SessionQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM sessions s")
	query.join(sessionsWhere(q).where())
	return part(ctx, s, func(from querier) (int64, error) { return countOf(ctx, from, query) })
}

// sessionsWhere returns the conditions on sessions, as s.
func sessionsWhere(q monitor.SessionQuery) (where clause) {
	if q.Project != "" {
		where.and("s.project = ?", q.Project)
	}
	if q.HashPrefix != "" {
		var hash clause
		hash.prefix("h", q.HashPrefix)
		where.in("s.hash", newClause("SELECT id FROM hashes WHERE "+hash.sql, hash.args...))
	}
	if q.ScmRef != nil {
		where.match("s.scm_ref", q.ScmRef.How, q.ScmRef.Text)
	}
	if tags := tagged(q.Tags, q.AnyTag); tags.sql != "" {
		where.and("("+tags.sql+")", tags.args...)
	}
	return where
}

// Contexts implements [monitor.Store].
func (s *Store) Contexts(ctx context.Context, q monitor.ContextQuery, p monitor.Page) iter.Seq2[*monitor.Context, error] {
	return stream(ctx, s, p, func() reader[*monitor.Context] {
		var last *monitor.Record
		return func(from querier, skip, max int64) ([]*monitor.Context, error) {
			where := hashesWhere(q.Project, q.HashPrefix)
			if last != nil {
				where.and("(h.h, h.project) > (?, ?)", last.Context.H, last.Project)
			}
			// In the order of the index on hashes, whatever the planner thinks.
			query := newClause("SELECT " + contextColumns + " FROM hashes h CROSS JOIN contexts c ON c.hash = h.id")
			query.join(where.where())
			query.add(" ORDER BY h.h, h.project")
			return rowsOf(ctx, from, query, skip, max, func(row scanner) (*monitor.Context, error) {
				rec, err := scanContext(row)
				last = rec
				return rec.Context, err
			})
		}
	})
}

// CountContexts implements [monitor.Store].
func (s *Store) CountContexts(ctx context.Context, q monitor.ContextQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM contexts c")
	if where := hashesWhere(q.Project, q.HashPrefix); where.sql != "" {
		query.add(" WHERE c.hash IN (SELECT h.id FROM hashes h WHERE "+where.sql+")", where.args...)
	}
	return part(ctx, s, func(from querier) (int64, error) { return countOf(ctx, from, query) })
}

// hashesWhere returns the conditions on hashes, as h.
func hashesWhere(project, prefix string) (where clause) {
	if project != "" {
		where.and("h.project = ?", project)
	}
	if prefix != "" {
		where.prefix("h.h", prefix)
	}
	return where
}
