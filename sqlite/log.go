package sqlite

import (
	"context"
	"fmt"
)

const (
	// maxLog is the size of SQLite's log, in bytes, above which it is emptied by force.
	maxLog = 64 << 20
	// logStep is how much the log grows until the next attempt, where a reader stood in the way of one.
	logStep = 32 << 20
	// readersWait is how long all writing waits for readers then, in milliseconds: several times what a read takes.
	readersWait = 250
)

// trimLog copies the log into the file and empties it when it has become large; the caller holds mu. SQLite does so
// by itself only at a moment without any reader, and where reads follow closely upon each other, as when a backlog
// is delivered, there may be none for as long as they do: the log then grows to many times the size of the file.
func (db *DB) trimLog() {
	size := fileSize(db.path + "-wal")
	if size < max(db.trimAt, maxLog) {
		return
	}
	busy, err := db.writer.emptyLog()
	switch {
	case err != nil: // what was committed is in the log and stays there
		db.logger.Warn("the journal's log cannot be emptied yet", "file", db.path, "bytes", size, "error", err)
	case !busy:
		db.trimAt = maxLog
		return
	}
	db.trimAt = size + logStep
}

// emptyLog returns busy where a reader stood in the way for too long.
func (w *writer) emptyLog() (busy bool, err error) {
	ctx := context.Background()
	if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", readersWait)); err != nil {
		return false, err
	}
	var log, copied int
	err = w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &copied)
	if _, again := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", othersWait)); err == nil {
		err = again
	}
	return busy, err
}
