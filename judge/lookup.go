package judge

import (
	"context"
	"slices"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// looking has the questions for which an answer is looked up. They take turns apart from those that are judged, which take much
// longer.
type looking struct {
	turns  turns.Queue
	shared shared
}

// lookUp returns the report that is kept, if judging would say the same, and else nil.
func (j *Judge) lookUp(ctx context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	if j.Answers == nil || q.All {
		return nil, nil
	}
	return j.looking.shared.ask(ctx, keyOf(q), func(ctx context.Context, begin func()) (*monitor.Report, error) {
		turn, err := j.looking.turns.Take(ctx, q.Project)
		if err != nil {
			return nil, err
		}
		defer turn.Leave()
		begin()
		return j.kept(ctx, q)
	})
}

// kept does the same as lookUp. It chooses the runs as [Judge.answer] does, and reads no measurement.
func (j *Judge) kept(ctx context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	run, err := j.find(ctx, q)
	if err != nil {
		return nil, err
	}
	runs, err := j.ofCommit(ctx, run)
	if err != nil || !alone(run, q, runs) {
		return nil, err
	}
	comparisons, err := j.comparisons(ctx, []*monitor.RunInfo{run}, q.Branch)
	if err != nil {
		return nil, err
	}
	accepted, err := j.acceptances(ctx, run.Project)
	if err != nil {
		return nil, err
	}
	basis, err := j.basis(ctx, comparisons[0], accepted)
	if err != nil || basis == "" {
		return nil, err
	}
	return j.Answers.Answer(ctx, run.Project, run.ID, basisWith(basis, runs))
}

// alone says whether the answer to a question is the report on one run. Kept reports answer the question about their run. So it
// is also the answer to one about a commit, if nothing else of the commit was measured.
func alone(run *monitor.RunInfo, q monitor.JudgeQuery, runs []*monitor.RunInfo) bool {
	return oneRun(q) || !slices.ContainsFunc(runs, func(o *monitor.RunInfo) bool { return o.ID != run.ID && o.Measured() })
}
