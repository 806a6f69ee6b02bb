package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"pymon-bridge/monitor"
)

const (
	retryFull        = 30 * time.Second // a person has to make room
	retryUnavailable = 5 * time.Second
)

// sqliteCode returns SQLite's primary result code of an error, 0 for an error that is not from SQLite.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// operations says in words which operation on a file has failed, by SQLite's extended result code.
var operations = map[int]string{
	lib.SQLITE_CANTOPEN:         "opening a file failed",
	lib.SQLITE_IOERR:            "reading or writing a file failed", // SQLite hides which
	lib.SQLITE_IOERR_READ:       "reading a file failed",
	lib.SQLITE_IOERR_SHORT_READ: "reading a file failed",
	lib.SQLITE_IOERR_WRITE:      "writing a file failed",
	lib.SQLITE_IOERR_FSYNC:      "syncing a file to the disk (fsync) failed",
	lib.SQLITE_IOERR_DIR_FSYNC:  "syncing the data directory (fsync) failed",
	lib.SQLITE_IOERR_TRUNCATE:   "truncating a file failed",
	lib.SQLITE_IOERR_FSTAT:      "reading the size of a file failed",
	lib.SQLITE_IOERR_DELETE:     "removing a file failed",
	lib.SQLITE_IOERR_SHMOPEN:    "opening the log's index pymon.db-shm failed",
	lib.SQLITE_IOERR_SHMSIZE:    "making the log's index pymon.db-shm larger failed (the disk may be full)",
	lib.SQLITE_IOERR_SHMMAP:     "mapping the log's index pymon.db-shm into memory failed",
}

// inWords adds the operation that has failed. SQLite itself only says that there was an error.
func inWords(err error) error {
	if e, ok := errors.AsType[*driver.Error](err); ok && operations[e.Code()] != "" {
		return fmt.Errorf("%s: %w", operations[e.Code()], err)
	}
	return err
}

// meansDamage says that an error means a broken file and not a broken machine.
func meansDamage(err error) bool {
	code := sqliteCode(err)
	return code == lib.SQLITE_CORRUPT || code == lib.SQLITE_NOTADB
}

// damage is the error for a file that must not be written to again. It says what is wrong and what the operator can do.
type damage struct{ cause *monitor.Error }

// Error implements error.
func (d damage) Error() string { return d.cause.Error() }

// Unwrap returns the error with its code.
func (d damage) Unwrap() error { return d.cause }

func (db *DB) damaged(what string) error {
	return damage{monitor.Errorf(monitor.EInternal, "%s is damaged: %s. Nothing was changed. Save what can be read into a new file: %s",
		db.path, what, RecoverCommand(filepath.Dir(db.path)))}
}

// RecoverCommand is the command that saves what can be read of the file in a data directory.
func RecoverCommand(data string) string {
	if abs, err := filepath.Abs(data); err == nil {
		data = abs
	}
	return fmt.Sprintf("pymon-bridge recover --data %[1]s --into %[1]s-recovered", data)
}

// lost is the error for a file that is missing or empty although it had content.
func (db *DB) lost(what string) error {
	return damage{monitor.Errorf(monitor.EInternal, "%[1]s is damaged: %[2]s. Nothing was changed. Put %[1]s back from "+
		"where it is now, or from a backup. To begin with a new, empty file instead, move %[1]s, %[1]s-wal, %[1]s-shm "+
		"and %[1]s.lock to another directory", db.path, what)}
}

// openError explains why the file could not be opened.
func (db *DB) openError(err error) error {
	if meansDamage(err) {
		return db.damaged(err.Error())
	}
	if phaseOf(err) == phaseDamaged {
		return err
	}
	return monitor.Errorf(monitor.EInternal, "open journal %s: %w", db.path, inWords(err))
}

// readError gives an error of a reader its code. After an error that means damage, nothing more is accepted.
func (db *DB) readError(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isMonitor(err):
		return err
	case db.lacksTables(err):
		return db.servedByOlder()
	case meansDamage(err):
		err = db.damaged(err.Error())
		db.state.set(phaseDamaged, err.Error())
		db.logger.Error("the journal accepts no records", "error", err)
		return err
	case sqliteCode(err) == lib.SQLITE_BUSY:
		return unavailable("%s is busy: %w", db.path, err)
	}
	return monitor.Errorf(monitor.EInternal, "read %s: %w", db.path, inWords(err))
}

// lacksTables says that an error means that the bridge which serves the file keeps other tables than this program.
func (db *DB) lacksTables(err error) bool {
	return db.served && sqliteCode(err) == lib.SQLITE_ERROR && noSuch.MatchString(err.Error())
}

var noSuch = regexp.MustCompile("no such (table|column)|has no column")

// servedByOlder is the error for what the bridge that serves the file cannot do.
func (db *DB) servedByOlder() error {
	return monitor.Errorf(monitor.EInvalid, "the bridge that serves %s is older and does not know this command: "+
		"nothing was done; start a bridge of this version first", db.path)
}

func isMonitor(err error) bool {
	_, ok := errors.AsType[*monitor.Error](err)
	return ok
}

func unavailable(format string, args ...any) *monitor.Error {
	e := monitor.Errorf(monitor.EUnavailable, format, args...)
	e.RetryAfter = retryUnavailable
	return e
}

func full(format string, args ...any) *monitor.Error {
	e := monitor.Errorf(monitor.EFull, format, args...)
	e.RetryAfter = retryFull
	return e
}

// writeError says what a failed transaction means: an error of the caller, a full disk, another process's lock, or a
// file that needs a check before it is used again.
func (db *DB) writeError(err error) error {
	switch code := sqliteCode(err); {
	case isMonitor(err):
		return err
	case db.lacksTables(err):
		return db.servedByOlder()
	case code == lib.SQLITE_FULL:
		e := full("the disk of %s is full: %w", db.path, err)
		db.space.refuse(e)
		return e
	case code == lib.SQLITE_BUSY:
		return unavailable("%s is locked by another process: %w", db.path, err)
	case code == lib.SQLITE_TOOBIG, code == lib.SQLITE_CONSTRAINT:
		return monitor.Errorf(monitor.EInternal, "write %s: %w", db.path, err)
	default:
		err = inWords(err)
		db.fail(err)
		return unavailable("writing %s failed, and the file is being checked: %w", db.path, err)
	}
}
