package harness

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Command is a program that measures a bridge and is no test: it reads its flags, and calls measure. What measure starts and writes is
// gone afterwards, also after an interrupt. Arguments after the flags are flags of the bridge. expected says what is wrong with the
// flags, and "" where they are right. The exit code is 1 if something failed, and 2 for wrong flags.
func Command(flags *flag.FlagSet, args []string, expected func() string, measure func(tb testing.TB, with BridgeConfig)) (exitCode int) {
	program := flags.String("program", "", "bridge to measure; empty builds this one")
	if flags.Parse(args) != nil {
		return 2
	}
	if wrong := expected(); wrong != "" {
		fmt.Fprintln(os.Stderr, wrong)
		return 2
	}
	dir, err := os.MkdirTemp("", "pymon-bridge-"+flags.Name()+"-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a file that stays in the temporary folder does no harm
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(interrupted, func() {
		_ = os.RemoveAll(dir)
		os.Exit(1) // what was started ends with it
	})()
	h := &host{dir: dir}
	defer h.end()
	return h.try(func() {
		if *program == "" {
			*program = filepath.Join(dir, "pymon-bridge")
			if err := build(Root(h), *program, false); err != nil {
				h.Fatal(err)
			}
		}
		measure(h, BridgeConfig{Program: *program, Args: flags.Args()})
	})
}

// host stands for the test that this package asks for, in a program that is no test. Its methods are those that are called.
type host struct {
	testing.TB // nil: a method that is missing below panics
	dir        string
	cleanups   []func()
	failed     bool
}

// stopped is the panic of a fatal failure, which was printed.
type stopped struct{}

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

// end stops what was started, the last one first.
func (h *host) end() {
	for _, clean := range slices.Backward(h.cleanups) {
		clean()
	}
}

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp(h.dir, "")
	if err != nil {
		h.Fatal(err)
	}
	return dir
}

func (h *host) Helper()                         {}
func (h *host) Cleanup(f func())                { h.cleanups = append(h.cleanups, f) }
func (h *host) Failed() bool                    { return h.failed }
func (h *host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (h *host) Errorf(format string, args ...any) {
	h.failed = true
	h.Logf(format, args...)
}

func (h *host) Fatal(args ...any) {
	h.Errorf("%s", fmt.Sprint(args...))
	panic(stopped{})
}

func (h *host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }
