package main

import (
	"context"
	"log/slog"
	"time"

	"pymon-bridge/cache"
	"pymon-bridge/influx"
	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// ensureTimeout bounds the preparation of the destination at the start.
const ensureTimeout = 30 * time.Second

// openDelivery opens the cache in front of all metadata, and with a destination the destination and the courier to it.
func (b *bridge) openDelivery(ctx context.Context) (err error) {
	lookup := &cache.Fallback{Local: b.db, Logger: b.logger}
	b.cache = cache.NewStore(lookup)
	created := func(bucket string, had []monitor.Class) { b.courier.Recreated("bucket "+bucket, had) }
	if b.backend, err = b.config.openBackend(b.logger, created); err != nil {
		return err
	}
	if b.backend != nil {
		b.onClose(func(context.Context) error { b.ensuring.Wait(); return b.backend.Close() })
		b.newCourier(lookup)
	}
	if err := b.open(b.cache); err != nil {
		return err
	}
	b.metrics.WatchCache(b.cache.Lookups)
	b.metrics.WatchJournal(b.journalStats)
	if b.courier == nil {
		return nil
	}
	if err := b.courier.Open(ctx); err != nil {
		return err
	}
	b.onCloseEarly(b.courier.Close)
	b.ensureBackend()
	return nil
}

// influxBackend makes an InfluxDB a [monitor.Backend].
type influxBackend struct {
	*influx.Writer
	monitor.MetadataStore
}

// openBackend opens the destination that the flags name; it returns nil when they name none. In a serving bridge only this function
// and useToken know the kind of the destination. onCreated is called when a part of it was missing and was created.
func (c *serveCmd) openBackend(logger *slog.Logger, onCreated func(part string, had []monitor.Class)) (monitor.Backend, error) {
	if c.URL == "" {
		return nil, nil
	}
	config := influx.Config{URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket, OnCreated: onCreated}
	if c.PublicURL != nil { // others cannot be sure to reach the listener
		config.BridgeURL = c.PublicURL.String()
	}
	w, err := influx.Open(config, logger)
	if err != nil {
		return nil, err
	}
	return influxBackend{w, w.Reader()}, nil
}

// newCourier makes both couriers, and makes lookup ask the destination too.
func (b *bridge) newCourier(lookup *cache.Fallback) {
	b.courier = journal.NewCourier(b.db, b.backend, cache.Separate{MetadataStore: b.db, Tokens: b.db.Tokens},
		cache.Separate{MetadataStore: b.cache, Tokens: b.db.Tokens}, b.logger)
	b.courier.Hides = b.db.Hides
	b.courier.OnReply = func(reply monitor.Reply) {
		switch reply.Kind {
		case monitor.Unavailable, monitor.Denied, monitor.Failed:
			b.metrics.Retried(reply.Status)
		}
	}
	b.courier.OnDelivered = func(class monitor.Class, points int, oldest time.Time) {
		b.metrics.Delivered(class, points)
		b.metrics.Lag(time.Since(oldest))
	}
	b.courier.OnBuried = b.metrics.Buried
	b.reports = journal.NewReportCourier(b.db, b.backend, b.logger)
	b.courier.Replays, b.reports.Replays = b.db, b.db
	b.courier.OnReplayed = b.reports.Wake
	if backend, ok := b.backend.(interface {
		KnowLimits(ctx context.Context, since time.Time)
	}); ok {
		b.courier.BeforeReplay = backend.KnowLimits // an operator may have changed them
	}
	lookup.Remote, lookup.Source = b.backend, b.backend.Destination()
	lookup.Healthy = b.courier.Healthy
	lookup.Keep = func(ctx context.Context, rec *monitor.Record) error { return b.db.Append(ctx, []*monitor.Record{rec}) }
}

// ensureBackend prepares the destination before there is a record to deliver. So dashboards find its buckets, and the
// operator reads at once what is missing. The start does not wait for it, because each delivery prepares the destination
// too. A delivery may wait for it, so Close cancels it before it closes the courier.
func (b *bridge) ensureBackend() {
	ctx, cancel := context.WithTimeout(context.Background(), ensureTimeout)
	b.onCloseEarly(func(context.Context) error { cancel(); return nil })
	b.ensuring.Go(func() {
		if err := b.backend.Ensure(ctx); err != nil && ctx.Err() == nil {
			b.logger.Warn("the destination is not ready; records are kept and delivered later", "error", err)
		}
	})
}
