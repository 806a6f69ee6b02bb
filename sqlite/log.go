package sqlite

import (
	"context"
	"fmt"
)

// readersWait is how long all writing waits for readers while the log is being emptied, in milliseconds. A read takes a
// fraction of it.
const readersWait = 250

// trimLog copies a log into the file and empties it, if it has at least from bytes. The caller holds mu. After a copy, SQLite writes to
// the log from its beginning again, but only at a moment without readers. While a backlog is delivered, reads follow each other closely,
// and there may be no such moment. The log would then grow to many times the size of the file. After a reader has prevented an attempt,
// the log grows by half of maxLog before the next one. Only the process that owns the file knows whether all that was copied is on the
// disk, so no other one does it.
func (db *DB) trimLog(from int64) {
	if db.shared {
		return
	}
	size := fileSize(db.path + "-wal")
	if size < db.maxLog {
		db.state.note(nil) // it was emptied, or the file was opened again
	}
	if size < from {
		return
	}
	if !db.copying.TryLock() { // it is being copied now
		return
	}
	defer db.copying.Unlock()
	busy, err := db.copyAlone(nil, db.emptyLog)
	err = inWords(err)
	db.state.note(err)
	switch {
	case err != nil: // all commits are in the log and stay there
		db.logger.Warn("the journal's log cannot be emptied yet", "file", db.path, "bytes", size, "error", err)
	case !busy:
		db.trimAt = db.maxLog
		return
	}
	db.trimAt = max(size, fileSize(db.path+"-wal")) + db.maxLog/2
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
// readersWait. The caller holds copying and mu.
func (db *DB) emptyLog() (busy bool, err error) {
	ctx, conn := context.Background(), db.writer.conn
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", readersWait)); err != nil {
		return false, err
	}
	busy, err = db.checkpoint(conn, "TRUNCATE")
	if _, again := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", othersWait)); err == nil {
		err = again
	}
	return busy, err
}
