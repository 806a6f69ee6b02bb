package main

import (
	"context"

	"pymon-bridge/api"
	"pymon-bridge/journal"
	"pymon-bridge/judge"
)

// mountAPI adds the read routes. They are answered from the local file.
func (b *bridge) mountAPI() {
	reads := api.New(api.Parts{Store: b.db.Store(), Metadata: b.cache, Judge: b.judge, Printer: printerOf, Log: b.logger})
	reads.PageSize = int64(b.config.PageSize)
	reads.Mount(b.server)
}

// openJudge opens what judges runs that have ended, and what delivers the reports.
func (b *bridge) openJudge(context.Context) error {
	detector, runs, err := newDetector(b.config.JudgeSettings)
	if err != nil {
		return err
	}
	onRequest := judge.New(b.db, detector)
	onRequest.Runs = runs
	b.judge = onRequest
	if b.writer != nil {
		b.messenger = journal.NewReportCourier(b.db, b.writer, b.logger)
		b.messenger.OnDelivered = b.metrics.ReportDelivered
		if err := b.messenger.Open(); err != nil {
			return err
		}
		b.onClose(func(context.Context) error { return b.messenger.Close() })
	}
	if !b.config.Judge {
		return nil
	}
	b.clerk = judge.NewWorker(b.judge, b.db, b.logger)
	b.clerk.Quiet = b.config.QuietAfter
	b.clerk.OnKept = b.judged
	if err := b.clerk.Open(); err != nil {
		return err
	}
	b.onClose(func(context.Context) error { return b.clerk.Close() })
	return nil
}
