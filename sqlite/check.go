package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxDelay is the longest time between two attempts to open a failed file again.
const maxDelay = time.Minute

// fail ends the use of the write connection. The caller holds mu. After one fsync has failed, the result of the next
// fsync means nothing. So the file is used again only through a new connection and after a check.
func (db *DB) fail(cause error) {
	db.logger.Error("writing the journal failed; nothing is accepted until the file passes a check",
		"file", db.path, "error", cause)
	db.state.set(phaseFailed, "writing failed ("+cause.Error()+"); the file is being checked")
	if db.readers.Stats().OpenConnections == 0 { // the last connection copies the log when it is closed, and removes it
		_, _, _ = copied(db.readers)
	}
	_ = db.writer.close() // the connection has failed already
	db.writer = nil
	delete(db.opened, db.path+"-wal") // SQLite may make a new log and index
	delete(db.opened, db.path+"-shm")
	db.work.Go(db.restore)
}

// restore checks and reopens the file. It tries again until it succeeds or the DB is closed.
func (db *DB) restore() {
	for delay := db.delay; ; delay = min(2*delay, maxDelay) {
		select {
		case <-db.ctx.Done():
			return
		case <-time.After(delay):
		}
		err := db.reopen()
		if err == nil {
			db.logger.Info("the journal passed its check and accepts records again", "file", db.path)
			return
		}
		if p, _ := db.state.get(); db.ctx.Err() != nil || p == phaseGone {
			return
		}
		db.logger.Error("the journal cannot be used yet", "file", db.path, "error", err, "next", min(2*delay, maxDelay))
	}
}

func (db *DB) reopen() error {
	db.mu.Lock()
	gone := db.requireFiles()
	db.mu.Unlock()
	if gone != nil {
		return gone
	}
	var w *writer
	err := db.inspectLog(walIndex{}, false) // SQLite may replay it
	if err == nil {
		w, err = db.connectWriter(db.ctx, db.lock) // the check would not find what a failed sync has lost
	}
	if err == nil {
		if err = db.check(db.ctx); err == nil {
			err = db.prepareWriter(db.ctx, w, db.lock)
		} else {
			_ = w.close() // err says why the file is not used
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if err == nil {
		if err = db.watchOpened(); err != nil {
			_ = w.close() // err says why the file is not used
		}
	}
	switch p, _ := db.state.get(); {
	case p == phaseGone:
	case err != nil && db.ctx.Err() == nil:
		db.state.set(phaseOf(err), err.Error())
	case db.ctx.Err() != nil && err == nil:
		err = w.close()
	case err == nil:
		db.writer, db.trimAt = w, 0 // the log is tried again at once, whatever its size was
		db.state.note(nil)
		db.state.set(phaseOK, "accepting")
	}
	return err
}

func phaseOf(err error) phase {
	if _, ok := errors.AsType[damage](err); ok {
		return phaseDamaged
	}
	return phaseFailed
}

// checkInBackground checks the whole file once after it was opened. A damaged file accepts nothing more, since it may
// lose records.
func (db *DB) checkInBackground() {
	start := time.Now()
	err := db.check(db.ctx)
	if db.ctx.Err() != nil {
		return
	}
	if err == nil {
		if db.state.advance(phaseChecking, phaseOK, "accepting") {
			db.logger.Info("the journal passed its check", "file", db.path, "took", time.Since(start).Round(time.Millisecond))
		}
		return
	}
	if db.state.advance(phaseChecking, phaseOf(err), err.Error()) {
		db.logger.Error("the journal accepts no records", "file", db.path, "error", err)
	}
}

// check runs PRAGMA quick_check on a connection of its own.
func (db *DB) check(ctx context.Context) error {
	pool, err := openPool(db.path, checkerPragmas, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	var findings []string
	err = each(ctx, pool, "PRAGMA quick_check(10)", nil, func(row scanner) error {
		findings = append(findings, "")
		return row.Scan(&findings[len(findings)-1])
	})
	switch {
	case err != nil && !meansDamage(err):
		return fmt.Errorf("check %s: %w", db.path, inWords(err))
	case err != nil:
		return db.damaged(strings.Join(append(findings, err.Error()), "; "))
	case len(findings) == 1 && findings[0] == "ok":
		db.checked.Store(nanoseconds(time.Now()))
		return nil
	}
	return db.damaged("PRAGMA quick_check says " + strings.ReplaceAll(strings.Join(findings, "; "), "\n", " "))
}
