package main

import (
	"context"
	"time"

	"pymon-bridge/ingest"
	"pymon-bridge/journal"
	"pymon-bridge/monitor"
	"pymon-bridge/telemetry"
)

// What the parts tell of their work, and who is told.

// committed is told of every transaction of the journal.
func (b *bridge) committed(records int, took time.Duration, err error) {
	if err != nil {
		return // its callers are told, and counted as refused
	}
	b.metrics.Committed(records, took)
	if b.courier != nil {
		b.courier.Wake()
	}
}

// answered is told of every delivery.
func (b *bridge) answered(_ monitor.Class, v monitor.Reply, _ int, _ time.Duration) {
	if v.Kind == monitor.Unavailable || v.Kind == monitor.Denied {
		b.metrics.Retried(v.Status)
	}
}

// delivered is told of every delivery that is settled.
func (b *bridge) delivered(class monitor.Class, points int, oldest time.Time) {
	b.metrics.Delivered(class, points)
	b.metrics.Lag(time.Since(oldest))
}

// ended is told of every run that has gone quiet.
func (b *bridge) ended(sum *monitor.RunSummary) {
	if b.clerk != nil {
		b.clerk.Ended(sum.Project, sum.Run)
	}
}

// judged is told of every report that is kept.
func (b *bridge) judged(r *monitor.Report, took time.Duration) {
	b.metrics.Judged(r, took)
	if b.messenger != nil {
		b.messenger.Wake()
	}
}

func (b *bridge) lookups() telemetry.Lookups {
	s := b.cache.Stats()
	return telemetry.Lookups{Hits: s.Hits, Misses: s.Misses, Negative: s.NegativeHits}
}

// journalStats returns the state of the journal. Without a destination nothing waits to be delivered.
func (b *bridge) journalStats(ctx context.Context) (monitor.JournalStats, error) {
	if b.writer != nil {
		return b.db.Stats(ctx, b.writer.Destination())
	}
	s, err := b.db.Stats(ctx, "")
	return monitor.JournalStats{Bytes: s.Bytes, Free: s.Free}, err
}

// watched tells the watch of runs of everything of a run that was committed, and counts new series.
type watched struct {
	ingest.Appender
	quiet   *journal.RunWatcher
	metrics *telemetry.Metrics
}

// Append implements [ingest.Appender].
func (w watched) Append(ctx context.Context, rec *monitor.Record) error {
	if err := w.Appender.Append(ctx, rec); err != nil {
		return err
	}
	switch {
	case rec.Repeat:
	case rec.Metric != nil:
		w.quiet.Saw(rec.Project, rec.Metric.SessionH, rec.Received)
	case rec.Session != nil: // perhaps after all its metrics, which tell a run only now
		w.quiet.Saw(rec.Project, rec.Session.SessionH, rec.Received)
	}
	if rec.NewSeries {
		w.metrics.NewSeries(1)
	}
	return nil
}
