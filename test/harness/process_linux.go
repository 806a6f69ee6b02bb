package harness

import "syscall"

// endWithParent makes the kernel kill a child when the test binary dies. A panic or a timeout ends the binary without any
// clean-up of its own.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
