package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"pymon-bridge/monitor"
)

// Context implements [monitor.MetadataStore].
func (db *DB) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	rec, err := db.find(ctx, "context", "SELECT "+contextColumns+contextTables+byHash+"ORDER BY c.seq LIMIT 1", project, h, scanContext)
	if err != nil {
		return nil, err
	}
	return rec.Context, nil
}

// Session implements [monitor.MetadataStore].
func (db *DB) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	rec, err := db.find(ctx, "session", "SELECT "+sessionColumns+sessionTables+byHash+"ORDER BY s.seq LIMIT 1", project, h, scanSession)
	if err != nil {
		return nil, err
	}
	return rec.Session, nil
}

// ProjectOf returns the project of a context or a session with the hash: the preferred one if that has it, else the one that
// accepted it first. It is "" when no project has it.
func (db *DB) ProjectOf(ctx context.Context, class monitor.Class, h, prefer string) (project string, err error) {
	tables := sessionTables
	if class == monitor.ClassContext {
		tables = contextTables
	}
	_, err = db.row(ctx, "SELECT h.project"+tables+"WHERE h.h = ? AND h.project NOT GLOB ? ORDER BY h.project <> ?, seq LIMIT 1",
		[]any{h, hiddenPrefix + "*", prefer}, &project)
	return project, err
}

const byHash = "WHERE h.h = ?1 AND iif(?2 = '', h.project NOT GLOB '" + hiddenPrefix + "*', h.project = ?2) "

func (db *DB) find(ctx context.Context, class, query, project, h string,
	scan func(scanner) (*monitor.Record, error)) (*monitor.Record, error) {
	var rec *monitor.Record
	err := db.read(ctx, func(q querier) error {
		var err error
		rec, err = scan(q.QueryRowContext(ctx, query, h, project))
		if errors.Is(err, sql.ErrNoRows) {
			return monitor.Errorf(monitor.ENotFound, "there is no %s %q in project %q", class, h, project)
		}
		return err
	})
	return rec, err
}

// contextOf returns the SQL expression for the sequence number of a metric's context, as the courier finds it. hash is
// the expression for the ID of the context's hash. The context is the one of the metric's own project. When there is
// none, it is the context with the same hash that any project was the first to have. The reason is that the plugin asks
// for a context without naming its project, and posts no context that the bridge knows from another project. Tokens
// separate projects, so from the first token on only the own project counts.
func contextOf(hash string) string {
	return `coalesce((SELECT own.seq FROM contexts own WHERE own.hash = ` + hash + `),
		(SELECT min(first.seq) FROM hashes mine CROSS JOIN hashes theirs ON theirs.h = mine.h
			CROSS JOIN contexts first ON first.hash = theirs.id
			WHERE mine.id = ` + hash + ` AND NOT ` + hadToken + `))`
}
