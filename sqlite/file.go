package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pymon-bridge/monitor"
)

// magic is the beginning of every SQLite file.
const magic = "SQLite format 3\x00"

// prepareDirectory creates the data directory and the missing directories above it. Only the owner can enter them,
// since they hold everything that was measured. Their names are on stable storage when prepareDirectory returns.
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

// refuseLinks fails when the file, or one that stands beside it, is a symbolic link. SQLite would write to what it leads to. The data
// directory may have come with a repository, and so from others.
func refuseLinks(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		if info, err := os.Lstat(path + suffix); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return monitor.Errorf(monitor.EInvalid, "%s is a symbolic link: expected a file; the directory may be a link", path+suffix)
		}
	}
	return nil
}

// refuseDataLinks does the same for the file of a data directory. A copy elsewhere may be a link: somebody chose its name.
func refuseDataLinks(path string) error {
	if filepath.Base(path) != FileName {
		return nil
	}
	return refuseLinks(path)
}

// syncDirectory writes the names in a directory to stable storage.
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

// syncFile writes a file to stable storage.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// inspect creates a missing file. It refuses what SQLite would begin anew or overwrite without an error: a missing or
// empty file that had content, and a file that is no database. It must run before SQLite opens the file, because closing
// a file ends all locks that this process has on it.
func (db *DB) inspect() error {
	if _, err := os.Stat(db.path); errors.Is(err, os.ErrNotExist) {
		if evidence := evidence(db.path); evidence != "" {
			return db.lost("it is missing, but " + evidence)
		}
	}
	f, err := os.OpenFile(db.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	switch {
	case errors.Is(err, io.EOF):
		if evidence := evidence(db.path); evidence != "" {
			return db.lost("it is empty, but " + evidence)
		}
		return syncDirectory(filepath.Dir(db.path))
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read journal %s: %w", db.path, err)
	case !bytes.Equal(head[:n], []byte(magic)):
		return db.damaged(fmt.Sprintf("it is no SQLite file: it begins with %q", head[:n]))
	}
	return nil
}

// evidence says which other file shows that the file had content. It is empty when there is none.
func evidence(path string) string {
	name := filepath.Base(path)
	for _, f := range []struct{ kind, suffix string }{{"log", "-wal"}, {"log's index", "-shm"}} {
		if size := fileSize(path + f.suffix); size > 0 {
			return fmt.Sprintf("its %s %s%s has %d bytes", f.kind, name, f.suffix, size)
		}
	}
	if readMarks(path + ".lock").content {
		return fmt.Sprintf("its lock %s.lock says that it had content", name)
	}
	return ""
}

// fileSize returns the size of a file in bytes, 0 for a missing file.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
