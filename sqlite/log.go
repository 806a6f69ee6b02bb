package sqlite

import (
	"context"
	"fmt"
	"time"
)

const (
	// copyFrom is how many pages of the log are copied into the file in the background. It is less than wal_autocheckpoint, from which
	// on a commit copies them, and clients wait.
	copyFrom = 3000
	// copyPause is how long after a commit the log is looked at.
	copyPause = 50 * time.Millisecond
	// readersWait is how long all writing waits for readers while the log is being emptied, in milliseconds. A read takes a
	// fraction of it.
	readersWait = 250
)

// copyLogInBackground copies the log into the file, so that commits seldom have to. An error is no loss: commits then copy the log, and
// trimLog says what is wrong.
func (db *DB) copyLogInBackground() {
	for {
		select {
		case <-db.wrote:
		case <-db.ctx.Done():
			return
		}
		select {
		case <-time.After(copyPause):
		case <-db.ctx.Done():
			return
		}
		if _, left, err := checkpoint(db.readers, "NOOP"); err == nil && left >= copyFrom {
			db.copyLog()
		}
	}
}

// copyLog copies the log into the file while others write. SQLite syncs the file only after a copy of the whole log, so a second copy
// follows for what came during the first one, which is little. And SQLite begins the log anew only after a copy of the whole log. So
// what came during both is copied while nobody writes.
func (db *DB) copyLog() {
	for range 2 {
		if _, _, err := checkpoint(db.readers, "PASSIVE"); err != nil {
			return
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.writer != nil && db.state.refusal() == nil {
		_, _, _ = checkpoint(db.writer.conn, "PASSIVE")
	}
}

// checkpoint copies the log into the file, as a mode of SQLite's says. busy says that it had to stop for others. left is how many pages of
// the log are still to be copied. The mode NOOP copies nothing.
func checkpoint(q querier, mode string) (busy bool, left int, err error) {
	var log, copied int
	err = q.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &copied)
	return busy, log - copied, err
}

// trimLog copies a log into the file and empties it, if it has so many bytes. The caller holds mu. SQLite empties the log by itself only
// at a moment without readers. While a backlog is delivered, reads follow each other closely, and there may be no such
// moment. The log would then grow to many times the size of the file. After a reader has prevented an attempt, the log
// grows by half of maxLog before the next one.
func (db *DB) trimLog(from int64) {
	size := fileSize(db.path + "-wal")
	if size < db.maxLog {
		db.state.note(nil) // SQLite has emptied it by itself, or the file was opened again
	}
	if size < from {
		return
	}
	busy, err := db.writer.emptyLog()
	err = inWords(err)
	db.state.note(err)
	switch {
	case err != nil: // all commits are in the log and stay there
		db.logger.Warn("the journal's log cannot be emptied yet", "file", db.path, "bytes", size, "error", err)
	case !busy:
		db.trimAt = db.maxLog
		return
	}
	db.trimAt = size + db.maxLog/2
}

// returnSpace gives what the log takes back to the disk after a removal: the file is shorter when the log is copied into it.
// When a reader prevents it, the next call tries again. At other times the log stays. Otherwise a bridge without room would
// accept a few records after each call.
func (db *DB) returnSpace() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.shrunk && db.writer != nil && db.state.refusal() == nil {
		db.trimLog(1)
		db.shrunk = fileSize(db.path+"-wal") > 0
	}
}

// emptyLog copies the log into the file and empties it. busy says that a reader prevented it for longer than
// readersWait.
func (w *writer) emptyLog() (busy bool, err error) {
	ctx := context.Background()
	if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", readersWait)); err != nil {
		return false, err
	}
	busy, _, err = checkpoint(w.conn, "TRUNCATE")
	if _, again := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", othersWait)); err == nil {
		err = again
	}
	return busy, err
}
