package harness

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runWithin bounds the time of a command of the program, which could wait for ever. It is long, for slow machines.
const runWithin = 5 * time.Minute

// Program returns the path of the program under test, for commands: it has no race detector. [StartBridge] says which
// program it is.
func Program(tb testing.TB) string {
	tb.Helper()
	bin, err := binary(false)
	if err != nil {
		tb.Fatal(err)
	}
	return bin
}

// Result is the result of a command.
type Result struct {
	ExitCode       int
	Stdout, Stderr string
}

// RunProgram runs one command of the program to its end, such as `version`. env has additions to the test's environment.
func RunProgram(tb testing.TB, env []string, args ...string) Result {
	tb.Helper()
	cmd := exec.Command(Program(tb), args...)
	cmd.Env = append(PlainEnvironment(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	late := time.AfterFunc(runWithin, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // ProcessState has the result
	if !late.Stop() {
		tb.Fatalf("pymon-bridge %q still ran after %v:\n%s", args, runWithin, stderr.String())
	}
	return Result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// Process is a child process that ends with its test.
type Process struct {
	tb   testing.TB
	proc *process
}

// StartProcess starts cmd and keeps its output in a file.
func StartProcess(tb testing.TB, cmd *exec.Cmd) *Process {
	tb.Helper()
	proc, err := startProcess(cmd, filepath.Join(tb.TempDir(), "process.log"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(proc.kill)
	return &Process{tb, proc}
}

// PID returns the process id.
func (p *Process) PID() int { return p.proc.cmd.Process.Pid }

// Output returns the output of the process so far.
func (p *Process) Output() string { return p.proc.output() }

// Kill ends the process like kill -9.
func (p *Process) Kill() { p.proc.kill() }

// Signal sends the process a signal. It does nothing when the process has ended.
func (p *Process) Signal(s syscall.Signal) { _ = p.proc.cmd.Process.Signal(s) }

// Stop asks the process to end, and returns its final state.
func (p *Process) Stop() *os.ProcessState {
	p.tb.Helper()
	state, err := p.proc.stop(stopWithin)
	if err != nil {
		p.tb.Fatalf("%v\n%s", err, p.proc.tail())
	}
	return state
}

// Wait waits until the process has ended by itself, and returns its final state.
func (p *Process) Wait() *os.ProcessState {
	p.tb.Helper()
	select {
	case <-p.proc.done:
	case <-time.After(runWithin):
		p.tb.Fatalf("the process still runs after %v:\n%s", runWithin, p.proc.tail())
	}
	return p.proc.cmd.ProcessState
}

// Signal sends the bridge a signal. It does nothing when the bridge has ended.
func (b *Bridge) Signal(s syscall.Signal) { _ = b.proc.cmd.Process.Signal(s) }

// UsePassword sets the token that the harness sends from now on when it asks for the bridge's metrics.
func (b *Bridge) UsePassword(token string) { b.cfg.Password = token }

// AddArgs adds flags for the next start.
func (b *Bridge) AddArgs(args ...string) { b.cfg.Args = append(b.cfg.Args, args...) }

// Upgrade makes the program in the file of the bridge take its place, and waits for that.
func (b *Bridge) Upgrade() {
	b.tb.Helper()
	taken := func() int { return strings.Count(b.Log(), `"msg":"this program has taken the place of another"`) }
	before := taken()
	b.Signal(syscall.SIGUSR2)
	err := poll(startWithin, b.proc.done, func() error {
		if taken() == before {
			return errors.New("no other program has taken the place of the bridge")
		}
		return nil
	})
	if err != nil {
		b.tb.Fatalf("%v\n%s", err, b.proc.tail())
	}
}
