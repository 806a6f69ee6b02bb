package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// runBridgeCmd serves the tests of `run`, on loopback. `run` starts it, in a session of its own, so that a ^C in the terminal
// does not reach it before the last row has arrived. It ends when no `run` uses it any more. People do not type it.
type runBridgeCmd struct{ serveCmd }

// Run serves until nobody uses the bridge. It does nothing where a bridge of `run` serves the directory already.
func (c *runBridgeCmd) Run(ctx context.Context, logger *slog.Logger) error {
	limitMemory()
	ignored := make(chan os.Signal, 1) // a terminal that closes does not end the tests of others
	signal.Notify(ignored, syscall.SIGHUP)
	defer signal.Stop(ignored)
	place, err := takeBridgePlace(c.Data)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(place) // a file that nobody uses is closed, and its lock ends
	s, err := listen(c.Listen)
	if err != nil {
		return err
	}
	l := s.listener
	b := newBridge(&c.serveCmd, logger)
	b.access = place
	if err := b.Open(ctx, l); err != nil {
		return errors.Join(err, l.Close())
	}
	if err = place.announce(baseURL(l, false)); err == nil {
		err = errors.Join(b.wait(place.whileUsed(ctx), nil), place.withdraw())
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.StopAfter)
	defer cancel()
	return errors.Join(err, b.Close(stopping))
}
