package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"pymon-bridge/monitor"
)

// openWriter opens the connection, creates or migrates the tables, and checks that commits are durable.
// lock is nil when another process serves the file.
func (db *DB) openWriter(ctx context.Context, lock *fileLock) (*writer, error) {
	w, err := db.connectWriter(ctx, lock)
	if err != nil {
		return nil, err
	}
	if err := db.prepareWriter(ctx, w, lock); err != nil {
		return nil, err
	}
	return w, nil
}

// connectWriter opens the connection. Later connections see all that was committed, also what a failed sync has lost.
func (db *DB) connectWriter(ctx context.Context, lock *fileLock) (*writer, error) {
	pool, err := openPool(db.path, writerPragmas, 1)
	if err != nil {
		return nil, err
	}
	w := &writer{
		pool:       pool,
		schemas:    db.schemas,
		statements: make(map[string]*sql.Stmt),
		executed:   make(map[string]driver.StmtExecContext),
		crowds:     make(map[crowd]*room),
		series:     newCache[int64](cachedSeries),
		locations:  newCache[int64](cachedLocations),
		components: newCache[int64](cachedComponents),
		hashes:     newCache[hashEntry](cachedHashes),
	}
	w.caches = append(w.caches, w.series, w.locations, w.components, w.hashes)
	if w.conn, err = pool.Conn(ctx); err != nil {
		pool.Close()
		return nil, db.openError(err)
	}
	err = w.conn.Raw(func(conn any) error { w.driver = conn.(driver.ConnPrepareContext); return nil })
	if err == nil && lock != nil { // another process may have kept SQLite's index of a bridge that was killed
		err = w.writeAgain(db.path, (*writer).commit)
	}
	if err != nil {
		w.close()
		return nil, db.openError(err)
	}
	return w, nil
}

// prepareWriter makes a connection ready to write. It closes one that it cannot make ready.
func (db *DB) prepareWriter(ctx context.Context, w *writer, lock *fileLock) error {
	err := w.prepare(ctx, lock, db)
	if err != nil {
		w.close()
		return db.openError(err)
	}
	return nil
}

func (w *writer) prepare(ctx context.Context, lock *fileLock, db *DB) error {
	version, err := w.version(ctx)
	if err != nil {
		return err // nothing is written yet to a file of another program
	}
	if version == 0 {
		if lock != nil && lock.content {
			return db.lost("it has no tables, but its lock says that it had content")
		}
		// With this setting free pages can be given back to the disk. It has an effect only before the first page is
		// written.
		if _, err := w.conn.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
			return err
		}
	}
	if err := w.requireDurability(ctx); err != nil {
		return err
	}
	// An older program may be serving a shared file. It would accept nothing without the tables that it knows.
	if lock != nil || version == 0 {
		if err := w.migrate(ctx, db.logger.With("file", db.path)); err != nil {
			return err
		}
	}
	if w.last, err = w.lastGivenOut(ctx, db.shared); err != nil {
		return err
	}
	w.zone, err = lastZone(ctx, w.conn)
	return err
}

// requireDurability turns on the log. Then it asks SQLite for the settings in use: the promise of a 201 depends on
// them.
func (w *writer) requireDurability(ctx context.Context) error {
	var mode string
	var synchronous int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode); err != nil {
		return err
	}
	if err := w.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if mode != "wal" || synchronous != 2 {
		return monitor.Errorf(monitor.EInternal,
			"SQLite uses journal_mode=%s, synchronous=%d; expected wal and 2 (full): "+
				"the file system may lack shared memory", mode, synchronous)
	}
	return nil
}

// lastGivenOut returns the last sequence number that was given out. A repaired file may have lost the number, or have
// one that is too small: then the greatest number of a record is stored instead.
func (w *writer) lastGivenOut(ctx context.Context, shared bool) (last uint64, err error) {
	query := "WITH stored (last) AS (SELECT coalesce(max(last), -1) FROM sequence) SELECT last, max(last, 0"
	err = each(ctx, w.conn, "SELECT name FROM sqlite_schema WHERE name IN ('contexts', 'sessions', 'metrics', 'outcomes', 'ends')", nil,
		func(row scanner) error { // a file of an older version has not all of them
			var table string
			err := row.Scan(&table)
			query += ", coalesce((SELECT max(seq) FROM " + table + "), 0)"
			return err
		})
	if err != nil {
		return 0, err
	}
	var stored int64
	err = w.conn.QueryRowContext(ctx, query+") FROM stored").Scan(&stored, &last)
	if err == nil && !shared && stored < int64(last) {
		_, err = w.conn.ExecContext(ctx,
			fmt.Sprintf("BEGIN IMMEDIATE; DELETE FROM sequence; INSERT INTO sequence VALUES (%d); COMMIT", last))
	}
	return last, err
}
