package sqlite

import (
	"context"
	"encoding/json"
	"iter"

	"pymon-bridge/monitor"
)

// Sessions implements [monitor.Store].
func (db *DB) Sessions(ctx context.Context, q monitor.SessionQuery, p monitor.Page) iter.Seq2[*monitor.Session, error] {
	return stream(ctx, db, p, func() lister[sessionPosition, *monitor.Session] {
		var last *sessionPosition
		return lister[sessionPosition, *monitor.Session]{func(from querier, skip, max int64, left *budget) ([]sessionPosition, error) {
			where := sessionsWhere(q)
			if last != nil {
				where.and("(s.utc_ns, h.h, h.project) > (?, ?, ?)", last.utc, last.h, last.project)
			}
			// Only what they are ordered by: SQLite holds all that it sorts.
			query := newClause("SELECT s.seq, s.utc_ns, h.h, h.project" + sessionTables)
			query.join(where.where())
			query.add(" ORDER BY s.utc_ns, h.h, h.project")
			return rowsOf(ctx, from, query, skip, max, func(row scanner) (sessionPosition, error) {
				var at sessionPosition
				if err := row.Scan(&at.seq, &at.utc, &at.h, &at.project); err != nil {
					return at, err
				}
				last = &at
				return at, left.spend(len(at.h))
			})
		}, func(from querier, positions []sessionPosition, left *budget) ([]*monitor.Session, error) {
			return sessionsAt(ctx, from, positions, left)
		}}
	})
}

// sessionPosition is where a session stands in a list.
type sessionPosition struct {
	seq, utc   int64
	h, project string
}

// sessionsAt reads the sessions at some positions within a budget.
func sessionsAt(ctx context.Context, q querier, positions []sessionPosition, left *budget) ([]*monitor.Session, error) {
	seqs := make([]int64, len(positions))
	for i, at := range positions {
		seqs[i] = at.seq
	}
	text, err := json.Marshal(seqs)
	if err != nil {
		return nil, err
	}
	found := make([]*monitor.Session, len(positions))
	query := "SELECT s.seq, s.project, '', " + sessionFields +
		", p.key FROM json_each(?) p CROSS JOIN sessions s ON s.seq = p.value"
	return found, each(ctx, q, query, []any{string(text)}, func(row scanner) error {
		var i int
		rec, err := scanSession(withMore{row, []any{&i}})
		if err != nil {
			return err
		}
		found[i], rec.Session.SessionH = rec.Session, positions[i].h
		return left.spend(sessionSize(rec))
	})
}

// CountSessions implements [monitor.Store].
func (db *DB) CountSessions(ctx context.Context, q monitor.SessionQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM sessions s")
	query.join(sessionsWhere(q).where())
	return part(ctx, db, func(from querier) (int64, error) { return countOf(ctx, from, query) })
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

// sessionSize is about what a session takes in memory, where its tags are as long as its description again.
func sessionSize(rec *monitor.Record) int { return rec.Size() + len(rec.Session.Description) }

// Contexts implements [monitor.Store].
func (db *DB) Contexts(ctx context.Context, q monitor.ContextQuery, p monitor.Page) iter.Seq2[*monitor.Context, error] {
	return stream(ctx, db, p, func() lister[*monitor.Context, *monitor.Context] {
		var last *monitor.Record
		return direct(func(from querier, skip, max int64, left *budget) ([]*monitor.Context, error) {
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
				if err != nil {
					return nil, err
				}
				last = rec
				return rec.Context, left.spend(rec.Size() + len(rec.Context.Env))
			})
		})
	})
}

// CountContexts implements [monitor.Store].
func (db *DB) CountContexts(ctx context.Context, q monitor.ContextQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM contexts c")
	if where := hashesWhere(q.Project, q.HashPrefix); where.sql != "" {
		query.add(" WHERE c.hash IN (SELECT h.id FROM hashes h WHERE "+where.sql+")", where.args...)
	}
	return part(ctx, db, func(from querier) (int64, error) { return countOf(ctx, from, query) })
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
