package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pymon-bridge/test/harness"
)

// host stands for the test that package harness asks for. Its methods are those that the harness calls.
type host struct {
	testing.TB // nil: a method that is missing below panics
	dir        string
	cleanups   []func()
	failed     bool
}

// stopped is the panic of a fatal failure, which was printed.
type stopped struct{}

func newHost() *host { return &host{} }

// interrupted removes the files and ends the program with 1. What was started ends with it.
func (h *host) interrupted() {
	_ = os.RemoveAll(h.dir)
	os.Exit(1)
}

// try calls do and returns the exit code: 1 after a failure.
func (h *host) try(do func()) (exitCode int) {
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

// end stops what was started, the last one first, and removes all files.
func (h *host) end() {
	for _, clean := range slices.Backward(h.cleanups) {
		clean()
	}
	_ = os.RemoveAll(h.dir) // a file that stays in the temporary folder does no harm
}

// build builds the bridge, without the race detector.
func (h *host) build() (program string) {
	program = filepath.Join(h.TempDir(), "pymon-bridge")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "./cmd/pymon-bridge")
	cmd.Dir = harness.Root(h)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// TempDir makes a folder that [host.end] removes.
func (h *host) TempDir() string {
	var err error
	if h.dir == "" {
		h.dir, err = os.MkdirTemp("", "pymon-bridge-load-")
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
func (h *host) Helper() {}

// Cleanup lets [host.end] call f.
func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Failed says whether something failed.
func (h *host) Failed() bool { return h.failed }

// Logf prints a line.
func (h *host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Errorf prints a failure.
func (h *host) Errorf(format string, args ...any) {
	h.failed = true
	h.Logf(format, args...)
}

// Fatal prints a failure and ends [host.try].
func (h *host) Fatal(args ...any) {
	h.Errorf("%s", fmt.Sprint(args...))
	panic(stopped{})
}

// Fatalf is Fatal with a format.
func (h *host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }
