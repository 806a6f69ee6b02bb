package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

type showCmd struct {
	askFlags
	Test string `arg:"" help:"The test: its node id, or a part of its name."`
}

func (*showCmd) Help() string {
	return `
    pymon-bridge show test_total
    pymon-bridge show 'tests/test_cart.py::test_item[3]'
    pymon-bridge show test_total --json`
}

func (c *showCmd) Validate() error {
	if strings.Trim(namedBy(c.Test).variant, ".") == "" {
		return fmt.Errorf("expected a part of the name of a test, got %q", c.Test)
	}
	return nil
}

func (c *showCmd) Run(ctx context.Context, m *Main) error {
	ctx, s, err := c.open(ctx, m)
	if err != nil {
		return err
	}
	defer s.close()
	h, err := s.history(ctx, c.Test)
	if err != nil {
		return err
	}
	if err := s.judged(ctx, h); err != nil {
		return err
	}
	if err := s.failures(ctx, h); err != nil {
		return err
	}
	if page := s.page(); page != "" {
		h.Page = report.TestPage(page, h.Project, h.id)
	}
	s.wait.end()
	if c.JSON {
		return m.printJSON(&h.History)
	}
	return report.WriteHistory(m.Stdout, &h.History, m.screen())
}

// pastOf is the history of a test, with what finds its verdict.
type pastOf struct {
	report.History
	id monitor.TestID // without the class of machine
	// ranks are the numbers that the last measurement may have among those of its name in a report: in its run, and in its session.
	ranks [2]int
	names int // number of measurements of this name in the last run, on the class of machine

	measured []*monitor.Metric          // on all classes of machine
	runs     map[string]*report.RunLine // by session
}

// history finds a test, and returns its measurements on the class of machine of the last one.
func (s *source) history(ctx context.Context, text string) (*pastOf, error) {
	runs, _, err := s.runs(ctx, searched)
	if err != nil {
		return nil, err
	}
	of := runsBySession(runs)
	test, err := s.test(ctx, text, of)
	if err != nil {
		return nil, err
	}
	unknown := func(m *monitor.Metric) bool { return of[m.SessionH] == nil }
	test.metrics, test.all = slices.DeleteFunc(test.metrics, unknown), slices.DeleteFunc(slices.Clone(test.all), unknown)
	if len(test.metrics) == 0 {
		return nil, fmt.Errorf("none of the last %d runs measured %s", len(runs), test.name)
	}
	env, err := s.classes(ctx, runs, test.all)
	if err != nil {
		return nil, err
	}
	last := test.metrics[len(test.metrics)-1]
	id := last.Series(runs[0].Project).ID("")
	h := &pastOf{id: id, measured: test.metrics, runs: of, History: report.History{Project: runs[0].Project, ItemPath: last.ItemPath, Item: last.Item,
		ItemVariant: last.ItemVariant, Name: test.name,
		NodeID: test.nodeID, Env: env[last], Points: []report.HistoryPoint{}, Results: []monitor.Result{}}}
	if test.note != "" {
		h.Notes = append(h.Notes, test.note)
	}
	for _, m := range test.metrics {
		run := of[m.SessionH]
		if env[m] == h.Env {
			h.Points = append(h.Points, report.HistoryPoint{Run: run.Run, ScmRef: run.ScmRef, Branch: run.Branch, Started: run.Started,
				CPU: monitor.Number(m.UserTime + m.KernelTime), Wall: monitor.Number(m.TotalTime), Memory: monitor.Number(m.MemUsage)})
		} else if !slices.Contains(h.OtherEnvs, env[m]) {
			h.OtherEnvs = append(h.OtherEnvs, env[m])
		}
	}
	for _, m := range test.all {
		if of[m.SessionH] == of[last.SessionH] && env[m] == h.Env {
			h.count(m, last)
		}
	}
	return h, nil
}

// count counts a measurement with the name of the last one, in the same run and on the same class of machine.
func (h *pastOf) count(m, last *monitor.Metric) {
	h.names++
	if m.ItemStartTime < last.ItemStartTime {
		h.ranks[0]++
		if m.SessionH == last.SessionH {
			h.ranks[1]++
		}
	}
}

// runsBySession finds the run of a session.
func runsBySession(runs []report.RunLine) map[string]*report.RunLine {
	of := map[string]*report.RunLine{}
	for i := range runs {
		for _, session := range runs[i].Sessions {
			of[session.SessionH] = &runs[i]
		}
	}
	return of
}
