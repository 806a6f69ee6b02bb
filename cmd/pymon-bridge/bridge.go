package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"pymon-bridge/cache"
	"pymon-bridge/httpd"
	"pymon-bridge/ingest"
	"pymon-bridge/journal"
	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/telemetry"
)

// bridge is a serving bridge: every part, wired. The parts know each other only by the interfaces of package monitor.
type bridge struct {
	config  *serveCmd
	logger  *slog.Logger
	metrics *telemetry.Metrics

	db        *sqlite.DB
	committer *journal.Committer
	backend   monitor.Backend // nil without a destination, as are both couriers
	courier   *journal.Courier
	reports   *journal.ReportCourier
	cache     *cache.Store
	judge     monitor.Judge
	worker    *judge.Worker // nil where another bridge judges
	runs      *journal.RunWatcher
	server    *httpd.Server

	opened   []func(ctx context.Context) error // what to close, in the order of opening
	ensuring sync.WaitGroup
	failed   chan error
}

func newBridge(config *serveCmd, logger *slog.Logger) *bridge {
	return &bridge{config: config, logger: logger, metrics: telemetry.New(version, ""), failed: make(chan error, 1)}
}

// Open opens every part, from the disk to the network, and serves on l. After an error nothing is left open.
func (b *bridge) Open(ctx context.Context, l net.Listener) (err error) {
	defer func() {
		if err != nil {
			// The operator waits for the reason, so nothing waits for a delivery: it may hang.
			now, cancel := context.WithCancel(ctx)
			cancel()
			err = errors.Join(err, b.Close(now))
		}
	}()
	for _, open := range []func(context.Context) error{b.openJournal, b.openDelivery, b.openJudge, b.openCommitter} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	if err := b.config.guard(ctx, l, b.db); err != nil {
		return err
	}
	return b.openServer(l)
}

// ensureTimeout bounds the look at the destination when starting.
const ensureTimeout = 30 * time.Second

// Failed receives the error of a part that ended by itself.
func (b *bridge) Failed() <-chan error { return b.failed }

// Close closes the parts in the reverse order: the network first, so that what was accepted is committed, then
// what was committed delivered as far as ctx allows.
func (b *bridge) Close(ctx context.Context) error {
	var errs []error
	for i := len(b.opened) - 1; i >= 0; i-- {
		errs = append(errs, b.opened[i](ctx))
	}
	b.opened = nil
	return errors.Join(errs...)
}

func (b *bridge) onClose(f func(ctx context.Context) error) { b.opened = append(b.opened, f) }

// open opens a part, to be closed with the others.
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

// openJournal opens the local file and the committer in front of it.
func (b *bridge) openJournal(ctx context.Context) error {
	zones, err := b.config.zones()
	if err != nil {
		return err
	}
	b.db = sqlite.New(filepath.Join(b.config.Data, sqlite.FileName), zones, b.logger)
	b.db.MaxBytes = int64(b.config.MaxBytes)
	b.db.MinFree = int64(b.config.MinFree)
	if err := b.db.Open(ctx); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.db.Close() })
	b.committer = journal.NewCommitter(b.db, b.logger)
	b.committer.OnCommit = b.committed
	return nil
}

// openDelivery opens the destination, if there is one, the way to it, and the cache in front of all metadata.
func (b *bridge) openDelivery(ctx context.Context) (err error) {
	lookup := &cache.Fallback{Local: b.db, Logger: b.logger}
	b.cache = cache.NewStore(lookup)
	if b.backend, err = b.config.openBackend(b.logger); err != nil {
		return err
	}
	if b.backend != nil {
		b.onClose(func(context.Context) error { b.ensuring.Wait(); return b.backend.Close() })
		b.newCourier(lookup)
	}
	if err := b.open(b.cache); err != nil {
		return err
	}
	b.metrics.WatchCache(b.lookups)
	b.metrics.WatchJournal(b.journalStats)
	if b.courier == nil {
		return nil
	}
	if err := b.courier.Open(ctx); err != nil {
		return err
	}
	b.onClose(b.courier.Close)
	b.ensureBackend()
	return nil
}

// newCourier makes the courier, and has lookups ask the destination too.
func (b *bridge) newCourier(lookup *cache.Fallback) {
	b.courier = journal.NewCourier(b.db, b.backend, cache.Separate{MetadataStore: b.cache, Tokens: b.db.Tokens}, b.logger)
	b.courier.OnReply = b.replied
	b.courier.OnDelivered = b.delivered
	b.courier.OnBuried = b.metrics.Buried
	lookup.Remote, lookup.Source = b.backend, b.backend.Destination()
	lookup.Healthy = b.courier.Healthy
	lookup.Keep = func(ctx context.Context, rec *monitor.Record) error { return b.db.Append(ctx, []*monitor.Record{rec}) }
}

// ensureBackend prepares the destination before there is anything to deliver, so that dashboards find its buckets, and
// tells the operator at once what is missing. Nothing waits for it: deliveries do the same, for ever. A delivery may wait
// for it, though, so that it is stopped before the courier.
func (b *bridge) ensureBackend() {
	ctx, cancel := context.WithTimeout(context.Background(), ensureTimeout)
	b.onClose(func(context.Context) error { cancel(); return nil })
	b.ensuring.Go(func() {
		if err := b.backend.Ensure(ctx); err != nil && ctx.Err() == nil {
			b.logger.Warn("the destination is not ready for delivery; everything is kept until it is", "reason", err)
		}
	})
}

// openCommitter opens the watcher of runs, then the committer, which accepts from then on.
func (b *bridge) openCommitter(context.Context) error {
	b.runs = journal.NewRunWatcher(b.db, b.logger)
	b.runs.After = b.config.QuietAfter
	b.runs.OnEnded = b.ended
	if err := b.open(b.runs); err != nil {
		return err
	}
	return b.open(b.committer)
}

// openServer serves on l.
func (b *bridge) openServer(l net.Listener) error {
	auth := httpd.NewAuthenticator(b.db, b.logger)
	auth.AllowAnonymous = b.config.AllowAnonymous || loopback(l)
	b.server = httpd.New(auth, b.logger)
	b.server.MaxConns = b.config.MaxConnections
	b.server.CertFile, b.server.KeyFile = b.config.TLSCert, b.config.TLSKey
	b.server.RequireProject = b.config.RequireProject
	b.server.OnRefused = b.metrics.Refused
	b.server.OnRequest = b.metrics.Request
	b.mountIngest()
	b.mountAPI()
	if err := b.server.Open(l); err != nil {
		return err
	}
	b.onClose(b.server.Close)
	go func() {
		if err := b.server.Wait(); err != nil {
			b.failed <- err
		}
	}()
	return nil
}

// mountIngest adds the routes that take records.
func (b *bridge) mountIngest() {
	health := []monitor.HealthChecker{b.db}
	if b.courier != nil {
		health = append(health, b.courier)
	}
	handler := ingest.New(ingest.Parts{Journal: watched{b.committer, b.runs, b.metrics}, Cache: b.cache, Health: health,
		Metrics: b.metrics.Handler(), Log: b.logger})
	handler.MaxBody = int64(b.config.MaxBody)
	handler.OnAccepted = b.metrics.Accepted
	handler.Mount(b.server)
}
