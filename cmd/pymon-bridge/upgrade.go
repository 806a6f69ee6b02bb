package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pymon-bridge/sqlite"
)

const (
	// checkWithin is how long the new program may take to check whether it can serve.
	checkWithin = time.Minute
	// migratesStatus is the exit status of --check when the file is older than the program.
	migratesStatus = 3
)

// check says whether this program could serve with these flags, and changes nothing. A bridge may serve meanwhile.
func (c *serveCmd) check(ctx context.Context, m *Main, logger *slog.Logger) error {
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			return fmt.Errorf("read the TLS certificate: %w", err)
		}
	}
	if _, _, err := newDetector(c.JudgeSettings); err != nil {
		return err
	}
	backend, err := c.openBackend(logger, func(string) {})
	if err != nil {
		return err
	}
	if backend != nil {
		defer backend.Close()
	}
	file, known, err := sqlite.VersionOf(ctx, filepath.Join(c.Data, sqlite.FileName))
	switch {
	case err != nil:
		return err
	case file > 0 && file < known:
		return &exitError{migratesStatus, fmt.Errorf("the file in %s has version %d, and pymon-bridge %s brings it to version %d. Older "+
			"programs cannot serve it then", c.Data, file, version, known)}
	}
	_, err = fmt.Fprintf(m.Stdout, "pymon-bridge %s can serve %s.\n", version, c.Data)
	return err
}

// checkNext asks the program that would replace this one whether it can serve. With migrate it may bring the file to its own
// version.
func checkNext(ctx context.Context, program string, migrate bool) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(os.Args[1:len(os.Args):len(os.Args)], "--check", "--log-level=error", "--color=never")...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	err := cmd.Run()
	if err == nil {
		return nil
	}
	words := strings.TrimPrefix(strings.TrimSpace(said.String()), "pymon-bridge: ")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == migratesStatus {
		if migrate {
			return nil
		}
		return fmt.Errorf("%s. Make a copy with `pymon-bridge backup`, and then type `pymon-bridge upgrade --migrate`", words)
	}
	if words == "" || ctx.Err() != nil {
		words = errors.Join(err, ctx.Err()).Error()
	}
	return fmt.Errorf("%s cannot serve: %s", program, oneLine(words, 2000))
}

// upgrade prepares the bridge to be replaced by the program in the file that it was started from. When that cannot serve, the
// bridge goes on.
func (b *bridge) upgrade(ctx context.Context, migrate bool) error {
	program, err := programPath()
	if err == nil {
		err = checkNext(ctx, program, migrate)
	}
	if err != nil {
		b.logger.ErrorContext(ctx, "no upgrade: the bridge goes on as it is", "error", err)
		return err
	}
	b.next = &successor{program: program}
	return nil
}

// makeWay stops what nobody waits for, and then waits for a moment at which no request takes long. Until then the bridge accepts
// records. ctx limits the time.
func (b *bridge) makeWay(ctx context.Context, l socket) error {
	if err := b.next.keep(l.listener, l.outlives); err != nil {
		return err
	}
	b.logger.InfoContext(ctx, "another program takes the place of this one", "program", b.next.program)
	now, cancel := context.WithCancel(ctx)
	cancel()
	var errs []error
	for _, stop := range b.background {
		errs = append(errs, stop(now))
	}
	b.server.Calm(ctx)
	b.next.Paused = time.Now()
	return errors.Join(errs...)
}
