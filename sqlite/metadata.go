package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

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

// Contexts implements [monitor.MetadataSearch].
func (db *DB) Contexts(ctx context.Context, project, prefix string, max int) ([]*monitor.Context, error) {
	var found []*monitor.Context
	left := budget(maxRead)
	err := db.search(ctx, "c", "SELECT "+contextColumns+contextTables, project, prefix, max, func(row scanner) error {
		rec, err := scanContext(row)
		if err != nil {
			return err
		}
		found = append(found, rec.Context)
		return left.spend(rec.Size())
	})
	return found, err
}

// Sessions implements [monitor.MetadataSearch].
func (db *DB) Sessions(ctx context.Context, project, prefix string, max int) ([]*monitor.Session, error) {
	var found []*monitor.Session
	left := budget(maxRead)
	err := db.search(ctx, "s", "SELECT "+sessionColumns+sessionTables, project, prefix, max, func(row scanner) error {
		rec, err := scanSession(row)
		if err != nil {
			return err
		}
		found = append(found, rec.Session)
		return left.spend(rec.Size())
	})
	return found, err
}

// search finds by a range of the index on hashes, which is a prefix taken literally. Without one it walks in the
// order of acceptance instead of sorting everything.
func (db *DB) search(ctx context.Context, table, query, project, prefix string, max int, scan func(scanner) error) error {
	var where strings.Builder
	where.WriteString("WHERE (?1 = '' OR h.project = ?1)")
	order, args := table+".seq", []any{project, max}
	if prefix == "" {
		query = strings.Replace(query, " JOIN ", " CROSS JOIN ", 1)
	} else {
		where.WriteString(" AND h.h >= ?3")
		order, args = "h.h <> ?3, "+order, append(args, prefix)
	}
	if end, ok := afterPrefix(prefix); ok {
		where.WriteString(" AND h.h < ?4")
		args = append(args, end)
	}
	return db.read(ctx, func(q querier) error {
		err := each(ctx, q, query+where.String()+" ORDER BY "+order+" LIMIT ?2", args, scan)
		if err == errEnough {
			return nil
		}
		return err
	})
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
