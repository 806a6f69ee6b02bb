package harness

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// ofColours are the variables of the environment that say something about colours. Tests say it themselves.
var ofColours = []string{"NO_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "GITLAB_CI", "TERM", "COLUMNS"}

// Terminal is a terminal in which a command of the program runs.
type Terminal struct {
	tb   testing.TB
	cmd  *exec.Cmd
	pty  *os.File
	seen Buffer
	over chan struct{} // closed when the program has ended and everything is in seen
}

// StartInTerminal starts one command of the program, with a terminal of some columns as its input and both outputs. env has
// additions to the test's environment.
func StartInTerminal(tb testing.TB, columns int, env []string, args ...string) *Terminal {
	tb.Helper()
	t := &Terminal{tb: tb, cmd: exec.Command(Program(tb), args...), over: make(chan struct{})}
	t.cmd.Env = append(append(PlainEnvironment(), "TERM=xterm"), env...)
	var err error
	if t.pty, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: 50, Cols: uint16(columns)}); err != nil {
		tb.Fatal(err)
	}
	go func() {
		defer close(t.over)
		_, _ = io.Copy(&t.seen, t.pty) // Linux ends it with an error when the program has ended
		_ = t.cmd.Wait()               // ProcessState has the result
	}()
	tb.Cleanup(func() {
		_ = t.cmd.Process.Kill()
		<-t.over
		_ = t.pty.Close()
	})
	return t
}

// Output returns what the terminal got so far, with "\n" at the ends of lines.
func (t *Terminal) Output() string { return strings.ReplaceAll(t.seen.String(), "\r\n", "\n") }

// Signal sends the program a signal. It does nothing when the program has ended.
func (t *Terminal) Signal(s syscall.Signal) { _ = t.cmd.Process.Signal(s) }

// Wait returns when the program has ended. The result has everything that the terminal got as Stdout.
func (t *Terminal) Wait() Result {
	t.tb.Helper()
	select {
	case <-t.over:
	case <-time.After(runWithin):
		t.tb.Fatalf("pymon-bridge %q still ran after %v:\n%s", t.cmd.Args[1:], runWithin, t.Output())
	}
	return Result{ExitCode: t.cmd.ProcessState.ExitCode(), Stdout: t.Output()}
}

// RunInTerminal runs one command of the program to its end, as [StartInTerminal] starts it.
func RunInTerminal(tb testing.TB, columns int, env []string, args ...string) Result {
	tb.Helper()
	return StartInTerminal(tb, columns, env, args...).Wait()
}

// PlainEnvironment returns the environment of the test without what it says about colours.
func PlainEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ofColours, name)
	})
}
