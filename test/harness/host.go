package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Host stands for the test that this package asks for, in a program that is no test. Its methods are those that the package calls.
type Host struct {
	testing.TB // nil: a method that is missing below panics
	prefix     string
	dir        string
	cleanups   []func()
	failed     bool
}

// stopped is the panic of a fatal failure, which was printed.
type stopped struct{}

// NewHost returns a host with a folder of its own, whose name begins with prefix.
func NewHost(prefix string) *Host {
	h := &Host{prefix: prefix}
	h.TempDir()
	return h
}

// Interrupted removes the files and ends the program with 1. What was started ends with it.
func (h *Host) Interrupted() {
	_ = os.RemoveAll(h.dir)
	os.Exit(1)
}

// Try calls do and returns the exit code: 1 after a failure.
func (h *Host) Try(do func()) (exitCode int) {
	defer func() {
		switch reason := recover().(type) {
		case nil, stopped:
		default:
			panic(reason)
		}
		if h.failed {
			exitCode = 1
		}
	}()
	do()
	return 0
}

// End stops what was started, the last one first, and removes all files.
func (h *Host) End() {
	for _, clean := range slices.Backward(h.cleanups) {
		clean()
	}
	_ = os.RemoveAll(h.dir) // a file that stays in the temporary folder does no harm
}

// Build builds the bridge, without the race detector.
func (h *Host) Build() (program string) {
	program = filepath.Join(h.TempDir(), "pymon-bridge")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "./cmd/pymon-bridge")
	cmd.Dir = Root(h)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// TempDir makes a folder that [Host.End] removes.
func (h *Host) TempDir() string {
	var err error
	if h.dir == "" {
		h.dir, err = os.MkdirTemp("", h.prefix)
	}
	dir := h.dir
	if err == nil {
		dir, err = os.MkdirTemp(h.dir, "")
	}
	if err != nil {
		h.Fatal(err)
	}
	return dir
}

// Helper does nothing.
func (h *Host) Helper() {}

// Cleanup lets [Host.End] call f.
func (h *Host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Failed says whether something failed.
func (h *Host) Failed() bool { return h.failed }

// Logf prints a line.
func (h *Host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Errorf prints a failure.
func (h *Host) Errorf(format string, args ...any) {
	h.failed = true
	h.Logf(format, args...)
}

// Fatal prints a failure and ends [Host.Try].
func (h *Host) Fatal(args ...any) {
	h.Errorf("%s", fmt.Sprint(args...))
	panic(stopped{})
}

// Fatalf is Fatal with a format.
func (h *Host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }
