package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"pymon-bridge/budget"
	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// limits reads the file of --budget. It returns nil without the flag.
func (c *judgeFlags) limits() (*budget.File, error) {
	if c.Budget == "" {
		return nil, nil
	}
	from, err := os.Open(c.Budget)
	if err != nil {
		return nil, fmt.Errorf("--budget: %w", err)
	}
	defer from.Close()
	f, err := budget.Read(c.Budget, from)
	if err != nil {
		return nil, fmt.Errorf("--budget: %w", err)
	}
	return f, nil
}

// budget asks for the tests of the runs of a report, and of those that it leaves out for their number, and compares them with limits.
// Without limits it returns nil.
func (c client) budget(ctx context.Context, m *Main, limits *budget.File, r *monitor.Report) (*monitor.Budget, error) {
	if limits == nil {
		return nil, nil
	}
	wait := m.spin("asking for the tests")
	defer wait.end()
	s, tally := &source{client: c}, budget.NewTally(limits)
	ids := slices.Clone(r.Runs)
	for _, l := range r.LeftOut { // a budget can tell without judging
		if l.Missing || l.Reason == monitor.MeasuredAgain {
			ids = append(ids, l.Runs...)
		}
	}
	if len(ids) == 0 {
		ids = []string{r.Run}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var runs []*report.RunLine
	for _, id := range ids {
		run, err := s.run(ctx, id)
		if err == nil && run.Run == "" {
			err = errors.New("the bridge does not know the run any more")
		}
		if err != nil {
			return nil, testsError(id, err)
		}
		runs = append(runs, run)
	}
	slices.SortStableFunc(runs, func(a, b *report.RunLine) int { return a.Started.Compare(b.Started) })
	for _, run := range runs {
		if err := s.tally(ctx, run, tally); err != nil {
			return nil, testsError(run.Run, err)
		}
	}
	return tally.Budget(), nil
}

func testsError(run string, err error) error {
	return fmt.Errorf("the tests of run %s for --budget: %w", report.Printable(run), err)
}

// tally adds the tests of a run. Those on one class of machine are a job, since a fast machine says nothing of a slow one.
func (s *source) tally(ctx context.Context, run *report.RunLine, to *budget.Tally) error {
	of := budget.Run{ID: run.Run, Started: run.Started, Ended: run.Ended}
	add := func(class string, o *monitor.Outcome) { to.Add(of, run.Branch+"\n"+class, o) }
	if len(run.Environments) == 1 {
		return s.tests(ctx, run, func(o *monitor.Outcome) { add(run.Environments[0], o) })
	}
	var tests []*monitor.Outcome
	var metrics []*monitor.Metric
	err := s.tests(ctx, run, func(o *monitor.Outcome) {
		tests, metrics = append(tests, o), append(metrics, &o.Metric)
	})
	if err != nil {
		return err
	}
	class, err := s.classes(ctx, []report.RunLine{*run}, metrics)
	if err != nil {
		return err
	}
	for _, o := range tests {
		add(class[&o.Metric], o)
	}
	return nil
}
