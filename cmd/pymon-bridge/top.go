package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// topCmd lists the tests of a run that use the most.
type topCmd struct {
	askFlags
	By    string `help:"What the tests use: ${enum}." enum:"cpu,wall,memory" default:"wall"`
	RunID string `name:"run" help:"Run with this id, or whose id begins so. Without this flag, the last run that measured something." placeholder:"ID" default:"latest"`
	N     int    `short:"n" help:"How many tests to list." default:"10"`
}

func (*topCmd) Help() string {
	return `
    pymon-bridge top                    # the slowest tests of the last run
    pymon-bridge top --by memory -n 30
    pymon-bridge top --by cpu --json`
}

func (c *topCmd) Validate() error { return positive(c.N) }

func (c *topCmd) Run(ctx context.Context, m *Main) error {
	ctx, s, err := c.open(ctx, m)
	if err != nil {
		return err
	}
	defer s.close()
	run, err := s.find(ctx, c.RunID)
	if err != nil && c.RunID != "latest" {
		err = fmt.Errorf("--run: %w", err)
	}
	if err != nil {
		return err
	}
	top := &report.Top{Metric: map[string]string{"cpu": monitor.MetricCPUTime, "wall": monitor.MetricTotalTime, "memory": monitor.MetricMemUsage}[c.By],
		Run: run.Run, First: []report.TopTest{}}
	err = s.tests(ctx, run, func(o *monitor.Outcome) {
		if v := monitor.JudgedValue(top.Metric, o.TotalTime, o.UserTime+o.KernelTime, o.MemUsage); !math.IsNaN(v) {
			one := report.TopTest{Name: o.NodeID, ItemPath: o.ItemPath, Item: o.Item, ItemVariant: o.ItemVariant, Amount: v}
			if o.Attempts > 0 {
				one.NodeID = o.NodeID
			}
			top.Add(one, c.N)
		}
	})
	s.wait.end()
	switch {
	case err != nil:
		return err
	case c.JSON:
		return m.printJSON(top)
	}
	return report.WriteTop(m.Stdout, top, run, m.screen())
}

// searched is how many runs are searched for one. They are a page of the bridge.
const searched = 500

// find returns the run with an id, or the only one whose id begins so. "latest" is the last run that measured something.
func (s *source) find(ctx context.Context, id string) (*report.RunLine, error) {
	runs, _, err := s.runs(ctx, searched)
	if err != nil {
		return nil, err
	}
	var found []*report.RunLine
	for i := range runs {
		r := &runs[i]
		switch {
		case r.Run == id, id == "latest" && r.Measured():
			return r, nil
		case strings.HasPrefix(r.Run, id):
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case id == "latest":
		return &runs[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("the ids of %d runs begin with %q: expected more of it", len(found), id)
	}
	return nil, fmt.Errorf("none of the last %d runs has the id %q: pymon-bridge runs lists them", len(runs), id)
}
