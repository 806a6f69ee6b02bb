package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// showCmd shows the history of a test.
type showCmd struct {
	askFlags
	Test string `arg:"" help:"The test: its node id, or a part of its name."`
}

// Help implements [kong.HelpProvider].
func (*showCmd) Help() string {
	return `
    pymon-bridge show test_total
    pymon-bridge show 'tests/test_cart.py::test_item[3]'
    pymon-bridge show test_total --json`
}

// Validate checks the arguments. The parser calls it.
func (c *showCmd) Validate() error {
	if namedBy(c.Test).function == "" {
		return fmt.Errorf("expected a part of the name of a test, got %q", c.Test)
	}
	return nil
}

// Run prints the history.
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
	if page := s.page(); page != "" {
		h.Page = report.TestPage(page, h.Project, h.ItemPath, h.ItemVariant)
	}
	if c.JSON {
		return m.printJSON(h)
	}
	s.wait.end()
	return report.WriteHistory(m.Stdout, h, m.screen())
}

// wantedTest is a test as a person names it.
type wantedTest struct{ file, function, variant string }

// namedBy reads a node id, or a part of a name.
func namedBy(text string) (w wantedTest) {
	parts := strings.Split(strings.TrimSpace(text), "::")
	w.variant = parts[len(parts)-1]
	if len(parts) > 1 {
		w.file = parts[0]
	}
	w.function, _, _ = strings.Cut(w.variant, "[")
	return w
}

// alike removes what the plugins write in different ways: a node id has "-" where the name that is kept has ", ".
var alike = strings.NewReplacer("-", "", ",", "", " ", "")

// matches says whether a test may be meant, and whether its name is the one that was given.
func (w wantedTest) matches(m *monitor.Metric) (may, exactly bool) {
	name, wanted := alike.Replace(m.ItemVariant), alike.Replace(w.variant)
	inFile := strings.Contains(m.ItemFSLoc, w.file)
	return inFile && strings.Contains(name, wanted), inFile && name == wanted
}

// maxMatches is how many tests are told apart before the search ends.
const maxMatches = 100

// history finds a test, and returns its measurements on the class of machine of the last one.
func (s *source) history(ctx context.Context, text string) (*report.History, error) {
	runs, _, err := s.runs(ctx, searched)
	if err != nil {
		return nil, err
	}
	metrics, err := s.measured(ctx, text)
	if err != nil {
		return nil, err
	}
	of := map[string]*report.RunLine{}
	for i := range runs {
		for _, session := range runs[i].Sessions {
			of[session.SessionH] = &runs[i]
		}
	}
	last := metrics[len(metrics)-1]
	h := &report.History{Project: runs[0].Project, ItemPath: last.ItemPath, ItemVariant: last.ItemVariant, Name: report.TestName(last),
		Points: []report.HistoryPoint{}, Results: []monitor.Result{}}
	if run := of[last.SessionH]; run != nil && len(run.Environments) == 1 {
		h.Env = run.Environments[0]
	}
	for _, m := range metrics {
		run := of[m.SessionH]
		if run == nil || h.Env != "" && !slices.Contains(run.Environments, h.Env) {
			continue
		}
		h.Points = append(h.Points, report.HistoryPoint{Run: run.Run, ScmRef: run.ScmRef, Branch: run.Branch, Started: run.Started,
			CPU: monitor.Number(m.UserTime + m.KernelTime), Wall: monitor.Number(m.TotalTime), Memory: monitor.Number(m.MemUsage)})
	}
	if len(h.Points) == 0 {
		return nil, fmt.Errorf("none of the last %d runs measured %s", len(runs), h.Name)
	}
	return h, s.judged(ctx, h)
}

// judged adds how the last measurement was judged.
func (s *source) judged(ctx context.Context, h *report.History) error {
	var r monitor.Report
	query := url.Values{"format": {"json"}, "all": {"true"}, "run": {h.Points[len(h.Points)-1].Run}}
	if err := s.read(ctx, &r, query, "regressions"); err != nil {
		return err
	}
	for i := range r.Results {
		if one := &r.Results[i]; one.ItemPath == h.ItemPath && one.ItemVariant == h.ItemVariant && (h.Env == "" || one.Env == h.Env) {
			h.Results = append(h.Results, *one)
		}
	}
	return nil
}

// measured returns all measurements of the test that a text names, in the order of time. It fails where several are meant.
func (s *source) measured(ctx context.Context, text string) ([]*monitor.Metric, error) {
	type test struct{ path, variant string }
	wanted, enough := namedBy(text), errors.New("enough")
	var order, exact []test
	all := map[test][]*monitor.Metric{}
	err := s.lines(ctx, func(line []byte) error {
		m, _, err := wire.DecodeMetric(line)
		if err != nil || m.Kind != monitor.KindFunction {
			return err
		}
		may, exactly := wanted.matches(m)
		if !may {
			return nil
		}
		of := test{m.ItemPath, m.ItemVariant}
		if all[of] == nil {
			if order = append(order, of); exactly {
				exact = append(exact, of)
			}
		}
		all[of] = append(all[of], m)
		if len(order) > maxMatches {
			return enough
		}
		return nil
	}, "variants", "like", wanted.function, "metrics")
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	switch {
	case len(order) == 0:
		return nil, fmt.Errorf("no test that was measured has %q in its name: pymon-bridge top -n 100 lists tests", text)
	case len(exact) == 1 && err == nil:
		return all[exact[0]], nil
	case len(order) == 1:
		return all[order[0]], nil
	}
	names := make([]string, len(order))
	for i, of := range order {
		names[i] = "  " + report.TestName(all[of][0])
	}
	slices.Sort(names)
	shown := names[:min(len(names), 20)]
	if more := len(names) - len(shown); more > 0 {
		shown = append(slices.Clone(shown), fmt.Sprintf("  and %d more", more))
	}
	return nil, fmt.Errorf("%s: expected more of its name, to choose one of\n%s", manyTests(len(names), text), strings.Join(shown, "\n"))
}

// manyTests says how many tests have a text in their names.
func manyTests(n int, text string) string {
	if n > maxMatches {
		return fmt.Sprintf("more than %d tests have %q in their names", maxMatches, text)
	}
	return fmt.Sprintf("%d tests have %q in their names", n, text)
}
