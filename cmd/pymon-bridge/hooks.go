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

// replied is told of everything that the destination replies.
func (b *bridge) replied(reply monitor.Reply) {
	if reply.Kind == monitor.Unavailable || reply.Kind == monitor.Denied {
		b.metrics.Retried(reply.Status)
	}
}

// delivered is told of every delivery that is acknowledged.
func (b *bridge) delivered(class monitor.Class, points int, oldest time.Time) {
	b.metrics.Delivered(class, points)
	b.metrics.Lag(time.Since(oldest))
}

// ended is told of every run that has ended.
func (b *bridge) ended(sum *monitor.RunSummary) {
	if b.worker != nil {
		b.worker.Ended(sum.Project, sum.Run)
	}
}

// kept is told of every report that is kept.
func (b *bridge) kept(r *monitor.Report, took time.Duration) {
	b.metrics.Judged(r, took)
	if b.reports != nil {
		b.reports.Wake()
	}
}

func (b *bridge) lookups() telemetry.Lookups {
	s := b.cache.Stats()
	return telemetry.Lookups{Hits: s.Hits, Misses: s.Misses, Negative: s.NegativeHits}
}

// journalStats returns the state of the journal. Without a destination nothing waits to be delivered.
func (b *bridge) journalStats(ctx context.Context) (monitor.JournalStats, error) {
	if b.backend != nil {
		return b.db.Stats(ctx, b.backend.Destination())
	}
	s, err := b.db.Stats(ctx, "")
	return monitor.JournalStats{Bytes: s.Bytes, Free: s.Free}, err
}

// watched tells the watcher of runs of everything of a run that was committed, and counts new series.
type watched struct {
	ingest.Appender
	runs    *journal.RunWatcher
	metrics *telemetry.Metrics
}

// Append implements [ingest.Appender].
func (w watched) Append(ctx context.Context, rec *monitor.Record) error {
	if err := w.Appender.Append(ctx, rec); err != nil {
		return err
	}
	w.runs.Accepted(rec)
	if rec.NewSeries {
		w.metrics.NewSeries(1)
	}
	return nil
}
