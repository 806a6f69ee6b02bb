package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// maxAnnotations is how many annotations of one kind GitHub shows for a step.
const maxAnnotations = 10

// annotation is a workflow command of GitHub Actions that annotates a file, or the run where file is empty.
type annotation struct {
	kind, file, title, message string
}

// annotations are the annotations of one kind: the first ones, which GitHub shows, and how many there are.
type annotations struct {
	first []annotation
	all   int
}

func writeGitHub(b *bytes.Buffer, r *monitor.Report, o Options) {
	gate, sentence := Gate(r, o.FailOn)
	links := newLinks(r, o)
	headline := annotation{kind: "notice", title: "pymon-bridge", message: joined(sentence, totals(r.Summary), links.run())}
	if gate == monitor.GateNotJudged {
		headline.kind = "warning"
	}
	writeAnnotation(b, headline)
	if s := partial(r, show); s != "" {
		writeAnnotation(b, annotation{kind: "notice", title: "Partial run", message: s})
	}
	for i := range r.LeftOut {
		one := annotation{kind: "notice", title: "Left out", message: leftOut(&r.LeftOut[i], show)}
		if r.LeftOut[i].Missing {
			one.kind = "warning"
		}
		writeAnnotation(b, one)
	}
	var errors, warnings, notices annotations
	drifting := "notice"
	if o.FailOn == FailOnDrift {
		drifting = "error"
	}
	annotateBudget(r.Budget, &errors, &notices)
	for _, m := range slowMachines(r) {
		slowed := annotation{kind: "warning", title: "Whole suite slower than usual",
			message: orUnknown(offsets(m.Offset)) + " on " + show(m.Env, shortName)}
		if o.FailOn == FailOnSuite {
			slowed.kind = "error"
			errors.add(func() annotation { return slowed })
		} else {
			warnings.add(func() annotation { return slowed })
		}
	}
	for i := range r.Results {
		switch result := &r.Results[i]; result.Status {
		case monitor.StatusRegression:
			errors.add(func() annotation { return annotate("error", "Regression", result, links) })
		case monitor.StatusSuspect:
			warnings.add(func() annotation { return annotate("warning", "Suspect", result, links) })
		case monitor.StatusDrift:
			notices.add(func() annotation { return annotate(drifting, "Slow growth", result, links) })
		case monitor.StatusAccepted:
			notices.add(func() annotation { return annotate("notice", "Accepted", result, links) })
		}
	}
	for _, line := range growth(r, severalMachines(r), show) {
		notices.add(func() annotation { return annotation{kind: "notice", title: "Slow growth", message: line} })
	}
	errors.write(b)
	warnings.write(b)
	notices.write(b)
}

// add counts an annotation, and makes it if it is shown.
func (a *annotations) add(annotation func() annotation) {
	if a.all++; len(a.first) < maxAnnotations {
		a.first = append(a.first, annotation())
	}
}

// write writes as many annotations as GitHub shows; the last one says how many there are beyond.
func (a *annotations) write(b *bytes.Buffer) {
	for i, one := range a.first {
		if more := a.all - i; i == maxAnnotations-1 && more > 1 {
			one = annotation{kind: one.kind, title: "pymon-bridge",
				message: fmt.Sprintf("%d more: the report in another format lists them", more)}
		}
		writeAnnotation(b, one)
	}
}

func annotate(kind, what string, r *monitor.Result, l links) annotation {
	parts := append([]string{testName(r)}, details(r)...)
	return annotation{
		kind:    kind,
		file:    show(r.ItemFSLoc, len(r.ItemFSLoc)),
		title:   what + ": " + change(r),
		message: joined(strings.Join(append(parts, "on "+show(r.Env, shortName)), ", "), l.testPage(r)),
	}
}

// joined returns the lines that are not empty.
func joined(lines ...string) string {
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), "\n")
}

func writeAnnotation(b *bytes.Buffer, a annotation) {
	file := ""
	if a.file != "" {
		file = "file=" + property(a.file) + ","
	}
	fmt.Fprintf(b, "::%s %stitle=%s::%s\n", a.kind, file, property(a.title), data(a.message))
}

// data escapes the message of a workflow command, property one of its properties, as GitHub's own toolkit does.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
