package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"pymon-bridge/monitor"
)

// Context implements [monitor.MetadataStore].
func (db *DB) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	rec, err := db.find(ctx, "SELECT "+contextColumns+contextTables+byHash+"ORDER BY c.seq LIMIT 1", project, h, scanContext)
	if err != nil {
		return nil, err
	}
	return rec.Context, nil
}

// Session implements [monitor.MetadataStore].
func (db *DB) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	rec, err := db.find(ctx, "SELECT "+sessionColumns+sessionTables+byHash+"ORDER BY s.seq LIMIT 1", project, h, scanSession)
	if err != nil {
		return nil, err
	}
	return rec.Session, nil
}

const byHash = "WHERE h.h = ?1 AND (?2 = '' OR h.project = ?2) "

func (db *DB) find(ctx context.Context, query, project, h string, scan func(scanner) (*monitor.Record, error)) (*monitor.Record, error) {
	var rec *monitor.Record
	err := db.read(ctx, func(q querier) error {
		var err error
		rec, err = scan(q.QueryRowContext(ctx, query, h, project))
		if errors.Is(err, sql.ErrNoRows) {
			return monitor.Errorf(monitor.ENotFound, "there is no %q in project %q", h, project)
		}
		return err
	})
	return rec, err
}

// afterPrefix returns the first text behind all that begin with prefix; ok is false when nothing is behind them.
func afterPrefix(prefix string) (end string, ok bool) {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1]), true
		}
	}
	return "", false
}
