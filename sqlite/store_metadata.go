package sqlite

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// Sessions implements [monitor.Store].
func (db *DB) Sessions(ctx context.Context, query monitor.SessionQuery, p monitor.Page) iter.Seq2[*monitor.Session, error] {
	return stream(ctx, db, p, lister[sessionPosition, *monitor.Session]{
		func(ctx context.Context, q querier, w wanted[sessionPosition]) ([]sessionPosition, error) {
			where := sessionsWhere(query)
			if w.after != nil {
				where.and("(s.utc_ns, h.h, h.project) > (?, ?, ?)", w.after.utc, w.after.h, w.after.project)
			}
			// Only the columns that it sorts by, since SQLite holds in memory what it sorts.
			list := newClause("SELECT s.seq, s.utc_ns, h.h, h.project" + sessionTables)
			list.join(where.where())
			list.add(" ORDER BY s.utc_ns, h.h, h.project")
			return rowsOf(ctx, q, list, w.skip, w.max, w.left, func(row scanner) (at sessionPosition, bytes int, err error) {
				err = row.Scan(&at.seq, &at.utc, &at.h, &at.project)
				return at, len(at.h), err
			})
		}, sessionsAt})
}

// sessionPosition is the position of a session in a list.
type sessionPosition struct {
	seq, utc   int64
	h, project string
}

// sessionsAt reads the sessions at some positions.
func sessionsAt(ctx context.Context, q querier, positions []sessionPosition, left *budget) ([]*monitor.Session, error) {
	seqs := make([]int64, len(positions))
	for i, at := range positions {
		seqs[i] = at.seq
	}
	sessions := make([]*monitor.Session, len(positions))
	query := "SELECT s.seq, s.project, '', " + sessionFields +
		", p.key FROM json_each(?) p CROSS JOIN sessions s ON s.seq = p.value"
	return sessions, each(ctx, q, query, []any{jsonList(seqs)}, func(row scanner) error {
		var i int
		rec, err := scanSession(withMore{row, []any{&i}})
		if err != nil {
			return err
		}
		sessions[i], rec.Session.SessionH = rec.Session, positions[i].h
		return left.spend(sessionSize(rec))
	})
}

// CountSessions implements [monitor.Store].
func (db *DB) CountSessions(ctx context.Context, q monitor.SessionQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM sessions s")
	query.join(sessionsWhere(q).where())
	return db.count(ctx, query)
}

// sessionsWhere returns the conditions on sessions, as s.
func sessionsWhere(q monitor.SessionQuery) (where clause) {
	where.seen("s.project", q.Project)
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

// sessionSize is about how many bytes of memory a session takes. Its tags are as long as its description.
func sessionSize(rec *monitor.Record) int { return rec.Size() + len(rec.Session.Description) }

// Contexts implements [monitor.Store].
func (db *DB) Contexts(ctx context.Context, query monitor.ContextQuery, p monitor.Page) iter.Seq2[*monitor.Context, error] {
	return stream(ctx, db, p, lister[*monitor.Record, *monitor.Context]{
		func(ctx context.Context, q querier, w wanted[*monitor.Record]) ([]*monitor.Record, error) {
			where := hashesWhere(query.Project, query.HashPrefix)
			if w.after != nil {
				where.and("(h.h, h.project) > (?, ?)", (*w.after).Context.H, (*w.after).Project)
			}
			// CROSS JOIN makes SQLite read in the order of the index on hashes.
			list := newClause("SELECT " + contextColumns + " FROM hashes h CROSS JOIN contexts c ON c.hash = h.id")
			list.join(where.where())
			list.add(" ORDER BY h.h, h.project")
			return rowsOf(ctx, q, list, w.skip, w.max, w.left, func(row scanner) (*monitor.Record, int, error) {
				rec, err := scanContext(row)
				return rec, rec.Size() + len(rec.Context.Env), err
			})
		},
		func(_ context.Context, _ querier, recs []*monitor.Record, _ *budget) ([]*monitor.Context, error) {
			contexts := make([]*monitor.Context, len(recs))
			for i, rec := range recs {
				contexts[i] = rec.Context
			}
			return contexts, nil
		}})
}

// CountContexts implements [monitor.Store].
func (db *DB) CountContexts(ctx context.Context, q monitor.ContextQuery) (int64, error) {
	query := newClause("SELECT count(*) FROM contexts c JOIN hashes h ON h.id = c.hash")
	query.join(hashesWhere(q.Project, q.HashPrefix).where())
	return db.count(ctx, query)
}

// hashesWhere returns the conditions on hashes, as h.
func hashesWhere(project, prefix string) (where clause) {
	where.seen("h.project", project)
	if prefix != "" {
		where.prefix("h.h", prefix)
	}
	return where
}
