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

// process is a child whose output goes to a file and who ends with this process, however that ends.
type process struct {
	cmd  *exec.Cmd
	log  string        // path of the file with both its output streams, appended to
	done chan struct{} // closed when it has ended and cmd.ProcessState is set
}

// startProcess starts cmd, which must not have output streams yet, and sends both of them to the log file.
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

// run stays on one thread, because the kernel takes the end of the thread that forked for the parent's death.
func (p *process) run(out *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	_ = out.Close() // the child has its own copy
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}
}

// kill ends it as kill -9 does and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.done
}

// stop asks it to end. It is killed, and that is an error, when it has not ended after the given time.
func (p *process) stop(within time.Duration) (*os.ProcessState, error) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
	select {
	case <-p.done:
		return p.cmd.ProcessState, nil
	case <-time.After(within):
		p.kill()
		return p.cmd.ProcessState, fmt.Errorf("%s still ran %v after SIGTERM", p.cmd.Path, within)
	}
}

// output returns what it has printed so far.
func (p *process) output() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail returns the last lines of what it printed, for failure messages.
func (p *process) tail() string {
	lines := strings.Split(strings.TrimSpace(p.output()), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
