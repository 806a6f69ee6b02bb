package judge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// Drift is what it takes to find slow growth. All fields are required.
type Drift struct {
	Rollups  monitor.RollupStore
	Detector monitor.DriftDetector
	// MaxRuns and MaxAge say how far back the first level is looked for. The shorter of both counts.
	MaxRuns int
	MaxAge  time.Duration
}

// addDrift adds slow growth to the report on one run. It changes accepted, which is what was accepted in the project. Nothing is
// said of imported runs.
func (d *Drift) addDrift(ctx context.Context, run *monitor.RunInfo, r *monitor.Report, accepted []monitor.Acceptance) error {
	if d == nil || run.Imported {
		return nil
	}
	accepted = slices.DeleteFunc(accepted, func(a monitor.Acceptance) bool { return a.Branch != r.Branch || a.Started.After(r.Started) })
	measured, tests := r.Measured(), map[monitor.ResultID]monitor.Drift{}
	for _, env := range slices.Sorted(maps.Keys(measured)) {
		q := monitor.RollupQuery{Project: r.Project, Branch: r.Branch, Env: env, Selection: r.Selection, Run: measured[env],
			Since: r.Started.Add(-d.MaxAge), MaxRuns: d.MaxRuns}
		rollups, steps, err := d.Rollups.Rollups(ctx, q)
		if err != nil {
			return fmt.Errorf("read the history of branch %q: %w", r.Branch, err)
		}
		found := d.Detector.Drift(rollups, steps, accepted)
		maps.Copy(tests, found.Tests)
		addParts(r, found.Parts)
	}
	if len(tests) == 0 {
		return nil
	}
	for i := range r.Results {
		result := &r.Results[i]
		drift, ok := tests[result.ID()]
		if s := result.Status; ok && (s == monitor.StatusOK || s == monitor.StatusLearning) {
			result.Status, result.Drift = monitor.StatusDrift, new(drift)
		}
	}
	r.Arrange()
	return nil
}

// state stands for the history that slow growth of a run is found in. It is the same before and after the report on the run is
// kept. A step that a later report confirms is not in it: a kept report goes on saying what it said.
func (d *Drift) state(ctx context.Context, run *monitor.RunInfo) (all []string, err error) {
	if d == nil || run.Imported {
		return nil, nil
	}
	started := time.Unix(0, run.Started).UTC()
	q := monitor.RollupQuery{Project: run.Project, Branch: run.Branch, Since: started.Add(-d.MaxAge), MaxRuns: d.MaxRuns,
		Run: &monitor.RunValues{RunMark: monitor.RunMark{Run: run.ID, ScmRef: run.ScmRef, Started: started}}}
	if !run.Whole {
		q.Selection = run.Partial
	}
	for _, q.Env = range run.Environments {
		state, err := d.Rollups.RollupState(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read the history of branch %q: %w", run.Branch, err)
		}
		all = append(all, state)
	}
	return all, nil
}

// addParts adds the slow growth of parts of a suite. Where a report has it of the same part, as of another job, the greater growth
// counts.
func addParts(r *monitor.Report, parts []monitor.PartDrift) {
	for _, p := range parts {
		list := &r.Parts
		if p.Kind == monitor.PartSuite {
			list = &r.Suite.Drift
		}
		i := slices.IndexFunc(*list, func(o monitor.PartDrift) bool {
			return o.Kind == p.Kind && o.Part == p.Part && o.Env == p.Env && o.Metric == p.Metric
		})
		switch {
		case i < 0:
			*list = append(*list, p)
		case p.Growth > (*list)[i].Growth:
			(*list)[i] = p
		}
	}
	slices.SortStableFunc(r.Parts, func(a, b monitor.PartDrift) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
}
