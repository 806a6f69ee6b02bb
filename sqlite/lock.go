package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pymon-bridge/monitor"
)

// fileLock keeps a second bridge from serving the same file. The kernel releases the lock when the process ends, in
// whatever way. The lock file stays.
type fileLock struct{ file *os.File }

// lockFile takes the lock and writes this process's ID into the lock file. The error message of the next process shows
// the ID.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, monitor.Errorf(monitor.EInternal, "%s is in use by another pymon-bridge%s: "+
			"stop it, or use another data directory", filepath.Dir(path), holder(f))
	}
	l := &fileLock{file: f}
	if err := l.write(hadContent(path)); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// contentMark is the second line of a lock file whose file has had content.
const contentMark = "the file has content\n"

// write writes this process's ID, and the mark if the file has content.
func (l *fileLock) write(content bool) error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if content {
		text += contentMark
	}
	_, err := l.file.WriteAt([]byte(text), 0)
	if err := errors.Join(err, l.file.Truncate(int64(len(text)))); err != nil {
		return fmt.Errorf("write lock %s: %w", l.file.Name(), err)
	}
	return nil
}

// hadContent says that a bridge once served a file with content beside this lock file.
func hadContent(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && strings.HasSuffix(string(text), contentMark)
}

// holder names the process that has the lock. It returns an empty text when the lock file has no process ID.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 20))
	if pid, _, _ := strings.Cut(string(text), "\n"); err == nil && pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}

func (l *fileLock) release() {
	if l != nil {
		l.file.Close()
	}
}
