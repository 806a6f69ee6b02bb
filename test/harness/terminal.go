package harness

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// ofColours are the variables of the environment that say something about colours. Tests say it themselves.
var ofColours = []string{"NO_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "GITLAB_CI", "TERM", "COLUMNS"}

// RunInTerminal runs one command of the program to its end, with a terminal of some columns as its input and both outputs. The
// result has everything that the terminal got as Stdout, with "\n" at the ends of lines. env has additions to the test's
// environment.
func RunInTerminal(tb testing.TB, columns int, env []string, args ...string) Result {
	tb.Helper()
	cmd := exec.Command(Program(tb), args...)
	cmd.Env = append(append(PlainEnvironment(), "TERM=xterm"), env...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: uint16(columns)})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	late := time.AfterFunc(runWithin, func() { _ = cmd.Process.Kill() })
	var seen bytes.Buffer
	_, _ = io.Copy(&seen, terminal) // Linux ends it with an error when the program has ended
	_ = cmd.Wait()                  // ProcessState has the result
	if !late.Stop() {
		tb.Fatalf("pymon-bridge %q still ran after %v:\n%s", args, runWithin, seen.String())
	}
	return Result{ExitCode: cmd.ProcessState.ExitCode(), Stdout: strings.ReplaceAll(seen.String(), "\r\n", "\n")}
}

// PlainEnvironment returns the environment of the test without what it says about colours.
func PlainEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ofColours, name)
	})
}
