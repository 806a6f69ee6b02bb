package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"pymon-bridge/influx"
)

// reloadEvery is how often the bridge looks whether a file has a new value.
const reloadEvery = time.Second

// follower reads a file with the value of a flag again and again. It reads the content, because the file may be behind a
// symbolic link that changes, as in Kubernetes.
type follower struct {
	valueFile
	use  func(value string) error // takes a new value, or says what was expected
	said string                   // the last warning
}

// look uses the value in the file if it is new. If it is wrong, the old value stays in use, and one warning says so.
func (f *follower) look(ctx context.Context, logger *slog.Logger) {
	value, err := f.read()
	if err == nil && value != f.value {
		if err = f.use(value); err == nil {
			f.value = value
			logger.InfoContext(ctx, "a new value is in use", "variable", f.variable, "file", f.path)
		}
	}
	switch {
	case err == nil:
		f.said = ""
	case err.Error() != f.said:
		f.said = err.Error()
		logger.WarnContext(ctx, "cannot use the value in the file; the old value stays in use",
			"variable", f.variable, "file", f.path, "error", err)
	}
}

// read reads a regular file. To read a pipe could take for ever.
func (f *follower) read() (string, error) {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("expected a regular file: another kind is read at the start only")
	}
	return readValue(f.path)
}

// follow makes the bridge use new values in files without a restart.
func (b *bridge) follow(files valueFiles, level *slog.LevelVar) {
	for name, use := range map[string]func(string) error{
		"influx-token": b.useToken,
		"log-level":    func(value string) error { return setLevel(level, value) },
	} {
		if file, ok := files[name]; ok {
			b.followed = append(b.followed, &follower{valueFile: file, use: use})
		}
	}
}

// useToken takes a new token for the destination. Delivery is tried again at once, because the old token may be refused.
func (b *bridge) useToken(token string) error {
	backend, ok := b.backend.(interface{ SetToken(token string) })
	if !ok {
		return nil // without a destination no token is needed
	}
	if err := influx.CheckToken(token); err != nil {
		return err
	}
	backend.SetToken(token)
	b.retryNow()
	return nil
}

// retryNow makes the couriers and the deleter try again at once.
func (b *bridge) retryNow() {
	if b.courier != nil {
		b.courier.RetryNow()
		b.reports.RetryNow()
		b.deletions.now.Store(true)
	}
}

// reload does what SIGHUP asks for. It reads again what can change, and tries to deliver at once.
func (b *bridge) reload(ctx context.Context) {
	again := []string{"tokens"}
	for _, f := range b.followed {
		f.look(ctx, b.logger)
		again = append(again, f.variable)
	}
	if b.config.TLSCert != "" {
		again = append(again, "certificate")
	}
	b.server.Reload(ctx)
	b.retryNow()
	b.logger.InfoContext(ctx, "SIGHUP: files are read again, and delivery is tried at once", "read", again)
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func setLevel(level *slog.LevelVar, name string) error {
	known, ok := levels[name]
	if !ok {
		return fmt.Errorf("expected debug, info, warn or error, got %.40q", name)
	}
	level.Set(known)
	return nil
}
