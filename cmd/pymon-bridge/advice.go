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
func (c client) advice(ctx context.Context, m *Main, run string) *report.Advice {
	ctx, cancel := context.WithTimeout(ctx, adviceWait)
	defer cancel()
	wait := m.spin("asking for the tests")
	defer wait.end()
	s := &source{client: c}
	var of report.RunLine
	if err := s.lines(ctx, func(line []byte) error { return json.Unmarshal(line, &of) }, "runs", run); err != nil || !of.Measured() {
		return nil
	}
	a, context := &report.Advice{PassRates: c.passRates(ctx)}, ""
	err := s.tests(ctx, &of, func(o *monitor.Outcome) {
		context = o.ContextH
		a.Add(o)
	})
	if err != nil {
		return nil
	}
	_ = s.lines(ctx, func(line []byte) error { // without it there is one hint less
		var machine struct {
			CPUs int `json:"cpu_count"`
		}
		err := json.Unmarshal(line, &machine)
		a.CPUs = machine.CPUs
		return err
	}, "contexts", context)
	return a
}
