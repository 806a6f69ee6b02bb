package report

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// The ANSI escapes that Text is coloured with.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	plain  = "\x1b[0m"
)

// textWriter writes a report for a terminal. No line begins with a text from outside, since CI systems take the beginning of
// a line for a command. Names come last in their line, since their width on the screen is not known.
type textWriter struct {
	*bytes.Buffer
	colour bool
	envs   bool // results say on which class of machine
}

func writeText(b *bytes.Buffer, r *monitor.Report, o Options) {
	t := textWriter{b, o.Colour, severalMachines(r)}
	t.headline(r, o.FailOn)
	t.about(r)
	for _, m := range slowMachines(r) {
		t.paint(yellow, "\nSLOW MACHINE")
		fmt.Fprintf(t, " %s: %s\n", orUnknown(offsets(m.Offset)), show(m.Env, shortName))
	}
	for _, g := range groups(r, o.All) {
		t.group(g)
	}
	fmt.Fprintf(t, "\n%s\n", totals(r.Summary))
}

func (t textWriter) headline(r *monitor.Report, on FailOn) {
	gate, sentence := Gate(r, on)
	switch {
	case gate == monitor.GateFail:
		t.paint(red, "FAILED ")
	case gate == monitor.GateNotJudged:
		t.paint(yellow, "NOT JUDGED ")
	case conspicuous(r):
		t.paint(yellow, "WARNING ")
	default:
		t.paint(green, "PASSED ")
	}
	fmt.Fprintf(t, "%s\n\n", sentence)
}

// about says which run it is and what it was compared with.
func (t textWriter) about(r *monitor.Report) {
	t.line("project", show(r.Project, shortName))
	run := show(r.Run, shortName)
	if r.Build != "" {
		run += ", build " + show(r.Build, shortName)
	}
	if at := started(r); at != "" {
		run += ", started " + at
	}
	t.line("run", run+", "+count(len(r.Sessions), "session"))
	of := ""
	if named := branches(r, show); named != "" {
		of = " of " + named
	}
	if len(r.Runs) > 1 {
		of += "; " + count(len(r.Runs), "run")
	}
	t.line("commit", orUnknown(commit(r.ScmRef))+of)
	t.line("baseline", count(r.BaselineRuns, "run")+onBranch(r.Against))
	switch {
	case len(r.Suite.Machines) == 1: // there may be no results to show
		t.line("machine", show(r.Suite.Machines[0].Env, shortName))
	case !t.envs && len(r.Results) > 0:
		t.line("machine", show(r.Results[0].Env, shortName))
	}
	if s := partial(r, show); s != "" {
		t.line("partial", s)
	}
	for i := range r.LeftOut {
		t.line("left out", leftOut(&r.LeftOut[i], show))
	}
}

func (t textWriter) line(what, text string) { fmt.Fprintf(t, "%-9s %s\n", what, text) }

func (t textWriter) group(g group) {
	colour := yellow
	switch g.status {
	case monitor.StatusRegression:
		colour = red
	case monitor.StatusImprovement, monitor.StatusResolved, monitor.StatusOK:
		colour = green
	}
	t.WriteByte('\n')
	t.paint(colour, strings.ToUpper(fmt.Sprintf("%d %s", len(g.results), g.noun(len(g.results)))))
	t.WriteByte('\n')
	for _, result := range g.results {
		t.result(result)
	}
}

// result writes the numbers and the test in one line, and what else is known in the next.
func (t textWriter) result(r *monitor.Result) {
	metric := right(metricName(r.Metric), len("wall time"))
	if !hasNumbers(r) {
		fmt.Fprintf(t, "- %s  %s\n", metric, testName(r))
	} else {
		fmt.Fprintf(t, "- %s  %s → %s  %s  %s\n", metric, left(amount(r.Metric, r.Baseline), 8),
			right(amount(r.Metric, r.Value), 8), right(ratio(r.Ratio), 6), testName(r))
	}
	if more := t.details(r); more != "" {
		fmt.Fprintf(t, "             %s\n", more)
	}
}

func (t textWriter) details(r *monitor.Result) string {
	parts := details(r)
	if t.envs {
		parts = append(parts, "on "+show(r.Env, shortName))
	}
	return strings.Join(parts, ", ")
}

// details lists what is known of a result besides the numbers of its line.
func details(r *monitor.Result) (parts []string) {
	if r.Reason != "" {
		parts = append(parts, "reason: "+show(r.Reason, longName))
	}
	if commits := since(r); commits != "" {
		parts = append(parts, "since "+commits)
	}
	if r.Level == monitor.LevelCrit {
		parts = append(parts, "critical")
	}
	if known(r.Limit) && hasNumbers(r) {
		parts = append(parts, "limit "+amount(r.Metric, r.Limit))
	}
	if known(r.Q) && hasNumbers(r) {
		parts = append(parts, "q "+probability(r.Q))
	}
	if r.N > 0 {
		parts = append(parts, count(r.N, "earlier run"))
	}
	return parts
}

func (t textWriter) paint(colour, text string) {
	if !t.colour {
		t.WriteString(text)
		return
	}
	t.WriteString(colour + text + plain)
}

// conspicuous says whether a report that does not fail deserves a look.
func conspicuous(r *monitor.Report) bool {
	return r.Summary.Regressions > 0 || r.Summary.Suspects > 0 || slow(r)
}

// onBranch returns " of BRANCH", or nothing for runs that say no branch.
func onBranch(branch string) string {
	if branch == "" {
		return ""
	}
	return " of " + show(branch, shortName)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// left puts spaces in front of a text up to a width in characters; right puts them behind it.
func left(s string, width int) string  { return padding(s, width) + s }
func right(s string, width int) string { return s + padding(s, width) }

func padding(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
