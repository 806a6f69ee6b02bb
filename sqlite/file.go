package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// magic is how every SQLite file begins.
const magic = "SQLite format 3\x00"

// prepareDirectory creates the data directory, which only its owner can enter since it holds all that was measured,
// and makes its name durable, with those of the directories above it that it creates.
func prepareDirectory(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := prepareDirectory(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("create data directory: %w", err)
	}
	return syncDirectory(filepath.Dir(dir))
}

// syncDirectory makes names in a directory durable.
func syncDirectory(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// inspect creates the file if there is none, and refuses what SQLite would overwrite without a word: a file that
// lost its content while its log is still there, and one that is no database. It must run before SQLite opens the
// file, because closing a file ends every lock that its process has on it.
func (db *DB) inspect() error {
	f, err := os.OpenFile(db.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	switch {
	case errors.Is(err, io.EOF):
		if size := fileSize(db.path + "-wal"); size > 0 {
			return db.damaged(fmt.Sprintf("it is empty, but its log %s-wal has %d bytes", filepath.Base(db.path), size))
		}
		return syncDirectory(filepath.Dir(db.path))
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read journal %s: %w", db.path, err)
	case !bytes.Equal(head[:n], []byte(magic)):
		return db.damaged(fmt.Sprintf("it is no SQLite file: it begins with %q", head[:n]))
	}
	return nil
}

// fileSize returns the size of a file in bytes, 0 when it is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
