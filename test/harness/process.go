package harness

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a child process. Its output goes to a file. It always ends with this process.
type process struct {
	cmd  *exec.Cmd
	log  string        // path of the file; both output streams are appended to it
	done chan struct{} // closed when the child has ended and cmd.ProcessState is set
}

// startProcess starts cmd, and appends its two output streams to the log file. cmd must not have output streams yet.
func startProcess(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = endWithParent()
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	started := make(chan error)
	go p.run(out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// run stays on one thread. For the kernel, the parent of the child is the thread that started it.
func (p *process) run(out *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	_ = out.Close() // the child has its own copy
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // ProcessState has the result
		close(p.done)
	}
}

// kill ends the child like kill -9, and returns when it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only after the end of the child
	<-p.done
}

// stop asks the child to end, and waits. When the time is over, stop kills the child and returns an error.
func (p *process) stop(within time.Duration) (*os.ProcessState, error) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only after the end of the child
	select {
	case <-p.done:
		return p.cmd.ProcessState, nil
	case <-time.After(within):
		p.kill()
		return p.cmd.ProcessState, fmt.Errorf("%s still ran %v after SIGTERM", p.cmd.Path, within)
	}
}

// output returns the output of the child so far.
func (p *process) output() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail returns the last lines of the output, for failure messages.
func (p *process) tail() string {
	lines := strings.Split(strings.TrimSpace(p.output()), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
