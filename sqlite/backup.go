package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	driver "modernc.org/sqlite"

	"pymon-bridge/monitor"
)

// pagesAtOnce is how many pages a backup copies between two reports of its progress.
const pagesAtOnce = 1000

// Backup copies the file at from, as it is at one moment, to the file into. A bridge may serve the file. The copy is on
// stable storage when Backup returns, and only its owner can read it. Backup fails with EInvalid when there is a file at into,
// unless replace is set. A file whose log is damaged is not copied, since the copy would lack records.
func Backup(ctx context.Context, from, into string, replace bool, progress Progress) error {
	if _, err := os.Lstat(into); err == nil && !replace {
		return monitor.Errorf(monitor.EInvalid, "expected the name of a new file, but there is a file %s", into)
	}
	if err := notPartOf(from, into); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(into), filepath.Base(into)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the copy: %w", err)
	}
	temporary.Close()
	defer os.Remove(temporary.Name())
	defer os.Remove(temporary.Name() + "-journal") // of SQLite's when the disk is full
	if err := copyServed(ctx, from, temporary.Name(), progress); err != nil {
		return err
	}
	if err := syncFile(temporary.Name()); err != nil {
		return err
	}
	if !replace {
		if err := os.Link(temporary.Name(), into); errors.Is(err, fs.ErrExist) { // made meanwhile
			return monitor.Errorf(monitor.EInvalid, "expected the name of a new file, but there is a file %s", into)
		}
	}
	if err := os.Rename(temporary.Name(), into); err != nil { // some file systems have no links
		return err
	}
	return syncDirectory(filepath.Dir(into))
}

// notPartOf fails when the copy would replace the file itself, or what stands beside it.
func notPartOf(from, into string) error {
	same := func(a, b string) bool {
		first, err := os.Stat(a)
		second, err2 := os.Stat(b)
		return err == nil && err2 == nil && os.SameFile(first, second)
	}
	beside := same(filepath.Dir(from), filepath.Dir(into))
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} { // SQLite takes one that was not there for its own
		if same(from+suffix, into) || beside && filepath.Base(into) == filepath.Base(from)+suffix {
			return monitor.Errorf(monitor.EInvalid, "expected another file than those of the bridge, but got %s", into)
		}
	}
	return nil
}

func copyServed(ctx context.Context, from, into string, progress Progress) error {
	src, err := openRaw(from)
	if err != nil {
		return err
	}
	defer src.close()
	beside := served(from)
	var pool *sql.DB
	if beside {
		pool, err = openBeside(from)
	} else if loss := src.logLoss(); loss != "" {
		err = (&DB{path: from}).damaged(loss)
	} else {
		pool, err = src.openPool()
	}
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	defer conn.Close()
	if err := copyPages(ctx, conn, into, progress); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, filepath.Dir(into), err)
	}
	if beside {
		return nil
	}
	return src.changed()
}

// copyPages copies what a connection reads. The connection reads in one transaction meanwhile. Otherwise SQLite would begin
// anew whenever another process writes to the file.
func copyPages(ctx context.Context, conn *sql.Conn, into string, progress Progress) error {
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(new(int)); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // nothing was written
	return conn.Raw(func(c any) error {
		backup, err := c.(interface {
			NewBackup(into string) (*driver.Backup, error)
		}).NewBackup(into)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if err = ctx.Err(); err == nil {
				more, err = backup.Step(pagesAtOnce)
				progress(int64(backup.PageCount()-backup.Remaining()), int64(backup.PageCount()))
			}
		}
		return cmp.Or(err, backup.Finish()) // which says the same again
	})
}
