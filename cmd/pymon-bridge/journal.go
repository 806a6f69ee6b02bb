package main

import (
	"context"
	"path/filepath"
	"time"

	"pymon-bridge/ingest"
	"pymon-bridge/journal"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/telemetry"
)

// openJournal opens the local file, and makes the committer in front of it.
func (b *bridge) openJournal(ctx context.Context) error {
	zones, err := b.config.zones()
	if err != nil {
		return err
	}
	b.db = sqlite.New(filepath.Join(b.config.Data, sqlite.FileName), zones, b.logger)
	b.db.MaxBytes = int64(b.config.MaxBytes)
	b.db.MinFree = int64(b.config.MinFree)
	b.db.WhyFull = b.retention.whyFull
	b.upgrader.db = b.db
	if from := b.upgrader.socket.from; from != nil {
		b.db.Lock = from.Lock
	}
	if err := b.db.Open(ctx); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.db.Close() })
	b.committer = journal.NewCommitter(b.db, b.logger)
	b.committer.OnCommit = b.committed
	return nil
}

// openCommitter opens the watcher of runs, then the committer. From then on the bridge accepts records.
func (b *bridge) openCommitter(context.Context) error {
	b.runs = journal.NewRunWatcher(b.db, b.logger)
	b.runs.After = b.config.QuietAfter
	b.runs.OnEnded = func(sum *monitor.RunSummary) { b.judgeRun(sum.Project, sum.Run) }
	if err := b.open(b.runs); err != nil {
		return err
	}
	return b.open(b.committer)
}

// committed is called after each transaction of the journal.
func (b *bridge) committed(records int, took time.Duration, err error) {
	b.rate.add(records)
	if err != nil {
		return // the callers get the error, and the server counts their requests as refused
	}
	b.metrics.Committed(records, took)
	if b.courier != nil {
		b.courier.Wake()
	}
}

// journalStats returns the state of the journal. Without a destination no record waits for delivery.
func (b *bridge) journalStats(ctx context.Context) (monitor.JournalStats, error) {
	if b.backend != nil {
		return b.db.Stats(ctx, b.backend.Destination())
	}
	s, err := b.db.Stats(ctx, "")
	return monitor.JournalStats{Bytes: s.Bytes, Free: s.Free}, err
}

// tryAppender decides about records, and stores none.
type tryAppender struct{ db *sqlite.DB }

// Append implements [ingest.Appender].
func (a tryAppender) Append(ctx context.Context, recs ...*monitor.Record) error {
	return a.db.Try(ctx, recs)
}

// watchedAppender tells the watcher of runs about each committed record, and counts new series.
type watchedAppender struct {
	ingest.Appender
	runs    *journal.RunWatcher
	metrics *telemetry.Metrics
}

// Append implements [ingest.Appender].
func (a watchedAppender) Append(ctx context.Context, recs ...*monitor.Record) error {
	if err := a.Appender.Append(ctx, recs...); err != nil {
		return err
	}
	for _, rec := range recs {
		a.runs.Accepted(rec)
		if rec.NewSeries {
			a.metrics.NewSeries(1)
		}
	}
	return nil
}
