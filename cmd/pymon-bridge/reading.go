package main

import (
	"context"

	"pymon-bridge/api"
	"pymon-bridge/journal"
	"pymon-bridge/judge"
	"pymon-bridge/report"
)

// mountAPI adds the read routes. They are answered from the local file.
func (b *bridge) mountAPI() {
	reads := api.New(api.Parts{Store: b.db, Metadata: b.cache, Judge: b.judge, Printer: report.PrinterOf, Log: b.logger})
	reads.PageSize = int64(b.config.PageSize)
	reads.Mount(b.server)
}

// openJudge opens what judges runs that have ended, and what delivers the reports.
func (b *bridge) openJudge(context.Context) error {
	detector, settings, err := newDetector(b.config.JudgeSettings)
	if err != nil {
		return err
	}
	b.judge = judge.New(b.db, detector, settings.EarlierRuns(), settings.WindowRuns)
	if b.backend != nil {
		b.reports = journal.NewReportCourier(b.db, b.backend, b.logger)
		b.reports.OnDelivered = b.metrics.ReportDelivered
		if err := b.open(b.reports); err != nil {
			return err
		}
	}
	if !b.config.Judge {
		return nil
	}
	b.worker = judge.NewWorker(b.judge, b.db, b.logger)
	b.worker.Quiet = b.config.QuietAfter
	b.worker.OnKept = b.kept
	return b.open(b.worker)
}
