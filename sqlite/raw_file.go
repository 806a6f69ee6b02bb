package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite/vfs"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite/pages"
)

// rawFile is a file with its log that is read and never changed. SQLite would make an index of the log, and copy the log
// into the file.
type rawFile struct {
	path  string
	file  *pages.File
	walk  walk
	index walIndex
	lock  *fileLock // marks only
	open  []*os.File
	seen  []os.FileInfo // of the file and its log
	image io.Closer     // nil while SQLite does not read it
}

// openRaw opens a file that nobody writes to.
func openRaw(path string) (*rawFile, error) {
	if err := refuseDataLinks(path); err != nil {
		return nil, err
	}
	s := &rawFile{path: path, lock: readMarks(path + ".lock"), index: readIndex(path + "-shm")}
	if err := s.read(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *rawFile) read() error {
	main, err := s.openFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return monitor.Errorf(monitor.ENotFound, "expected the file of a bridge, but there is no %s", s.path)
	} else if err != nil {
		return err
	}
	log, err := s.openFile(s.path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.walk, err = walkLog(s.path + "-wal"); err != nil {
		return err
	}
	l := pages.Log{At: s.walk.pages}
	if log != nil {
		l.From, l.PageSize = log, s.walk.pageSize
	}
	if s.file, err = pages.New(main, s.seen[0].Size(), l); err != nil {
		return fmt.Errorf("read %s: %w", s.path, err)
	}
	return nil
}

func (s *rawFile) openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s.open = append(s.open, f)
	info, err := f.Stat()
	s.seen = append(s.seen, info)
	return f, err
}

// openPool returns a connection that reads the file with its log. [rawFile.close] has to follow its end.
func (s *rawFile) openPool() (*sql.DB, error) {
	name, image, err := vfs.New(s)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.path, err)
	}
	s.image = image
	return openURL("/"+filepath.Base(s.path), checkerPragmas, 1, url.Values{"vfs": {name}})
}

// changed returns an error when somebody has written to the file since it was opened.
func (s *rawFile) changed() error {
	for i, f := range s.open {
		now, err := os.Stat(f.Name())
		if err != nil {
			return fmt.Errorf("%s went away while it was read: %w", f.Name(), err)
		}
		if then := s.seen[i]; !os.SameFile(then, now) || then.Size() != now.Size() || !then.ModTime().Equal(now.ModTime()) {
			return monitor.Errorf(monitor.EUnavailable, "%s changed while it was read: a bridge or another program writes to it. "+
				"Stop that, and try again", f.Name())
		}
	}
	return nil
}

// logLoss says what of the log SQLite would drop.
func (s *rawFile) logLoss() string {
	return logLoss(s.walk, s.index, s.lock.killed(), "its log "+filepath.Base(s.path)+"-wal")
}

func (s *rawFile) close() {
	if s.image != nil {
		s.image.Close()
	}
	for _, f := range s.open {
		f.Close()
	}
}

// Open implements [fs.FS]. SQLite gets the file as it is with its log, and no log.
func (s *rawFile) Open(name string) (fs.File, error) {
	if name != "/"+filepath.Base(s.path) {
		return nil, fs.ErrNotExist
	}
	var content io.ReaderAt = s.file
	size := s.file.Size()
	if len(s.walk.pages) == 0 { // so the size of pages does not matter
		content, size = s.open[0], s.seen[0].Size()
	}
	return &imageFile{SectionReader: io.NewSectionReader(withoutLog{content}, 0, size), name: name}, nil
}

// withoutLog reads a file as one that keeps no log. So SQLite looks for none.
type withoutLog struct{ io.ReaderAt }

// ReadAt implements [io.ReaderAt].
func (w withoutLog) ReadAt(b []byte, at int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(b, at)
	for i := range b[:n] {
		if pos := at + int64(i); pos == 18 || pos == 19 {
			b[i] = 1
		} else if pos > 19 {
			break
		}
	}
	return n, err
}

// imageFile implements [fs.File], [io.Seeker] and [fs.FileInfo].
type imageFile struct {
	*io.SectionReader
	name string
}

func (f *imageFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *imageFile) Close() error               { return nil }
func (f *imageFile) Name() string               { return f.name }
func (f *imageFile) Mode() fs.FileMode          { return 0o400 }
func (f *imageFile) ModTime() time.Time         { return time.Time{} }
func (f *imageFile) IsDir() bool                { return false }
func (f *imageFile) Sys() any                   { return nil }
