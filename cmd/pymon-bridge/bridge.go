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
	"pymon-bridge/influx"
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
	writer    *influx.Writer   // nil without InfluxDB
	courier   *journal.Courier // nil without InfluxDB
	cache     *cache.Store
	judge     monitor.Judge
	clerk     *judge.Worker          // nil where another bridge judges
	messenger *journal.ReportCourier // nil without InfluxDB
	quiet     *journal.RunWatcher
	server    *httpd.Server

	opened []func(ctx context.Context) error // what to close, in the order of opening
	failed chan error
}

func newBridge(config *serveCmd, logger *slog.Logger) *bridge {
	return &bridge{config: config, logger: logger, metrics: telemetry.New(programVersion(), ""), failed: make(chan error, 1)}
}

// Open opens every part, from the disk to the network, and serves on l. After an error nothing is left open.
func (b *bridge) Open(ctx context.Context, l net.Listener) (err error) {
	defer func() {
		if err != nil {
			// Who waits for the reason must not wait for a delivery first, least of all for one that hangs.
			now, cancel := context.WithCancel(ctx)
			cancel()
			err = errors.Join(err, b.Close(now))
		}
	}()
	for _, open := range []func(context.Context) error{b.openJournal, b.openDelivery, b.openJudge, b.openQuiet} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	if err := b.config.guard(ctx, l, b.db); err != nil {
		return err
	}
	return b.openServer(l)
}

// ensureTimeout bounds the look at InfluxDB when starting.
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

// openDelivery opens the way to InfluxDB, if there is one, and the cache in front of all metadata.
func (b *bridge) openDelivery(ctx context.Context) error {
	lookup := &cache.Fallback{Local: b.db, Logger: b.logger}
	b.cache = cache.NewStore(lookup)
	if b.config.URL != "" {
		if err := b.openWriter(lookup); err != nil {
			return err
		}
	}
	if err := b.cache.Open(); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.cache.Close() })
	b.metrics.WatchCache(b.lookups)
	b.metrics.WatchJournal(b.journalStats)
	if b.courier == nil {
		return nil
	}
	stop, wait := b.ensureBuckets()
	b.onClose(wait)
	b.onClose(stop) // in case the courier does not open
	if err := b.courier.Open(ctx); err != nil {
		return err
	}
	b.onClose(b.courier.Close)
	b.onClose(stop)
	return nil
}

// ensureBuckets creates the buckets before there is anything to deliver, so that dashboards find them, and tells the
// operator at once what the token lacks. It delays nothing: deliveries do the same, for ever. They and it may wait for
// each other, so both are to be stopped before either is waited for.
func (b *bridge) ensureBuckets() (stop, wait func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), ensureTimeout)
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.writer.Ensure(ctx); err != nil && ctx.Err() == nil {
			b.logger.Warn("InfluxDB is not ready for delivery; everything is kept until it is", "reason", err)
		}
	})
	stop = func(context.Context) error { cancel(); return nil }
	wait = func(context.Context) error { running.Wait(); return nil }
	return stop, wait
}

// openWriter makes the courier, whose lookups may also be answered by the metadata bucket.
func (b *bridge) openWriter(lookup *cache.Fallback) (err error) {
	c := b.config.influxFlags
	b.writer, err = influx.Open(influx.Config{URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket}, b.logger)
	if err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.writer.Close() })
	b.courier = journal.NewCourier(b.db, b.writer, separated{b.cache, b.db}, b.logger)
	b.courier.AnyProject = true // as far as the tokens allow
	b.courier.OnVerdict = b.answered
	b.courier.OnDelivered = b.delivered
	b.courier.OnBuried = b.metrics.Buried
	lookup.Remote, lookup.Source = b.writer.Metadata(), b.writer.Destination()
	lookup.Healthy = b.courier.Healthy
	lookup.Keep = func(ctx context.Context, rec *monitor.Record) error { return b.db.Append(ctx, []*monitor.Record{rec}) }
	return nil
}

// openQuiet opens the committer and the watch of runs.
func (b *bridge) openQuiet(context.Context) error {
	b.quiet = journal.NewRunWatcher(b.db, b.logger)
	b.quiet.After = b.config.QuietAfter
	b.quiet.OnQuiet = b.ended
	if err := b.quiet.Open(); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.quiet.Close() })
	if err := b.committer.Open(); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.committer.Close() })
	return nil
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
	handler := ingest.New(ingest.Parts{Journal: watched{b.committer, b.quiet, b.metrics}, Cache: b.cache, Health: health,
		Metrics: b.metrics.Handler(), Log: b.logger})
	handler.MaxBody = int64(b.config.MaxBody)
	handler.OnAccepted = b.metrics.Accepted
	handler.Mount(b.server)
}
