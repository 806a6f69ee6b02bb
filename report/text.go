package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// textWriter writes a report for a terminal. No line begins with a text from outside, since CI systems take the beginning of
// a line for a command. Names come last in their line, since their width on the screen is not known.
type textWriter struct {
	*bytes.Buffer
	colour bool
	width  int
	envs   bool // results say on which class of machine
}

func writeText(b *bytes.Buffer, r *monitor.Report, o Options) {
	t := textWriter{b, o.Colour, o.Width, severalMachines(r)}
	t.headline(r, o.FailOn)
	t.about(r)
	for _, m := range slowMachines(r) {
		t.paint(yellow, "\nSLOW MACHINE")
		fmt.Fprintf(t, " %s: %s\n", orUnknown(offsets(m.Offset)), show(m.Env, shortName))
	}
	if lines := growth(r, t.envs, show); len(lines) > 0 {
		t.paint(yellow, "\nSLOW GROWTH OF THE SUITE\n")
		for _, line := range lines {
			fmt.Fprintf(t, "  %s\n", t.wrapped(line, 4))
		}
	}
	t.budget(r.Budget)
	for _, g := range entryGroups(r, o.All) {
		t.group(g)
	}
	fmt.Fprintf(t, "\n%s\n", t.wrapped(totals(r.Summary), 0))
	t.after(r, o)
}

// after says what to do next, and where everything about the run is.
func (t textWriter) after(r *monitor.Report, o Options) {
	steps, links := nextSteps(r, o), newLinks(r, o)
	if len(steps) > 0 || links.run() != "" {
		t.WriteByte('\n')
	}
	writeSteps("next", steps, t.line)
	writePages(r, links, t.line)
}

// writePages writes where the worst test and everything about the run are. item writes a line.
func writePages(r *monitor.Report, l links, item func(title, text string)) {
	if r.Summary.Regressions+r.Summary.Suspects > 0 && len(r.Results) > 0 {
		if page := l.testPage(&r.Results[0]); page != "" {
			item("worst", page)
		}
	}
	if page := l.run(); page != "" {
		item("page", page)
	}
}

// WriteHints writes advice below a report of the format Text. It writes nothing where a is nil. Fails with the error of w.
func WriteHints(w io.Writer, a *Advice, o Options) error {
	if a == nil {
		return nil
	}
	var b bytes.Buffer
	t := textWriter{Buffer: &b, colour: o.Colour, width: o.Width}
	if steps := a.steps(o); len(steps) > 0 {
		b.WriteByte('\n')
		writeSteps("hint", steps, t.line)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("writing the hints: %w", err)
	}
	return nil
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
	fmt.Fprintf(t, "%s\n\n", t.wrapped(sentence, 7))
}

// about says which run it is and what it was compared with.
func (t textWriter) about(r *monitor.Report) {
	t.line("project", show(r.Project, shortName))
	run := show(r.Run, shortName)
	if r.Build != "" {
		run += ", build " + show(r.Build, shortName)
	}
	if !r.Started.IsZero() {
		run += ", started " + r.Started.UTC().Format(time.DateTime) + " UTC"
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

func (t textWriter) line(what, text string) {
	fmt.Fprintf(t, "%s %s\n", t.painted(faint, padRight(what, 9)), t.wrapped(text, 10))
}

// conspicuous says whether a report that does not fail deserves a look.
func conspicuous(r *monitor.Report) bool {
	return r.Summary.Regressions > 0 || r.Summary.Suspects > 0 || r.Summary.Drifts > 0 || slow(r) || len(growing(r)) > 0
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

// padLeft puts spaces in front of a text up to a width in characters; padRight puts them behind it.
func padLeft(s string, width int) string  { return padding(s, width) + s }
func padRight(s string, width int) string { return s + padding(s, width) }

func padding(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
