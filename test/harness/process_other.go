//go:build !linux

package harness

import "syscall"

// endWithParent does nothing on kernels that cannot kill orphans. There, a test binary that panics leaves its children.
func endWithParent() *syscall.SysProcAttr { return nil }
