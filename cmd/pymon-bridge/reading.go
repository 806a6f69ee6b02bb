package main

import (
	"context"

	"pymon-bridge/api"
	"pymon-bridge/ingest"
	"pymon-bridge/journal"
	"pymon-bridge/judge"
	"pymon-bridge/report"
)

// mountAPI adds the read routes. They are answered from the local file.
func (b *bridge) mountAPI(handler *ingest.Handler) {
	reads := api.New(b.db.Store(), b.judge, report.PrinterOf, ingest.ReadProject)
	reads.PageSize = int64(b.config.PageSize)
	handler.PageSize = b.config.PageSize
	handler.MountAPI(reads.Register, ingest.Lists{Contexts: reads.Contexts, Sessions: reads.Sessions})
}

// openJudge opens what judges runs that have ended, and what delivers the reports.
func (b *bridge) openJudge(context.Context) error {
	detector, settings, err := newDetector(b.config.JudgeSettings)
	if err != nil {
		return err
	}
	b.judge = judge.New(b.db, detector, settings.EarlierRuns(), settings.WindowRuns)
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
