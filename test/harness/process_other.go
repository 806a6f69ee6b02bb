//go:build !linux

package harness

import "syscall"

// endWithParent does nothing where the kernel cannot kill orphans: a test binary that panics leaves its children.
func endWithParent() *syscall.SysProcAttr { return nil }
