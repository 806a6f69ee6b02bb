package judge

import (
	"context"
	"fmt"
	"sync/atomic"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// Judge implements [monitor.Judge]. It judges one run at a time, since each takes the measurements of dozens of runs; other
// questions wait, and projects take turns, also between the runs of a commit. Each project has one report under way. Equal
// questions that wait share an answer. The exported fields may be changed before the first question.
type Judge struct {
	// Runs is how many earlier runs of a class of machine are read for the baseline, as far as there are so many.
	Runs int
	// Window is how many runs confirm a change together. The runs before these are the baseline.
	Window int
	// LookBack is how many commits of the baseline's branch are searched for these. The jobs of a matrix and the shards of a
	// suite may each be a run, so the runs of few commits may be many.
	LookBack int
	// MaxRuns is how many runs of a branch are looked at for LookBack, on any class of machine. Where each commit has more than
	// four runs, fewer commits are searched: twenty where it has as many runs as are judged.
	MaxRuns int
	// Commit is how many runs of a commit are judged to report on the commit, of all branches together. Where a branch is
	// compared with another one, as many of its runs confirm a change together: each job of a matrix, and each shard, may be a run.
	Commit int
	// MaxTests is how many measurements the judged run may have, and MaxSamples how many all runs of the comparison may
	// have together. They are in memory: some 2 KB for each measurement of the judged run, 60 bytes for each
	// other one, and 8 bytes for each that other runs of the commit were judged by. A larger comparison is refused with
	// EInvalid.
	MaxTests, MaxSamples int
	// MaxHeld is how many measurements are kept in memory for the next runs of a commit, of all reports under way together: some 48
	// bytes each. What is not kept is read again.
	MaxHeld int
	// Turns has the questions that wait. Too many of one project are refused with EUnavailable.
	Turns *turns.Queue
	// Answers has the reports that were kept. nil judges for each question.
	Answers monitor.AnswerStore
	// Rules stands for the program and the settings that the detector judges by. Answers by other rules do not count. Without
	// rules, or where they are empty, no answer counts.
	Rules func() string
	// Drift finds slow growth; nil looks for none.
	Drift *Drift
	// Acceptances, if set, has the changes that are no regressions any more.
	Acceptances monitor.AcceptanceStore

	history  monitor.HistoryStore
	detector monitor.Detector
	shared   shared
	looking  looking
	holding  atomic.Int64 // measurements: see MaxHeld
}

var _ monitor.Judge = (*Judge)(nil)

// New returns a judge. runs and window are [Judge.Runs] and [Judge.Window], which depend on the detector.
func New(history monitor.HistoryStore, detector monitor.Detector, runs, window int) *Judge {
	return &Judge{
		Runs:       runs,
		Window:     window,
		LookBack:   4 * runs,
		MaxRuns:    16 * runs,
		Commit:     32,      // twelve jobs that run twice, and some more
		MaxTests:   250_000, // five times the suite that is measured in docs/benchmarks.md
		MaxSamples: 10_000_000,
		MaxHeld:    2_000_000,
		Turns:      &turns.Queue{AtOnce: 1, MaxWaiting: 64},
		looking:    looking{turns: turns.Queue{AtOnce: 1, MaxWaiting: 64}},
		history:    history,
		detector:   detector,
	}
}

// Judge implements [monitor.Judge].
func (j *Judge) Judge(ctx context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	// A look-up that fails is no reason not to answer: judging reads the same, and says what is wrong.
	if report, err := j.lookUp(ctx, q); err == nil && report != nil {
		return report, nil
	}
	return j.shared.ask(ctx, keyOf(q), func(ctx context.Context, begin func()) (*monitor.Report, error) {
		turn, err := j.Turns.Take(ctx, q.Project)
		if err != nil {
			return nil, err
		}
		defer turn.Leave()
		begin()
		first := true
		return j.answer(ctx, q, func() error {
			if first {
				first = false
				return nil
			}
			return turn.Pass(ctx)
		})
	})
}

// answer makes the report. It calls next before each run.
func (j *Judge) answer(ctx context.Context, q monitor.JudgeQuery, next func() error) (*monitor.Report, error) {
	run, err := j.find(ctx, q)
	if err != nil {
		return nil, err
	}
	runs, err := j.ofCommit(ctx, run)
	if err != nil {
		return nil, err
	}
	others, tooMany := j.choose(run, q, runs)
	var judged latest // stays nil for a run that is judged alone, which needs it for nothing
	if len(others)+len(tooMany) > 0 {
		judged = latest{}
	}
	report, incomparable, err := j.together(ctx, run, others, q.Branch, judged, next)
	if err != nil {
		return nil, err
	}
	again, err := j.repeated(ctx, tooMany, judged)
	if err != nil {
		return nil, err
	}
	report.LeftOut = leftOut(report, q, runs, incomparable, again, judged)
	report.Basis = basisWith(report.Basis, runs)
	return report, nil
}

// detect reports on one run.
func (j *Judge) detect(ctx context.Context, c monitor.Comparison, known *related, held *held) (*job, error) {
	run := c.Judged()
	seen := newCoverage(c)
	// What is stored from here on, while measurements are read, is not in the basis.
	accepted, err := j.acceptances(ctx, run.Project)
	if err != nil {
		return nil, err
	}
	if c.Accepted, accepted, err = j.steps(ctx, c, accepted); err != nil {
		return nil, err
	}
	basis, err := j.basis(ctx, c, accepted)
	if err != nil {
		return nil, err
	}
	report, err := j.detector.Judge(c, j.samples(ctx, c, seen, known, held))
	if err != nil {
		return nil, fmt.Errorf("judge run %s: %w", run.ID, err)
	}
	made := &job{report: report}
	made.ran.Began, made.ran.Ended = run.Started, seen.ended
	full := seen.full // nothing refers to the rest of seen, some MB, while slow growth is looked for
	if n := len(c.Window); n > 1 {
		report.Previous = c.Window[n-2].ID
	}
	report.Completion, report.Partial = run.Completion, run.Partial
	if !run.Whole {
		report.Selection = run.Partial
	}
	report.Runs, report.Branches = []string{run.ID}, []string{run.Branch}
	report.Basis = basis
	if err := j.Drift.addDrift(ctx, run, report, accepted); err != nil {
		return nil, err
	}
	return made, j.noteCrowd(ctx, run, c.Branch, full, report)
}

// noteCrowd says in a report that a branch has more runs of each commit than are searched. It does so where all results have too few
// earlier runs for that reason. full says that earlier runs were left unread, since they measured too much.
func (j *Judge) noteCrowd(ctx context.Context, run *monitor.RunInfo, branch string, full bool, report *monitor.Report) error {
	if learning := report.Summary.Learning; learning == 0 || learning < len(report.Results) {
		return nil
	}
	crowded, err := j.crowded(ctx, run, branch)
	if crowded || full {
		report.Basis = ""
		report.LeftOut = append(report.LeftOut, monitor.LeftOut{Reason: "the branch has more runs of each commit than are searched for earlier ones; " +
			"one --tag run=NAME makes the jobs of a commit one run", Runs: report.Runs, Missing: true, Tests: run.Tests, Modules: run.Modules})
	}
	return err
}
