package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// inheritedVariable is the environment variable with an [inheritance].
const inheritedVariable = "PYMON_BRIDGE_INHERITED"

// inheritance is what a bridge leaves to the program that replaces it in the same process, as JSON. That program may have
// another version, so a field never changes its meaning.
type inheritance struct {
	PID      int       `json:"pid"`
	Socket   int       `json:"socket"`   // number of the file that clients connect to
	Lock     int       `json:"lock"`     // number of the file with the lock of the data directory; 0 for none
	Outlives bool      `json:"outlives"` // the socket stays open when the process ends
	Program  int       `json:"program"`  // number of the file with the program before; 0 for none
	Version  string    `json:"version"`  // of the program before
	Paused   time.Time `json:"paused"`   // since when clients that connect wait
	Failed   string    `json:"failed"`   // why a new program could not serve, so that the one before is back
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
	for _, number := range i.files() {
		unix.CloseOnExec(number)
	}
	return i, nil
}

// files returns the numbers that stay open until this program serves.
func (i *inheritance) files() (numbers []int) {
	for _, number := range []int{i.Program, i.Lock} {
		if number > 0 {
			numbers = append(numbers, number)
		}
	}
	return numbers
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

// close makes an end of the program before: it cannot come back from then on.
func (i *inheritance) close() {
	for _, number := range i.files() {
		_ = unix.Close(number) // nothing was written
	}
}

// procFile is the beginning of the path of an open file.
const procFile = "/proc/self/fd/"

// successor replaces this program in its process. So the process keeps its id, and the socket stays open.
type successor struct {
	program string      // path
	asked   os.FileInfo // of the program that said that it can serve
	migrate bool        // it may bring the file to its own version
	inheritance
}

// programPath returns where this program was started from. A new version is there after an upgrade, or the link there leads to
// it. Nothing may be there now.
func programPath() (string, error) {
	if filepath.IsAbs(os.Args[0]) {
		return os.Args[0], nil
	}
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return os.Executable()
	}
	return path, nil
}

// ask asks the program whether it can serve, unless it is the one that said so before.
func (s *successor) ask(ctx context.Context) error {
	now, err := os.Stat(s.program)
	if err != nil || os.SameFile(s.asked, now) && s.asked.ModTime().Equal(now.ModTime()) {
		return err
	}
	s.asked = now
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // it reads a few files
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, append(os.Args[1:len(os.Args):len(os.Args)], "--check", "--log-level=error", "--color=never")...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	if err = cmd.Run(); err == nil {
		return nil
	}
	words := strings.TrimPrefix(strings.TrimSpace(said.String()), "pymon-bridge: ")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == migratesStatus {
		if s.migrate {
			return nil
		}
		return fmt.Errorf("%s. Make a copy with `pymon-bridge backup`, and then type `pymon-bridge upgrade --migrate`", words)
	}
	if words == "" || ctx.Err() != nil {
		words = errors.Join(err, ctx.Err()).Error()
	}
	return fmt.Errorf("%s cannot serve: %s", s.program, oneLine(words, 2000))
}

// migratesStatus is the exit status of --check when the file is older than the program.
const migratesStatus = 3

// check says whether this program could serve with these flags, and changes nothing. A bridge may serve meanwhile.
func (c *serveCmd) check(ctx context.Context, m *Main, logger *slog.Logger) error {
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			return fmt.Errorf("read the TLS certificate: %w", err)
		}
	}
	if _, _, err := newDetector(c.JudgeSettings); err != nil {
		return err
	}
	backend, err := c.openBackend(logger, func(string, []monitor.Class) {})
	if err != nil {
		return err
	}
	if backend != nil {
		defer backend.Close()
	}
	file, known, err := sqlite.VersionOf(ctx, filepath.Join(c.Data, sqlite.FileName))
	switch {
	case err != nil:
		return err
	case file > 0 && file < known:
		return &exitError{migratesStatus, fmt.Errorf("the file in %s has version %d, and pymon-bridge %s brings it to version %d. Older "+
			"programs cannot serve it then", c.Data, file, version, known)}
	}
	_, err = fmt.Fprintf(m.Stdout, "pymon-bridge %s can serve %s.\n", version, c.Data)
	return err
}

// keep makes the socket stay open until the successor has it.
func (s *successor) keep(l socket) error {
	conn, ok := l.listener.(syscall.Conn)
	if !ok {
		return fmt.Errorf("expected a socket, got a %T", l.listener)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { s.Socket, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	s.PID, s.Outlives, s.Version = os.Getpid(), l.outlives, version
	return errors.Join(err, failed)
}

// replace runs the successor in place of this program, with the same flags and variables. If the successor cannot be run, or
// cannot serve, this program begins anew. replace returns only after an error.
func (s *successor) replace(ctx context.Context) error {
	var changed error
	if s.Failed == "" {
		changed = s.ask(ctx) // before files stay open for children
	}
	if ctx.Err() != nil { // a stop
		return nil
	}
	for _, number := range []int{s.Socket, s.Lock} {
		if number == 0 {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(number), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	if s.Failed != "" {
		return s.run(s.program)
	}
	own, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0)
	switch {
	case err != nil && changed != nil: // a system without /proc
		return changed
	case err != nil:
		return s.run(s.program)
	}
	if err = changed; err == nil {
		s.Program = own
		err = s.run(s.program)
	}
	unix.CloseOnExec(own)
	s.Failed, s.Program = err.Error(), 0
	return errors.Join(err, s.run(procFile+strconv.Itoa(own)))
}

// run runs a program in place of this one.
func (s *successor) run(program string) error {
	text, err := json.Marshal(s.inheritance)
	if err != nil {
		return err
	}
	err = syscall.Exec(program, os.Args, append(os.Environ(), inheritedVariable+"="+string(text)))
	return fmt.Errorf("run %s: %w", program, err)
}
