package judge

import (
	"context"
	"fmt"
	"sync/atomic"

	"pymon-bridge/monitor"
)

// Judge implements [monitor.Judge]. Reports are made one at a time, since each reads the measurements of dozens of
// runs: who asks meanwhile waits. The exported fields may be changed before the first question.
type Judge struct {
	// Runs is how many earlier runs of a class of machine are read for the baseline, as far as there are so many.
	Runs int
	// LookBack is how many earlier runs of the baseline's branch are looked at to find these. It matters where the
	// runs of a branch spread over many classes of machine.
	LookBack int
	// Own is how many runs are read of a branch that is compared with another one, and how many runs of a commit are
	// judged to answer what became of it. Each job of a matrix, and each shard, may be a run.
	Own int
	// MaxTests is how many measurements of tests a run that is judged may have, and MaxSamples how many it and the runs
	// that it is judged by may have together: they are in memory, some 2 KB for each of the first and 60 bytes for each
	// of the others. What has more is refused with EInvalid.
	MaxTests, MaxSamples int
	// MaxWaiting is how many questions may wait for their turn; more are refused with EUnavailable.
	MaxWaiting int

	history  monitor.HistoryStore
	detector monitor.Detector
	turn     chan struct{}
	asked    atomic.Int64 // questions that wait or are being answered
}

var _ monitor.Judge = (*Judge)(nil)

// New returns a judge who reads enough for a baseline of 30 runs.
func New(history monitor.HistoryStore, detector monitor.Detector) *Judge {
	return &Judge{
		Runs:       40,
		LookBack:   160,
		Own:        12,
		MaxTests:   250_000, // five times the suite that is measured in docs/benchmarks.md
		MaxSamples: 10_000_000,
		MaxWaiting: 64,
		history:    history,
		detector:   detector,
		turn:       make(chan struct{}, 1),
	}
}

// Judge implements [monitor.Judge].
func (j *Judge) Judge(ctx context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	end, err := j.wait(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	lineage, err := j.lineage(ctx, q)
	if err != nil {
		return nil, err
	}
	report, err := j.detect(ctx, lineage)
	if err != nil || q.ScmRef == "" {
		return report, err
	}
	for _, before := range earlierRuns(lineage, j.Own) {
		earlier, err := j.detect(ctx, before)
		if err != nil {
			return nil, err
		}
		complete(report, earlier)
	}
	return report, nil
}

func (j *Judge) detect(ctx context.Context, l monitor.Comparison) (*monitor.Report, error) {
	report, err := j.detector.Judge(l, j.samples(ctx, l))
	if err != nil {
		return nil, fmt.Errorf("judge run %s: %w", l.Judged().ID, err)
	}
	if n := len(l.Window); n > 1 {
		report.Previous = l.Window[n-2].ID
	}
	return report, nil
}

// wait waits for the turn of a question.
func (j *Judge) wait(ctx context.Context) (end func(), err error) {
	if j.asked.Add(1) > int64(j.MaxWaiting)+1 {
		j.asked.Add(-1)
		return nil, monitor.Errorf(monitor.EUnavailable, "%d runs wait to be judged already: try again later", j.MaxWaiting)
	}
	select {
	case j.turn <- struct{}{}:
		return func() { <-j.turn; j.asked.Add(-1) }, nil
	case <-ctx.Done():
		j.asked.Add(-1)
		return nil, context.Cause(ctx)
	}
}
