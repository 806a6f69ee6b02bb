package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
	"pymon-bridge/regress"
)

// openJudge opens the worker that judges runs that have ended, and the courier that delivers the reports.
func (b *bridge) openJudge(context.Context) error {
	detector, settings, err := newDetector(b.config.JudgeSettings)
	if err != nil {
		return err
	}
	b.detector = detector
	j := judge.New(b.db, detector, settings.EarlierRuns(), settings.WindowRuns)
	j.Answers, j.Rules = b.db, sync.OnceValue(func() string { return judgeRules(settings) })
	j.Drift = &judge.Drift{Rollups: b.db, Detector: detector, MaxRuns: settings.Drift.MaxRuns,
		MaxAge: time.Duration(settings.Drift.MaxDays) * 24 * time.Hour}
	j.Acceptances = b.db
	j.Turns.Rest = b.rest(mostJudgingRest)
	b.judge = j
	b.accepter = &judge.Accepter{Judge: j, History: b.db, Store: b.db, Now: time.Now, Turns: &turns.Queue{AtOnce: 1, MaxWaiting: 64},
		Again: b.judgeRun}
	if b.backend != nil {
		b.reports.OnDelivered = b.metrics.ReportDelivered
		if err := b.reports.Open(); err != nil {
			return err
		}
		b.onCloseEarly(func(context.Context) error { return b.reports.Close() })
	}
	if !b.config.Judge {
		return nil
	}
	b.worker = judge.NewWorker(b.judge, b.db, b.logger)
	b.worker.Quiet = b.config.QuietAfter
	b.worker.OnKept = func(r *monitor.Report, took time.Duration) {
		b.metrics.Judged(r, took)
		if b.reports != nil {
			b.reports.Wake()
		}
	}
	b.worker.Answers = b.db
	b.worker.Older = &judge.Older{History: b.db, Detector: detector, Drift: j.Drift}
	b.onCloseEarly(func(context.Context) error { return b.worker.Close() })
	return b.worker.Open()
}

// judgeRun makes the worker judge a run, if there is one.
func (b *bridge) judgeRun(project, run string) {
	if b.worker != nil {
		b.worker.Ended(project, run)
	}
}

// judgeRules stands for the program and the settings that runs are judged by. It is empty where the program cannot be read.
func judgeRules(settings *regress.Settings) string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	if runtime.GOOS == "linux" {
		program = "/proc/self/exe" // the one that runs, also after an upgrade has replaced its file
	}
	f, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	fmt.Fprintf(h, "%+v", *settings)
	return hex.EncodeToString(h.Sum(nil))
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
