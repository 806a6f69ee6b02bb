package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	driver "modernc.org/sqlite"
)

const (
	// copyFrom is from how many pages on the log is copied into the file in the background. SQLite itself would copy from 1,000 on, in
	// commits. More pages are copied less often, and after a kill a log of about 16 MiB has to be replayed.
	copyFrom = 3000
	// copyPause is how long after a commit the log is looked at.
	copyPause = 50 * time.Millisecond
	// copyRest is the pause after a copy that failed.
	copyRest = 10 * time.Second
)

// copyLogInBackground copies the log into the file, so that commits do not have to. An error is no loss: all commits are in the log and
// stay there.
func (db *DB) copyLogInBackground() {
	pause := copyPause
	for {
		select {
		case <-db.wrote:
		case <-db.ctx.Done():
			return
		}
		select {
		case <-time.After(pause):
		case <-db.ctx.Done():
			return
		}
		pause = copyPause
		if err := db.copyLargeLog(db.copyFrom); err != nil {
			pause = copyRest
			db.logger.Warn("the journal's log cannot be copied into the file yet", "file", db.path, "error", inWords(err))
		}
	}
}

// copyLargeLog copies the log if so many pages are not copied yet. A file that refuses stays as it is.
func (db *DB) copyLargeLog(from int) error {
	if db.state.refusal() != nil {
		return nil
	}
	frames, done, err := copied(db.readers)
	if err != nil || frames-done < from {
		return err
	}
	return db.copyLog()
}

// copyLog copies the log into the file while others write. SQLite syncs the file only after a copy of the whole log, so a second copy
// follows for what came during the first one, which is little. And SQLite begins the log anew only after a copy of the whole log. So
// what came during both is copied while nobody writes.
func (db *DB) copyLog() (err error) {
	db.copying.Lock()
	defer db.copying.Unlock()
	for range 2 {
		if db.unsure {
			break
		}
		_, err = db.checkpoint(db.readers, "PASSIVE")
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.writer == nil || db.state.refusal() != nil {
		return err
	}
	_, err = db.copyAlone(err, func() (bool, error) { return db.checkpoint(db.writer.conn, "PASSIVE") })
	return err
}

// copyAlone copies the log by fn while nobody writes, unless a copy failed already. After a failure it writes the pages again that may not
// be on the disk, at once: readers get them from the file until then. The caller holds copying and mu.
func (db *DB) copyAlone(failed error, fn func() (busy bool, err error)) (busy bool, err error) {
	if err := db.writeAgain(); err != nil {
		return false, db.writeError(err)
	}
	if failed != nil {
		return false, failed
	}
	busy, err = fn()
	if again := db.writeAgain(); again != nil {
		err = db.writeError(again)
	}
	return busy, err
}

// checkpoint copies the log into the file, as a mode of SQLite's says. busy says that it had to stop for others. The caller holds copying.
func (db *DB) checkpoint(q querier, mode string) (busy bool, err error) {
	err = q.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, new(int), new(int))
	db.unsure = db.unsure || err != nil
	return busy, err
}

// copied says how many frames the log has, and how many of them SQLite has copied into the file.
func copied(q querier) (frames, done int, err error) {
	err = q.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(NOOP)").Scan(new(bool), &frames, &done)
	return frames, done, err
}

// writeAgain makes SQLite copy pages again that may not be on the disk. The caller holds copying and mu.
func (db *DB) writeAgain() error {
	if !db.unsure {
		return nil
	}
	err := db.writer.writeAgain(db.path, db.commit)
	db.unsure = err != nil
	return err
}

// writeAgain makes SQLite copy again what it has copied. A copy of a part of the log counts as done although SQLite does not sync the
// file after it. When the sync after the rest of the log fails, the system may have dropped pages of that part, and the next sync
// succeeds without them. SQLite would then begin the log anew, which alone has them. So they are written to the log again, unchanged,
// and count as new. They are read from the log, since SQLite reads what it has copied from the file.
func (w *writer) writeAgain(path string, commit func(w *writer) error) error {
	head, err := headOf(path + "-wal")
	if err != nil || head == nil {
		return err
	}
	frames, done, err := copied(w.conn)
	if err != nil || done <= 0 {
		return err
	}
	return w.transaction(func() error {
		return eachCopied(path+"-wal", head, frames, done, func(number uint32, page []byte) error {
			_, err := w.exec("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, int64(number)) // none where the file became smaller
			return err
		})
	}, commit)
}

// headOf returns the head of a log, nil for one that is empty or not made yet.
func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, logHeader)
	if _, err := f.ReadAt(head, 0); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return head, nil
}

// eachCopied calls fn for the pages in the first frames of a log, which are done, that are in none of its other frames. It does nothing
// when the log has another head by now: a command has begun it anew, which SQLite does only after a copy of all of it.
func eachCopied(path string, head []byte, frames, done int, fn func(number uint32, page []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	now := make([]byte, logHeader)
	if _, err := f.ReadAt(now, 0); err != nil || !bytes.Equal(now, head) {
		return err
	}
	page := make([]byte, binary.BigEndian.Uint32(head[8:]))
	at := func(n int) int64 { return logHeader + int64(n)*int64(frameHeader+len(page)) }
	newest := map[uint32]int{}
	for n := range frames {
		if _, err := f.ReadAt(now[:4], at(n)); err != nil {
			return err
		}
		newest[binary.BigEndian.Uint32(now)] = n
	}
	for number, n := range newest {
		if n >= done {
			continue
		}
		if _, err := f.ReadAt(page, at(n)+frameHeader); err != nil {
			return err
		}
		if err := fn(number, page); err != nil {
			return err
		}
	}
	return nil
}

// closeConnections closes all connections. The last one copies the log and removes it, unless pages may not be on the disk: then the next
// start copies the whole log. A bridge that ended beside this process, or was killed, may have left such pages. The caller holds mu, and
// nothing else is under way.
func (db *DB) closeConnections() (errs []error) {
	if db.shared {
		_, done, err := copied(db.readers)
		db.unsure = err != nil || done > 0
	} else if db.writer != nil {
		errs = append(errs, db.writeAgain())
	}
	var last *sql.DB
	if db.unsure {
		keeper, err := db.keepLog()
		errs, last = append(errs, err), keeper
	}
	errs = append(errs, db.readers.Close(), db.listers.Close())
	if db.writer != nil {
		errs = append(errs, db.writer.close())
		db.writer = nil
	}
	if last != nil {
		errs = append(errs, last.Close())
	}
	return errs
}

// keepLog opens a connection that leaves the log where it is when it is closed last.
func (db *DB) keepLog() (*sql.DB, error) {
	pool, err := openPool(db.path, checkerPragmas, 1)
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(context.Background())
	if err == nil {
		defer conn.Close() // it stays open in the pool
		err = conn.QueryRowContext(context.Background(), "SELECT count(*) FROM sqlite_schema").Scan(new(int))
	}
	if err == nil {
		err = conn.Raw(func(c any) error {
			_, err := c.(driver.FileControl).FileControlPersistWAL("main", 1)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}
