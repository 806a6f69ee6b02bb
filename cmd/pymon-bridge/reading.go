package main

import (
	"context"

	"pymon-bridge/api"
	"pymon-bridge/ingest"
	"pymon-bridge/journal"
	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// What reads and judgements are made from: the local file, or what all bridges have delivered to InfluxDB.

// mountAPI adds the read routes.
func (b *bridge) mountAPI(handler *ingest.Handler) {
	reads := api.New(b.store(), b.asked(), printerOf, ingest.ReadProject)
	reads.PageSize = int64(b.config.PageSize)
	handler.PageSize = b.config.PageSize
	handler.MountAPI(reads.Register, ingest.Lists{Contexts: reads.Contexts, Sessions: reads.Sessions})
}

// store returns what reads are answered from.
func (b *bridge) store() monitor.Store {
	if b.config.Store == influxStore {
		return b.writer.Store()
	}
	return b.db.Store()
}

// history returns what runs are judged by.
func (b *bridge) history() monitor.HistoryStore {
	if b.config.Store == influxStore {
		return b.writer.Store()
	}
	return b.db
}

// openJudge opens what judges runs that have ended, and what delivers the reports.
func (b *bridge) openJudge(context.Context) error {
	detector, runs, err := newDetector(b.config.JudgeSettings)
	if err != nil {
		return err
	}
	onRequest := judge.New(b.history(), detector)
	onRequest.Runs = runs
	b.judge = onRequest
	if b.writer != nil {
		b.messenger = journal.NewMessenger(b.db, b.writer, b.logger)
		b.messenger.OnDelivered = b.metrics.ReportDelivered
		if err := b.messenger.Open(); err != nil {
			return err
		}
		b.onClose(func(context.Context) error { return b.messenger.Close() })
	}
	if !b.config.Judge {
		return nil
	}
	b.clerk = judge.NewClerk(b.whole(), b.db, b.logger)
	b.clerk.Quiet = b.config.QuietAfter
	b.clerk.OnKept = b.judged
	if err := b.clerk.Open(); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.clerk.Close() })
	return nil
}

// asked returns a judge who sees all of a run that this bridge had accepted when he is asked.
func (b *bridge) asked() monitor.Judge {
	if b.config.Store != influxStore {
		return b.judge
	}
	dest := b.writer.Destination()
	return &acceptedFirst{
		judge: b.judge, last: b.db.LastSeq, health: b.courier.Health, alive: b.writer.Store().Pulsed, patience: askedPatience,
		undelivered: func(ctx context.Context, project string, upTo uint64) (int64, error) {
			return b.db.Undelivered(ctx, dest, project, upTo)
		},
	}
}

// whole returns a judge who sees all of a run that has ended.
func (b *bridge) whole() monitor.Judge {
	if b.config.Store == influxStore {
		return &deliveredFirst{judge: b.judge, stats: b.journalStats, quiet: b.config.QuietAfter}
	}
	return b.judge
}
