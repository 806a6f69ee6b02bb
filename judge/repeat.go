package judge

import (
	"context"
	"fmt"

	"pymon-bridge/monitor"
)

// latest says which judged run of a branch is the last one that has results of a test. nil takes nothing.
type latest map[branchTest]lastRun

type lastRun struct {
	started int64
	fine    bool // the test has a result there that is ok or better
}

type branchTest struct {
	branch string
	monitor.TestID
}

// add takes the report on a run. The runs of a branch come oldest first.
func (l latest) add(run *monitor.RunInfo, r *monitor.Report) {
	if l == nil {
		return
	}
	for i := range r.Results {
		result := &r.Results[i]
		at := branchTest{run.Branch, once(result.TestID)}
		last := l[at]
		fine := result.Status == monitor.StatusOK || result.Status == monitor.StatusImprovement || result.Status == monitor.StatusDrift
		l[at] = lastRun{run.Started, fine || last.fine && last.started == run.Started}
	}
}

// once returns the id of a test without the number of its occurrence.
func once(test monitor.TestID) monitor.TestID {
	test.Occurrence = 0
	return test
}

// hidden counts the tests that are fine on a branch, and yet learning in tests, of all branches together.
func (l latest) hidden(tests map[monitor.TestID]monitor.Status, branch string) (n int64) {
	for test, known := range tests {
		if known == monitor.StatusLearning && l[branchTest{branch, once(test)}].fine {
			n++
		}
	}
	return n
}

// repeated says by id of which of some runs the tests were all measured again by later runs of the branch, which were judged and
// began when these had ended. So nothing is missing without them, as where one commit is run each night. Up to [Judge.MaxSamples]
// measurements are looked at: that takes much less time than to judge them.
func (j *Judge) repeated(ctx context.Context, runs []*monitor.RunInfo, judged latest) (map[string]bool, error) {
	type span struct{ began, ended int64 } // began is the start of the first run that measured one of the tests again
	spans, read := map[string]span{}, int64(0)
	bySort := map[monitor.Sort][]*monitor.RunInfo{}
	for _, run := range runs {
		if read += run.Tests + run.Modules; read <= int64(j.MaxSamples) {
			bySort[run.Sort()] = append(bySort[run.Sort()], run)
		}
	}
	for sort, runs := range bySort {
		for s, err := range j.history.Samples(ctx, sort, runs) {
			if err != nil {
				return nil, fmt.Errorf("read the runs that are not judged: %w", err)
			}
			test := monitor.TestID{Component: s.Series.Component, ItemPath: s.Series.ItemPath, Item: s.Series.Item,
				ItemVariant: s.Series.ItemVariant, Kind: s.Series.Kind, Env: s.Env}
			last := judged[branchTest{s.Run.Branch, test}].started
			soFar, begun := spans[s.Run.ID]
			if begun {
				last = min(last, soFar.began)
			}
			spans[s.Run.ID] = span{last, max(soFar.ended, s.End())}
		}
	}
	again := map[string]bool{}
	for run, of := range spans {
		again[run] = monitor.After(of.began, of.ended)
	}
	return again, nil
}
