package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inheritedVariable is the environment variable with an [inheritance].
const inheritedVariable = "PYMON_BRIDGE_INHERITED"

// inheritance is what a bridge leaves to the program that replaces it in the same process, as JSON. That program may have
// another version, so a field never changes its meaning.
type inheritance struct {
	PID      int       `json:"pid"`
	Socket   int       `json:"socket"`   // number of the file that clients connect to
	Outlives bool      `json:"outlives"` // the socket stays open when the process ends
	Version  string    `json:"version"`  // of the program before
	Paused   time.Time `json:"paused"`   // since when clients that connect wait
}

// inherited returns what the program before left to this one. It is nil when the process began with this program.
func inherited() (*inheritance, error) {
	text := os.Getenv(inheritedVariable)
	if text == "" {
		return nil, nil
	}
	if err := os.Unsetenv(inheritedVariable); err != nil {
		return nil, err
	}
	i := &inheritance{}
	if err := json.Unmarshal([]byte(text), i); err != nil {
		return nil, fmt.Errorf("%s: expected what another bridge wrote: %w", inheritedVariable, err)
	}
	if i.PID != os.Getpid() { // of a parent
		return nil, nil
	}
	return i, nil
}

// listener returns the socket, and closes the inherited number of it.
func (i *inheritance) listener() (net.Listener, error) {
	f := os.NewFile(uintptr(i.Socket), "the socket of the program before")
	if f == nil {
		return nil, fmt.Errorf("%s: expected an open file, got %d", inheritedVariable, i.Socket)
	}
	l, err := net.FileListener(f)
	return l, errors.Join(err, f.Close())
}

// successor replaces this program in its process. So the process keeps its id, and the socket stays open.
type successor struct {
	program string // path
	inheritance
}

// programPath returns where this program was started from. A new version is there after an upgrade, or the link there leads to
// it.
func programPath() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return os.Executable()
	}
	return path, nil
}

// keep makes the socket stay open until the successor has it.
func (s *successor) keep(l net.Listener, outlives bool) error {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return fmt.Errorf("expected a socket, got a %T", l)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { s.Socket, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	s.PID, s.Outlives, s.Version = os.Getpid(), outlives, version
	return errors.Join(err, failed)
}

// replace runs the successor in place of this program, with the same flags and variables. It returns only after an error. If
// the successor cannot be run, this program begins anew. Signals that ask for something else than an end do not end the
// process before the successor can take them.
func (s *successor) replace() error {
	text, err := json.Marshal(s.inheritance)
	if err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(s.Socket), unix.F_SETFD, 0); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2)
	environment := append(os.Environ(), inheritedVariable+"="+string(text))
	err = syscall.Exec(s.program, os.Args, environment)
	return fmt.Errorf("run %s: %w", s.program, errors.Join(err, syscall.Exec("/proc/self/exe", os.Args, environment)))
}
