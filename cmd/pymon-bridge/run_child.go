package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// The exit statuses that shells use where a command does not run or is ended by a signal.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
	statusSignal        = 128 // plus the number of the signal
)

// passedOn are the signals that ask a program to do something.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// child is the command of `run` as a process.
type child struct {
	cmd     *exec.Cmd
	signals chan os.Signal
}

// startChild starts a command with the streams of this process, in the same process group: then a terminal treats both alike.
// From now on signals do not end this process: they go to the channel. The error has the exit status for a command that does
// not run.
func startChild(m *Main, signals chan os.Signal, command, environment []string) (*child, error) {
	c := &child{cmd: exec.Command(command[0], command[1:]...), signals: signals}
	if errors.Is(c.cmd.Err, exec.ErrNotFound) { // a virtual environment that is not activated has it beside this program
		if program, err := os.Executable(); err == nil {
			c.cmd = exec.Command(filepath.Join(filepath.Dir(program), command[0]), command[1:]...)
		}
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = m.Stdin, m.Stdout, m.Stderr
	c.cmd.Env = environment
	signal.Notify(c.signals, passedOn...)
	err := c.cmd.Start()
	if err == nil {
		return c, nil
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return nil, &exitError{statusNotFound, fmt.Errorf("%s: command not found", command[0])}
	default:
		return nil, &exitError{statusNotExecutable, fmt.Errorf("%s: cannot be executed: %w", command[0], err)}
	}
}

// wait passes signals on until the command has ended, and returns its status as a shell does.
func (c *child) wait() (status int) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.cmd.Wait() // the state says everything
	}()
	for {
		select {
		case s := <-c.signals:
			if !fromTerminal(s) {
				_ = c.cmd.Process.Signal(s) // fails only after the end of the process
			}
		case <-ended:
			for len(c.signals) > 0 { // they were for the command
				<-c.signals
			}
			if s, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
				return statusSignal + int(s.Signal())
			}
			return c.cmd.ProcessState.ExitCode()
		}
	}
}

// untilSignal returns a context that is done at the next signal.
func (c *child) untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		select {
		case s := <-c.signals:
			stop(fmt.Errorf("stopped by a signal (%v)", s))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(nil) }
}

// fromTerminal says whether the terminal has sent a signal, and so to the command too. To interrupt pytest twice would stop it
// in the middle of its clean-up. A ^C reaches the foreground process group, and only a terminal sends it to a whole group.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer terminal.Close()
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
