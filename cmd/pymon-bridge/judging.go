package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// openJudge opens the worker that judges runs that have ended, and the courier that delivers the reports.
func (b *bridge) openJudge(context.Context) error {
	detector, settings, err := newDetector(b.config.JudgeSettings)
	if err != nil {
		return err
	}
	judging := judge.New(b.db, detector, settings.EarlierRuns(), settings.WindowRuns)
	judging.Acceptances = b.db
	b.judge = judging
	b.accepter = &judge.Accepter{Judge: judging, History: b.db, Store: b.db, Now: time.Now, Again: func(project, run string) {
		if b.worker != nil {
			b.worker.Ended(project, run)
		}
	}}
	if b.backend != nil {
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

// newDetector returns the detector and its settings: the defaults, with the changes in a file, if one is named. The file
// has one JSON object. Its members are the settings to change, named like the fields of [regress.Settings].
func newDetector(file string) (*regress.Detector, *regress.Settings, error) {
	settings := regress.Defaults()
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("--judge-settings: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(content))
		d.DisallowUnknownFields()
		err = d.Decode(&settings)
		if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
			err = errors.New("expected one JSON object and nothing after it")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("--judge-settings: %s: %w", file, err)
		}
	}
	d, err := regress.New(settings)
	if err != nil {
		return nil, nil, fmt.Errorf("--judge-settings: %s: %w", file, err)
	}
	return d, &settings, nil
}

// ended is called for each run that has ended.
func (b *bridge) ended(sum *monitor.RunSummary) {
	if b.worker != nil {
		b.worker.Ended(sum.Project, sum.Run)
	}
}

// kept is called for each report that was kept.
func (b *bridge) kept(r *monitor.Report, took time.Duration) {
	b.metrics.Judged(r, took)
	if b.reports != nil {
		b.reports.Wake()
	}
}
