package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"pymon-bridge/monitor"
)

// WriteDigests writes the digests of the runs of one command, as Text or Markdown. Fails with EInvalid for another format,
// else with the error of w.
func WriteDigests(w io.Writer, f Format, digests []*Digest, o Options) error {
	var b bytes.Buffer
	for _, d := range digests {
		d = d.ofItsRun()
		switch f {
		case Text:
			d.writeText(&b, o)
		case Markdown:
			d.writeMarkdown(&b, o)
		default:
			return monitor.Errorf(monitor.EInvalid, "unknown format %q of a digest: expected text or markdown", f)
		}
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// WriteNoDigest writes as Markdown that there is no digest, and why. The reason may have text from outside. Fails with the
// error of w.
func WriteNoDigest(w io.Writer, reason string) error {
	if _, err := fmt.Fprintf(w, "### ⚠️ no summary: %s\n", code(reason, longName)); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// ofItsRun returns a digest without what its report says of other runs of the commit, which nobody has asked for.
func (d *Digest) ofItsRun() *Digest {
	if d.Report == nil {
		return d
	}
	only, r := *d, *d.Report
	r.LeftOut = slices.DeleteFunc(slices.Clone(r.LeftOut), func(l monitor.LeftOut) bool { return len(l.Runs) > 0 && !l.Missing })
	only.Report = &r
	return &only
}

// writeText writes lines that begin with this package's own words: CI systems take the beginning of a line for a command.
func (d *Digest) writeText(b *bytes.Buffer, o Options) {
	t := textWriter{Buffer: b, colour: o.Colour, width: o.Width, envs: d.Report != nil && severalMachines(d.Report)}
	name := ""
	if d.Name != "" {
		name = show(d.Name, shortName) + ": "
	}
	fmt.Fprintf(b, "\npymon-bridge: %s%s\n", name, d.headline(show))
	for _, list := range []struct {
		title  string
		colour string
		tests  []test
		cell   func(test) string
	}{
		{"broken", red, d.broken, func(one test) string { return one.what }},
		{"flaky", yellow, d.flaky, func(one test) string { return one.what }},
		{"slowest", "", d.slowest, func(one test) string { return seconds(one.amount) }},
		{"hungriest", "", d.hungriest, func(one test) string { return digits(one.amount) + " MiB" }},
	} {
		for i, one := range list.tests {
			if i == maxBroken {
				t.item(list.title, fmt.Sprintf("and %d more", len(list.tests)-i))
				break
			}
			t.item(list.title, t.painted(list.colour, padRight(list.cell(one), 10))+"  "+show(one.nodeID, longName))
		}
	}
	if sentence := d.changed(o, show); sentence != "" {
		t.item("changed", sentence)
	}
	if d.Report != nil {
		for i := range d.Report.LeftOut {
			t.item("left out", leftOut(&d.Report.LeftOut[i], show))
		}
		writeSteps("next", d.next(o), t.item)
	}
	writeSteps("hint", d.hints(o), t.item)
	if d.Report == nil {
		return
	}
	writePages(d.Report, newLinks(d.Report, o), t.item)
	t.budget(d.Report.Budget)
	for _, g := range entryGroups(d.Report, false) {
		if hasNumbers(g.entries[0][0]) {
			t.group(g)
		}
	}
}

func (t textWriter) item(title, text string) {
	fmt.Fprintf(t, "  %s  %s\n", t.painted(faint, padRight(title, 9)), t.wrapped(text, 13))
}

// writeMarkdown writes a section of a page. The report has its own heading.
func (d *Digest) writeMarkdown(b *bytes.Buffer, o Options) {
	name := ""
	if d.Name != "" {
		name = code(d.Name, shortName) + ": "
	}
	sign := "✅"
	switch {
	case len(d.broken) > 0, d.Report != nil && (fails(d.Report, o.FailOn) || d.Report.Over() > 0):
		sign = "❌"
	case d.Tests() == 0:
		sign = "⚠️"
	}
	fmt.Fprintf(b, "### %s %s%s\n", sign, name, d.headline(code))
	for _, s := range []section{
		testTable("Broken", d.broken, func(one test) string { return one.what }),
		testTable("Flaky", d.flaky, func(one test) string { return one.what }),
		testTable("Slowest", d.slowest, func(one test) string { return seconds(one.amount) }),
		testTable("Hungriest", d.hungriest, func(one test) string { return digits(one.amount) + " MiB" }),
	} {
		if s.rows > 0 {
			s.write(b, maxComment/4)
		}
	}
	b.WriteString("\n")
	switch sentence := d.changed(o, code); {
	case sentence == "":
	case d.Report == nil || d.learning() > 0:
		fmt.Fprintf(b, "What changed: %s.\n\n", sentence)
		if d.Report != nil {
			for _, s := range budgetSections(d.Report.Budget) {
				s.write(b, maxComment/4)
			}
		}
	default:
		writeMarkdown(b, d.Report, o)
		b.WriteString("\n")
	}
}

// testTable returns the table of tests that stand out.
func testTable(title string, tests []test, cell func(test) string) section {
	return section{
		head: "\n| " + title + " | |\n|---|---|\n",
		rows: len(tests),
		row:  func(i int) string { return row(code(tests[i].nodeID, longName), cell(tests[i])) },
		what: "tests",
	}
}
