package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"pymon-bridge/monitor"
)

// Source is a file that an import reads: a `.pymon` file of pytest-monitor, or the file of a bridge. It stays as it is, and
// may be on a disk that nobody can write to. A file with a log beside it counts with its log. A copy is read where SQLite has
// to change the file first: to undo a transaction, or to bring a bridge's file up to date.
type Source struct {
	Path     string
	Bridge   bool     // it is a bridge's file, so its records are placed
	Records  int64    // number of records, or a little more
	Projects []string // of a bridge's file

	raw    *rawFile
	pool   *sql.DB
	copied string // folder of the copy; empty for none
	rows   interface {
		read(ctx context.Context, s *Source, out *batcher) error
	}
}

// OpenSource opens a file and checks the whole of it. The errors name the file and say what was expected.
func OpenSource(ctx context.Context, path string, logger *slog.Logger) (*Source, error) {
	s := &Source{Path: path}
	if err := s.open(ctx, logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close removes what was copied.
func (s *Source) Close() (err error) {
	if s.pool != nil {
		err = s.pool.Close()
	}
	if s.raw != nil {
		s.raw.close()
	}
	if s.copied != "" {
		err = errors.Join(err, os.RemoveAll(s.copied))
	}
	return err
}

func (s *Source) open(ctx context.Context, logger *slog.Logger) (err error) {
	if err := s.inspect(); err != nil {
		return err
	}
	if s.raw, err = openRaw(s.Path); err != nil {
		return err
	}
	if fileSize(s.Path+"-journal") > 0 {
		err = s.undo()
	} else if loss := logLoss(s.raw.walk, walIndex{}, false, "its log "+filepath.Base(s.Path)+"-wal"); loss != "" {
		err = fmt.Errorf("%s is damaged: %s. Nothing was imported", s.Path, loss)
	} else {
		s.pool, err = s.raw.openPool()
	}
	if err != nil {
		return err
	}
	version, err := s.identify(ctx)
	if err == nil && s.Bridge && version < len(schemas()) {
		err = s.migrate(ctx, logger)
	}
	if err == nil {
		err = s.check(ctx)
	}
	if err == nil {
		err = s.raw.changed()
	}
	return err
}

// inspect looks at the file before SQLite does.
func (s *Source) inspect() error {
	if err := refuseDataLinks(s.Path); err != nil {
		return err
	}
	f, err := os.Open(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: expected a .pymon file or a bridge's file", s.Path)
	case err != nil:
		return err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return errors.Join(err, fmt.Errorf("%s is a directory: expected a .pymon file or a bridge's file, such as %s", s.Path,
			filepath.Join(s.Path, FileName)))
	}
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read %s: %w", s.Path, err)
	}
	if !bytes.Equal(head[:n], []byte(magic)) {
		return fmt.Errorf("%s is no SQLite file, it begins with %q: expected a .pymon file or a bridge's file", s.Path, head[:n])
	}
	return nil
}

// place makes a folder for a copy, and returns the path of the copy.
func (s *Source) place() (path string, err error) {
	s.copied, err = os.MkdirTemp("", "pymon-bridge-import-")
	return filepath.Join(s.copied, FileName), err
}

// undo opens a copy of the file with the journal that undoes a transaction. SQLite does that when it reads the copy.
func (s *Source) undo() error {
	path, err := s.place()
	for _, suffix := range []string{"", "-journal"} {
		if err == nil {
			err = copyFile(path+suffix, s.Path+suffix)
		}
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", s.Path, err)
	}
	s.pool, err = openPool(path, checkerPragmas, 1)
	return err
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// migrate opens a copy with the newest tables instead of the file.
func (s *Source) migrate(ctx context.Context, logger *slog.Logger) error {
	err := s.pool.Close()
	s.pool = nil
	path, placed := s.place()
	if err = cmp.Or(err, placed); err == nil {
		err = copyServed(ctx, s.Path, path, func(int64, int64) {})
	}
	db := New(path, monitor.Zones{}, logger)
	db.MinFree = 0
	if err == nil {
		err = db.Open(ctx)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("bring a copy of %s up to date: %w", s.Path, err)
	}
	s.pool, err = openPool(path, checkerPragmas, 1)
	return err
}
