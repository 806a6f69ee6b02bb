package report

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"pymon-bridge/monitor"
)

const (
	// maxComment is the most bytes of Markdown that are written: GitHub takes comments of up to 65,536 characters.
	maxComment = 65_000
	// maxOpen is how many rows of a table are shown at once; the others are folded away.
	maxOpen = 20
)

// Marker returns the first line of every Markdown report on a project: a comment that is not shown. By it a bot finds
// the comment that it has to update.
func Marker(project string) string {
	if !monitor.ValidProject(project) {
		project = monitor.DefaultProject // a hyphen and a bracket would end the comment
	}
	return "<!-- pymon-bridge " + project + " -->"
}

func writeMarkdown(b *bytes.Buffer, r *monitor.Report, o Options) {
	links := newLinks(r, o)
	fmt.Fprintf(b, "%s\n%s\n\n%s\n", Marker(r.Project), title(r, o.FailOn), aboutMarkdown(r, links))
	if s := partial(r, code); s != "" {
		fmt.Fprintf(b, "\nPartial: %s.\n", s)
	}
	for i := range r.LeftOut {
		fmt.Fprintf(b, "\nLeft out: %s\n", leftOut(&r.LeftOut[i], code))
	}
	if lines := growth(r, severalMachines(r), code); len(lines) > 0 {
		b.WriteString("\nSlow growth of the suite:\n\n")
		for _, line := range lines {
			fmt.Fprintf(b, "- %s\n", line)
		}
	}
	foot := "\n<sub>" + totals(r.Summary) + "</sub>\n"
	sections := markdownSections(r, o, links)
	room := maxComment - b.Len() - len(foot)
	for _, s := range sections {
		room -= s.overhead()
	}
	for _, s := range sections {
		room -= s.write(b, room)
	}
	b.WriteString(foot)
}

func title(r *monitor.Report, on FailOn) string {
	gate, sentence := Gate(r, on)
	switch {
	case gate == monitor.GateFail:
		return "### ❌ " + sentence
	case gate == monitor.GateNotJudged, conspicuous(r):
		return "### ⚠️ " + sentence
	case fineResults(r.Summary) == 0:
		return "### ⏳ " + sentence
	default:
		return "### ✅ " + sentence
	}
}

// aboutMarkdown says in a line which run it is and what it was compared with.
func aboutMarkdown(r *monitor.Report, l links) string {
	var b strings.Builder
	if r.ScmRef != "" {
		fmt.Fprintf(&b, "Commit %s", code(commit(r.ScmRef), shortName))
	} else {
		b.WriteString("A run without a commit")
	}
	if named := branches(r, code); named != "" {
		fmt.Fprintf(&b, " of %s", named)
	}
	if len(r.Runs) > 1 {
		fmt.Fprintf(&b, " in %s", count(len(r.Runs), "run"))
	}
	fmt.Fprintf(&b, ", compared with %s", count(r.BaselineRuns, "run"))
	if r.Against != "" {
		fmt.Fprintf(&b, " of %s", code(r.Against, shortName))
	}
	fmt.Fprintf(&b, " in project %s.", l.wrap(l.dashboard(overviewDashboard, url.Values{}), code(r.Project, shortName)))
	page, whole := l.run(), l.report()
	if page == "" {
		page, whole = whole, ""
	}
	if page != "" {
		fmt.Fprintf(&b, " %s", l.wrap(page, "Everything about this run"))
	}
	if whole != "" && l.saysMore() {
		fmt.Fprintf(&b, ", %s", l.wrap(whole, "the whole report"))
	}
	return b.String()
}

// section is a table. Only as many of its rows are written as there is room for.
type section struct {
	head, tail string
	rows       int
	row        func(i int) string
	what       string // what n more rows are called
}

// overhead is how many bytes it takes at most without its rows.
func (s section) overhead() int {
	return len(s.head) + len(s.tail) + len(s.leftOut(s.rows))
}

// write writes the section with rows in at most room bytes and returns how many the rows took.
func (s section) write(b *bytes.Buffer, room int) (taken int) {
	b.WriteString(s.head)
	for i := range s.rows {
		row := s.row(i)
		if taken+len(row) > room {
			b.WriteString(s.leftOut(s.rows - i))
			break
		}
		taken += len(row)
		b.WriteString(row)
	}
	b.WriteString(s.tail)
	return taken
}

func (s section) leftOut(n int) string {
	return fmt.Sprintf("\n%d more %s left out here: a comment has room for no more.\n", n, s.what)
}

// markdownSections returns the tables: what counts in the open, the rest folded.
func markdownSections(r *monitor.Report, o Options, l links) (all []section) {
	if machines := slowMachines(r); len(machines) > 0 {
		all = append(all, machineTable(machines))
	}
	all = append(all, budgetSections(r.Budget)...)
	envs := severalMachines(r)
	for _, g := range groups(r, o.All) {
		if g.status != monitor.StatusRegression {
			all = append(all, folded(g, g.noun(len(g.results)), l, envs))
			continue
		}
		top, rest := g, g
		top.results = g.results[:min(maxOpen, len(g.results))]
		rest.results = g.results[len(top.results):]
		all = append(all, table(top, l, envs))
		if len(rest.results) > 0 {
			all = append(all, folded(rest, "more "+g.noun(len(rest.results)), l, envs))
		}
	}
	return all
}

// folded puts a table behind a line that opens it.
func folded(g group, title string, l links, envs bool) section {
	s := table(g, l, envs)
	s.head = fmt.Sprintf("\n<details><summary>%d %s</summary>\n%s", len(g.results), title, s.head)
	s.tail += "\n</details>\n"
	return s
}
