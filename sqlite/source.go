package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"pymon-bridge/monitor"
)

// Source is a file that an import reads: a `.pymon` file of pytest-monitor, or the file of a bridge. It stays as it is, and
// may be on a disk that nobody can write to. A file with a log beside it counts with its log: then a copy is read.
type Source struct {
	Path     string
	Bridge   bool     // it is a bridge's file, so its records are placed
	Records  int64    // number of records, or a little more
	Projects []string // of a bridge's file

	pool   *sql.DB
	before []os.FileInfo
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
	if s.copied != "" {
		err = errors.Join(err, os.RemoveAll(s.copied))
	}
	return err
}

// besides are what SQLite keeps beside a file: its log, and the journal that undoes a transaction.
var besides = [...]string{"", "-wal", "-journal"}

func (s *Source) open(ctx context.Context, logger *slog.Logger) error {
	if err := s.inspect(); err != nil {
		return err
	}
	path := s.Path
	if fileSize(path+"-wal") > 0 || fileSize(path+"-journal") > 0 {
		var err error
		if path, err = s.copy(); err != nil {
			return err
		}
		if err := s.settle(ctx, path, logger); err != nil {
			return err
		}
	}
	if err := s.openPool(path); err != nil {
		return err
	}
	version, err := s.identify(ctx)
	if err == nil && s.Bridge && version < len(schemas()) {
		if path, err = s.migrated(ctx, path, logger); err == nil {
			err = s.openPool(path)
		}
	}
	if err == nil {
		err = s.check(ctx)
	}
	if err == nil {
		err = s.requireUnchanged()
	}
	return err
}

// inspect looks at the file before SQLite does, and notes its state.
func (s *Source) inspect() error {
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
	s.before = s.state()
	return nil
}

// state returns what the system says of the file and of what is beside it, nil for a file that is missing.
func (s *Source) state() (all []os.FileInfo) {
	for _, suffix := range besides {
		info, _ := os.Stat(s.Path + suffix) // nil for a missing one
		all = append(all, info)
	}
	return all
}

// requireUnchanged fails when somebody has written to the file since it was opened. Then what was read may fit nothing.
func (s *Source) requireUnchanged() error {
	now := s.state()
	for i, was := range s.before {
		is := now[i]
		if (was == nil) != (is == nil) || was != nil && (was.Size() != is.Size() || !was.ModTime().Equal(is.ModTime())) {
			return fmt.Errorf("%s was changed while it was read: import it when nobody writes to it, or import a backup", s.Path)
		}
	}
	return nil
}

// copy copies the file with what is beside it into a folder of its own, and returns the path of the copy.
func (s *Source) copy() (path string, err error) {
	if s.copied, err = os.MkdirTemp("", "pymon-bridge-import-"); err != nil {
		return "", fmt.Errorf("copy %s: %w", s.Path, err)
	}
	path = filepath.Join(s.copied, FileName)
	return path, CopyFile(path, s.Path)
}

// CopyFile copies a file that nobody writes to, with what is beside it. The error is [fs.ErrNotExist] when there is no file.
func CopyFile(to, from string) error {
	s := &Source{Path: from}
	s.before = s.state()
	for _, suffix := range besides {
		if err := copyFile(to+suffix, from+suffix); err != nil && !(errors.Is(err, fs.ErrNotExist) && suffix != "") {
			return fmt.Errorf("copy %s%s: %w", from, suffix, err)
		}
	}
	return s.requireUnchanged()
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

// settle brings what is beside a copy into the copy.
func (s *Source) settle(ctx context.Context, path string, logger *slog.Logger) error {
	look := New(path, monitor.Zones{}, logger)
	err := look.inspectLog(walIndex{}, false)
	if err == nil {
		var pool *sql.DB
		if pool, err = openPool(path, "busy_timeout(5000)", 1); err != nil {
			return err
		}
		_, err = pool.ExecContext(ctx, "PRAGMA journal_mode = delete")
		err = errors.Join(err, pool.Close())
	}
	return s.of(path, err)
}

// migrated returns the path of a copy with the newest tables.
func (s *Source) migrated(ctx context.Context, path string, logger *slog.Logger) (string, error) {
	if s.copied == "" {
		var err error
		if path, err = s.copy(); err != nil {
			return "", err
		}
	}
	db := New(path, monitor.Zones{}, logger)
	db.MinFree = 0
	err := db.Open(ctx)
	if err == nil {
		err = db.Close()
	}
	return path, s.of(path, err)
}

// of makes an error about a copy one about the file.
func (s *Source) of(path string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), path, s.Path))
}

// openPool opens a file of which SQLite changes nothing.
func (s *Source) openPool(path string) error {
	if s.pool != nil {
		s.pool.Close()
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	query := url.Values{"mode": {"ro"}, "immutable": {"1"}, "_error_rc": {"1"}, "_pragma": strings.Split(checkerPragmas, ";")}
	s.pool, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: query.Encode()}).String())
	return err
}
