package main

import (
	"context"
	"encoding/json"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// adviceWait is how long a report waits for its hints. It is worth nothing without the report, and little without them.
const adviceWait = 10 * time.Second

// advice asks for the tests of a run, to say what can be done about their time and memory. It returns nil where they do not come.
// The client names the project: the same id may be that of a run of another one.
func (c client) advice(ctx context.Context, m *Main, r *monitor.Report) *report.Advice {
	ctx, cancel := context.WithTimeout(ctx, adviceWait)
	defer cancel()
	wait := m.spin("asking for the tests")
	defer wait.end()
	s := &source{client: c}
	a, machine := &report.Advice{PassRates: s.passRates(ctx), Whole: r.Completion == monitor.Complete && len(r.Sessions) == 1}, ""
	err := s.testsOf(ctx, r.Run, func(o *monitor.Outcome) {
		machine = o.ContextH
		a.Add(o)
	})
	if err != nil || machine == "" {
		return nil
	}
	if r.Previous != "" && a.Waits() {
		_ = s.testsOf(ctx, r.Previous, a.AddEarlier) // without it there is one hint less
	}
	_ = s.lines(ctx, func(line []byte) error { // without it there is one hint less
		var context struct {
			CPUs int `json:"cpu_count"`
		}
		err := json.Unmarshal(line, &context)
		a.CPUs = context.CPUs
		return err
	}, "contexts", machine)
	return a
}

// testsOf calls use for each test of the run with this id.
func (s *source) testsOf(ctx context.Context, id string, use func(*monitor.Outcome)) error {
	run, err := s.run(ctx, id)
	if err != nil {
		return err
	}
	return s.tests(ctx, run, use)
}

// passRates returns how often flaky tests pass, by node id. A summary without them is better than none.
func (s *source) passRates(ctx context.Context) map[string]float64 {
	rates := map[string]float64{}
	_ = s.lines(ctx, func(line []byte) error {
		var test struct {
			NodeID   string
			PassRate float64 `json:"pass_rate"`
		}
		err := json.Unmarshal(line, &test)
		rates[test.NodeID] = test.PassRate
		return err
	}, "tests", "flaky", "")
	return rates
}
