package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pymon-bridge/monitor"
)

// fileLock keeps a second bridge from serving the same file. The kernel releases the lock when the process ends, in
// whatever way. The lock file stays.
type fileLock struct {
	file    *os.File
	process int    // that has the lock, or had it last; 0 for none
	kept    bool   // for the next program in this process
	content bool   // the file had content once
	opening bool   // the process with the lock is opening the file
	damage  string // what the process with the lock found; empty for none
	boot    string // of the system, while a bridge serves the file, and after it was killed; empty after it has closed
}

// ErrServed is the cause of the error of [DB.Open] when another process serves the file.
var ErrServed = errors.New("the lock is taken")

// lockFile takes the lock and writes this process's ID into the lock file. The error message of the next process shows
// the ID. kept is the number of an open file that may have the lock already, 0 for none.
func lockFile(path string, kept int) (*fileLock, error) {
	if err := refuseLinks(strings.TrimSuffix(path, ".lock")); err != nil {
		return nil, err
	}
	f := keptLock(path, kept)
	var err error
	if f == nil {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		holder := ""
		if pid := readMarks(path).process; pid != 0 {
			holder = fmt.Sprintf(" (process %d)", pid)
		}
		e := monitor.Errorf(monitor.EInternal, "%s is in use by another pymon-bridge%s: "+
			"stop it, or use another data directory", filepath.Dir(path), holder)
		e.Err = ErrServed
		return nil, e
	}
	l := readMarks(path)
	l.damage = ""
	l.file, l.opening = f, true
	if err := l.write(); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// keptLock returns the lock file that is open as number. It is nil when there is none, or another file is at path now.
func keptLock(path string, number int) *os.File {
	if number == 0 {
		return nil
	}
	own, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(own), path)
	has, err := f.Stat()
	now, err2 := os.Stat(path)
	if errors.Join(err, err2) != nil || !os.SameFile(has, now) {
		f.Close()
		return nil
	}
	return f
}

// KeepLock returns the number of an open file that has the lock also after Close. The next program in this process gives it to its
// DB as Lock, so that nobody gets the lock between the two. Commands beside wait for that program.
func (db *DB) KeepLock() (number int, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	number, err = unix.FcntlInt(db.lock.file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	db.lock.kept = err == nil
	return number, err
}

// served says whether a bridge, or a command that changes the file, has the lock of the file. It changes nothing.
func served(path string) bool {
	f, err := os.Open(path + ".lock")
	if err != nil {
		return false
	}
	defer f.Close() // ends the shared lock
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// The lines of a lock file behind the process ID.
const (
	contentMark = "the file has content"
	openingMark = "it is being opened"
	damageMark  = "its bridge accepts nothing: "
	bootMark    = "it is served since boot "
)

// write writes this process's ID and the marks.
func (l *fileLock) write() error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if l.content {
		text += contentMark + "\n"
	}
	if l.opening {
		text += openingMark + "\n"
	}
	if l.damage != "" {
		text += damageMark + l.damage + "\n"
	}
	if l.boot != "" {
		text += bootMark + l.boot + "\n"
	}
	_, err := l.file.WriteAt([]byte(text), 0)
	if err := errors.Join(err, l.file.Truncate(int64(len(text)))); err != nil {
		return fmt.Errorf("write lock %s: %w", l.file.Name(), err)
	}
	return nil
}

// readMarks returns the marks of a lock file, none for a missing one.
func readMarks(path string) *fileLock {
	l := &fileLock{}
	text, _ := os.ReadFile(path) // the file is new, or it was opened a moment ago
	for i, line := range strings.Split(string(text), "\n") {
		if i == 0 {
			l.process, _ = strconv.Atoi(line)
		}
		if boot, ok := strings.CutPrefix(line, bootMark); ok {
			l.boot = boot
		}
		if damage, ok := strings.CutPrefix(line, damageMark); ok {
			l.damage = damage
		}
		l.content = l.content || line == contentMark
		l.opening = l.opening || line == openingMark
	}
	return l
}

// mark notes that the file has content, and the boot in which it is served. An empty boot says that nobody serves it.
func (l *fileLock) mark(boot string) error {
	l.content, l.opening, l.boot, l.damage = true, l.kept, boot, ""
	return l.write()
}

// noteDamage tells the commands beside this process that the file is damaged, or that it is not any more.
func (db *DB) noteDamage() {
	damage := ""
	if p, detail := db.state.get(); p == phaseDamaged {
		damage = strings.Join(strings.Fields(detail), " ")
	}
	if damage == db.lock.damage {
		return
	}
	db.lock.damage = damage
	if err := db.lock.write(); err != nil {
		db.logger.Error("commands beside this process cannot know that the file is damaged", "error", err)
	}
}

// Damage says why the bridge that serves the file found it damaged. It is empty when it did not, and when no other process
// serves the file.
func (db *DB) Damage() string {
	if !db.served {
		return ""
	}
	return readMarks(db.path + ".lock").damage
}

// thisBoot identifies the time since the system was started. It is empty where the system does not tell.
func thisBoot() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

// killed says that a bridge served the file since the system was started, and did not close it.
func (l *fileLock) killed() bool { return l.boot != "" && l.boot == thisBoot() }

func (l *fileLock) release() {
	if l != nil {
		l.file.Close()
	}
}

// requireOwner fails when another process may serve the file. That process has a counter of the sequence, which this
// process does not see.
func (db *DB) requireOwner() error {
	if db.shared {
		return monitor.Errorf(monitor.EInternal, "%s is open beside the process that serves it", db.path)
	}
	return nil
}
