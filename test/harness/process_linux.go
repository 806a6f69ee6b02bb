package harness

import "syscall"

// endWithParent makes the kernel kill a child when the test binary dies, which a panic or a timeout makes it do
// without any clean-up of its own.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
