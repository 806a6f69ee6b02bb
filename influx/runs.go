package influx

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// runChunk is how many runs are measured at a time.
const runChunk = 100

// runID identifies a run.
type runID struct{ project, run string }

// runEntry is what is kept in memory of each run that a question is about.
type runEntry struct {
	runID
	sessions []entry
}

// Runs implements [monitor.Store].
func (s *Store) Runs(ctx context.Context, q monitor.RunQuery, p monitor.Page) iter.Seq2[*monitor.Run, error] {
	return listed(ctx, func(yield func(*monitor.Run) bool) error {
		all, err := s.runs(ctx, q)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(part(all, p), runChunk) {
			runs, err := s.measured(ctx, q, some)
			if err != nil {
				return err
			}
			for _, run := range runs {
				if !yield(run) {
					return nil
				}
			}
		}
		return nil
	})
}

// CountRuns implements [monitor.Store].
func (s *Store) CountRuns(ctx context.Context, q monitor.RunQuery) (int64, error) {
	all, err := s.runs(ctx, q)
	return int64(len(all)), err
}

// runs returns the runs of a query in the order of lists.
func (s *Store) runs(ctx context.Context, q monitor.RunQuery) ([]*runEntry, error) {
	found := map[runID]*runEntry{}
	var all []*runEntry
	for b, err := range s.briefs(ctx, lookFor{project: q.Project}, "run") {
		if err != nil {
			return nil, err
		}
		if q.Run != "" && b.Run != q.Run {
			continue
		}
		id := runID{b.project, b.Run}
		if found[id] == nil {
			found[id] = &runEntry{runID: id}
			all = append(all, found[id])
		}
		found[id].sessions = append(found[id].sessions, b.entry)
	}
	slices.SortFunc(all, func(a, b *runEntry) int {
		return cmp.Or(cmp.Compare(a.sessions[0].at, b.sessions[0].at), cmp.Compare(a.run, b.run), cmp.Compare(a.project, b.project))
	})
	return all, nil
}

// measured reads the sessions of runs, and sums up what they measured.
func (s *Store) measured(ctx context.Context, q monitor.RunQuery, some []*runEntry) ([]*monitor.Run, error) {
	runs := make([]*monitor.Run, len(some))
	of := map[session]*monitor.Run{}
	var all []entry
	for i, e := range some {
		runs[i] = &monitor.Run{Project: e.project, ID: e.run}
		all = append(all, e.sessions...)
		for _, id := range e.sessions {
			of[id.session] = runs[i]
		}
	}
	for rec, err := range s.read(ctx, sessionDirectory, all, chunk) {
		if err != nil {
			return nil, err
		}
		run := of[session{rec.Project, rec.Session.SessionH}]
		if len(run.Sessions) == 0 {
			run.Started = rec.Session.Start
		}
		run.Sessions = append(run.Sessions, rec.Session)
	}
	if err := s.measure(ctx, q.Project, all, of); err != nil {
		return nil, err
	}
	for _, run := range runs {
		if run.Tests+run.Modules == 0 {
			run.Ended = run.Started
		}
	}
	return runs, nil
}

// summed are the fields that a run is summed up from.
var summed = []string{"total_time", "user_time", "kernel_time", presentField, "env" + rawSuffix, "kind" + rawSuffix}

// measure adds the metrics of sessions to their runs.
func (s *Store) measure(ctx context.Context, project string, all []entry, of map[session]*monitor.Run) error {
	m := &measuring{of: of, progress: map[session]*progress{}, environments: map[string]string{}, cut: newCutTexts(s, project)}
	err := m.rows(ctx, s, project, all)
	if errors.Is(err, errElsewhere) {
		return s.measurePoints(ctx, project, all, of)
	}
	return err
}

// measurePoints does that by Flux.
func (s *Store) measurePoints(ctx context.Context, project string, all []entry, of map[session]*monitor.Run) error {
	sc := newScan(s.writer.cfg.Bucket, MetricMeasurement, presentField)
	sc.ofProject(project)
	sc.ofSessions(all)
	if err := s.orient(ctx, sc); err != nil {
		return err
	}
	skip := int64(0)
	return s.walk(ctx, sc, &skip, func(c *collector, found []*sample) (bool, error) {
		if err := s.fill(ctx, sc, c, found, summed); err != nil {
			return false, err
		}
		for _, p := range found {
			row := p.row()
			if run := of[session{p.texts[0], row.text("session_h")}]; run != nil {
				addToRun(run, row.Metric())
			}
		}
		return true, nil
	})
}

// addToRun adds a metric, as far as it was read, to what its run measured.
func addToRun(run *monitor.Run, p *monitor.Point) {
	m := p.Metric
	total := orZero(m.TotalTime)
	if m.At.UTC < run.Started.UTC {
		run.Started = m.At
	}
	if end := m.At.Plus(total); run.Tests+run.Modules == 0 || end.UTC > run.Ended.UTC {
		run.Ended = end
	}
	if i, found := slices.BinarySearch(run.Environments, p.Env); !found {
		run.Environments = slices.Insert(run.Environments, i, p.Env)
	}
	if m.Kind != "function" {
		run.Modules++
		return
	}
	run.Tests++
	run.TotalTime += total
	run.UserTime += orZero(m.UserTime)
	run.KernelTime += orZero(m.KernelTime)
}

func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}
