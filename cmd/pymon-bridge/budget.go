package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

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

// budget asks for the tests of the runs of a report, and compares them with limits. Without limits it returns nil.
func (c client) budget(ctx context.Context, m *Main, limits *budget.File, r *monitor.Report) (*monitor.Budget, error) {
	if limits == nil {
		return nil, nil
	}
	wait := m.spin("asking for the tests")
	defer wait.end()
	s, tally := &source{client: c}, budget.NewTally(limits)
	runs := r.Runs
	if len(runs) == 0 {
		runs = []string{r.Run}
	}
	for _, id := range runs {
		var of report.RunLine
		err := s.lines(ctx, func(line []byte) error { return json.Unmarshal(line, &of) }, "runs", id)
		if err == nil && of.Run == "" {
			err = errors.New("the bridge does not know the run any more")
		}
		if err == nil {
			err = s.tally(ctx, &of, tally)
		}
		if err != nil {
			return nil, fmt.Errorf("the tests of run %s for --budget: %w", report.Printable(id), err)
		}
	}
	return tally.Budget(), nil
}

// tally adds the tests of a run. Those on one class of machine are a job, since a fast machine says nothing of a slow one.
func (s *source) tally(ctx context.Context, run *report.RunLine, to *budget.Tally) error {
	add := func(class string, o *monitor.Outcome) { to.Add(run.Run, run.Branch+"\n"+class, o) }
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
