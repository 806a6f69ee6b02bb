package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"pymon-bridge/cache"
	"pymon-bridge/httpd"
	"pymon-bridge/journal"
	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/regress"
	"pymon-bridge/sqlite"
	"pymon-bridge/telemetry"
)

// bridge is a serving bridge with all its parts. The parts know each other only through the interfaces of package monitor.
// Each part's file has the hooks that connect it with other parts.
type bridge struct {
	config   *serveCmd
	followed []*follower // files whose new values are used
	logger   *slog.Logger
	metrics  *telemetry.Metrics

	db        *sqlite.DB
	tokens    monitor.TokenList // at the start
	access    httpd.TokenLister // nil for the tokens in the file
	committer *journal.Committer
	rate      rate            // of the records that are committed
	backend   monitor.Backend // nil without a destination, like both couriers
	courier   *journal.Courier
	reports   *journal.ReportCourier
	cache     *cache.Store
	detector  *regress.Detector
	judge     monitor.Judge
	accepter  monitor.Accepter
	worker    *judge.Worker // nil with --no-judge: another bridge judges
	runs      *journal.RunWatcher
	deletions *deleter
	retention *retainer
	server    *httpd.Server
	upgrader  upgrader

	url   string
	since time.Time // when the start began

	closers  []closer // of the opened parts, in the order of opening
	ensuring sync.WaitGroup
	failed   chan error
}

// closer closes a part. No client waits for an early one.
type closer struct {
	close func(ctx context.Context) error
	early bool
}

func newBridge(config *serveCmd, logger *slog.Logger) *bridge {
	b := &bridge{config: config, logger: logger, metrics: telemetry.New(version, commit(debug.ReadBuildInfo())), failed: make(chan error, 1)}
	b.retention, b.upgrader = newRetainer(config, logger), upgrader{logger: logger, signals: make(chan os.Signal, 1), orders: make(chan struct{}, 1)}
	return b
}

// Open opens all parts, from the disk to the network, and serves on l. After an error no part is open.
func (b *bridge) Open(ctx context.Context, l net.Listener) (err error) {
	b.url, b.since = baseURL(l, b.config.TLSCert != ""), time.Now().UTC().Round(time.Millisecond)
	defer func() {
		if err != nil {
			// The operator waits for the error. So Close does not wait for a delivery, which may hang.
			now, cancel := context.WithCancel(ctx)
			cancel()
			err = errors.Join(err, b.Close(now))
		}
	}()
	for _, open := range []func(context.Context) error{b.openJournal, b.openDelivery, b.openJudge, b.openCommitter, b.openCommands} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	if b.tokens, err = b.db.Tokens(ctx); err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	if err := b.config.guard(l, b.tokens.Access(), b.logger); err != nil {
		return err
	}
	return b.openServer(l)
}

// wait returns when ctx is done, when another program can take the place of this one, or with the error of a part that ended
// by itself. Meanwhile it uses new values in files, and reloads at each hangup.
func (b *bridge) wait(ctx context.Context, hangup <-chan os.Signal) error {
	look := time.NewTicker(reloadEvery)
	defer look.Stop()
	for b.upgrader.next == nil {
		select {
		case <-ctx.Done():
			b.logger.Info("stopping; accepted requests are answered", "at_most", b.config.StopAfter)
			return nil
		case err := <-b.failed:
			return err
		case <-hangup:
			b.reload(ctx)
		case <-b.upgrader.signals:
			b.upgrader.prepare(ctx, false)
		case <-b.upgrader.orders:
			b.upgrader.obey(ctx)
		case <-look.C:
			for _, f := range b.followed {
				f.look(ctx, b.logger)
			}
		}
	}
	return nil
}

// Close closes the parts in the reverse order of opening. The network closes first, so that every accepted record is
// committed. Then the courier delivers committed records until ctx ends.
func (b *bridge) Close(ctx context.Context) error {
	err := b.closeParts(ctx, false)
	b.closers = nil
	return err
}

// closeParts closes the parts in the reverse order of opening; with early those only that no client waits for.
func (b *bridge) closeParts(ctx context.Context, early bool) error {
	var errs []error
	for _, c := range slices.Backward(b.closers) {
		if c.early || !early {
			errs = append(errs, c.close(ctx))
		}
	}
	return errors.Join(errs...)
}

func (b *bridge) onClose(f func(ctx context.Context) error) {
	b.closers = append(b.closers, closer{close: f})
}

// onCloseEarly is onClose for a part that no client waits for. Before a hand-over it closes earlier than the others, and f is
// called twice.
func (b *bridge) onCloseEarly(f func(ctx context.Context) error) {
	b.closers = append(b.closers, closer{f, true})
}

// open opens a part. Close closes it with the others.
func (b *bridge) open(part interface {
	Open() error
	Close() error
}) error {
	if err := part.Open(); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return part.Close() })
	return nil
}
