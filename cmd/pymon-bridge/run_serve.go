package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runBridgeCmd serves the tests of `run`, on loopback. `run` starts it, in a session of its own, so that a ^C in the terminal
// does not reach it before the last row has arrived. It ends when no `run` uses it any more. People do not type it.
type runBridgeCmd struct{ serveCmd }

// Run serves until nobody uses the bridge. It does nothing where a bridge of `run` serves the directory already.
func (c *runBridgeCmd) Run(ctx context.Context, logger *slog.Logger) error {
	setRuntime()
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
	if err == nil {
		b.judgeEnded(context.WithoutCancel(ctx), min(lastJudging, c.StopAfter))
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.StopAfter)
	defer cancel()
	return errors.Join(err, b.Close(stopping))
}

// lastJudging bounds how long a bridge that nobody uses judges runs. What is left is judged after the next start.
const lastJudging = 10 * time.Second

// judgeEnded keeps the reports on the runs that the bridge got, without the wait for more of them.
func (b *bridge) judgeEnded(ctx context.Context, atMost time.Duration) {
	if b.worker == nil {
		return
	}
	_ = b.runs.Close() // never fails
	if !b.runs.Settle(ctx) {
		return // `runs` and its neighbours do not wait for what others have left
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	b.worker.Settle(ctx)
}
