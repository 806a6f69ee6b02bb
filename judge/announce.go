package judge

import (
	"context"
	"log/slog"
	"time"

	"pymon-bridge/monitor"
)

// announce logs what was found in a run.
func announce(log *slog.Logger, r *monitor.Report, took time.Duration) {
	level := slog.LevelInfo
	if r.Summary.Regressions > 0 || r.Suite.Status == monitor.StatusRegression {
		level = slog.LevelWarn
	}
	attributes := []any{"commit", r.ScmRef, "branch", r.Branch, "baseline_runs", r.BaselineRuns, "suite", r.Suite.Status,
		"regressions", r.Summary.Regressions, "suspects", r.Summary.Suspects, "improvements", r.Summary.Improvements}
	if len(r.Results) > 0 && r.Results[0].Status == monitor.StatusRegression {
		worst := r.Results[0]
		attributes = append(attributes, "worst", worst.ItemPath+"."+worst.ItemVariant, "metric", worst.Metric,
			"ratio", float64(worst.Ratio), "last_good", worst.LastGood, "first_bad", worst.FirstBad)
	}
	log.Log(context.Background(), level, "run is judged", append(attributes, "took", took)...)
}

// newsEvery is how often slow growth is news. It lasts for many runs, and each of their reports says it.
const newsEvery = 24 * time.Hour

// tellDrift logs slow growth, once a day and project.
func (w *Worker) tellDrift(log *slog.Logger, r *monitor.Report) {
	parts := len(r.Suite.Drift) + len(r.Parts)
	last, told := w.told[r.Project]
	now := time.Now()
	if r.Summary.Drifts+parts == 0 || told && now.Sub(last) < newsEvery {
		return
	}
	w.told[r.Project] = now
	attributes := []any{"branch", r.Branch, "drifts", r.Summary.Drifts, "parts", parts}
	for i := range r.Results {
		if d := r.Results[i].Drift; d != nil {
			attributes = append(attributes, "worst", r.Results[i].ItemPath+"."+r.Results[i].ItemVariant, "metric", r.Results[i].Metric,
				"ratio", float64(d.Ratio), "since", d.Since.ScmRef)
			break
		}
	}
	log.Warn("tests grow slowly", attributes...)
}
