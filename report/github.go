package report

import (
	"bytes"
	"fmt"
	"strings"

	"pymon-bridge/monitor"
)

// maxAnnotations is how many annotations of one kind GitHub shows for a step.
const maxAnnotations = 10

// annotation is a workflow command of GitHub Actions that annotates a file, or the run where file is empty.
type annotation struct {
	kind, file, title, message string
}

func writeGitHub(b *bytes.Buffer, r *monitor.Report, o Options) {
	_, sentence := Outcome(r, o.FailOn)
	writeAnnotation(b, annotation{kind: "notice", title: "pymon-bridge", message: sentence})
	var errors, warnings []annotation
	for _, m := range slowMachines(r) {
		warnings = append(warnings, annotation{kind: suiteKind(o.FailOn), title: "Whole suite slower than usual",
			message: orUnknown(offsets(m.Offset)) + " on " + show(m.Env, shortName)})
	}
	if o.FailOn == FailOnSuite {
		errors, warnings = warnings, nil
	}
	for _, g := range groups(r, o.All) {
		for _, result := range g.results {
			switch g.status {
			case monitor.StatusRegression:
				errors = append(errors, annotate("error", result))
			case monitor.StatusSuspect:
				warnings = append(warnings, annotate("warning", result))
			}
		}
	}
	writeAnnotations(b, errors)
	writeAnnotations(b, warnings)
}

func suiteKind(on FailOn) string {
	if on == FailOnSuite {
		return "error"
	}
	return "warning"
}

func annotate(kind string, r *monitor.Result) annotation {
	parts := append([]string{testName(r)}, details(r)...)
	return annotation{
		kind:    kind,
		file:    show(r.ItemFSLoc, len(r.ItemFSLoc)),
		title:   strings.ToUpper(string(r.Status[:1])) + string(r.Status[1:]) + ": " + change(r),
		message: strings.Join(append(parts, "on "+show(r.Env, shortName)), ", "),
	}
}

// writeAnnotations writes as many annotations as GitHub shows; the last one says how many there are beyond.
func writeAnnotations(b *bytes.Buffer, all []annotation) {
	for i, a := range all {
		if more := len(all) - i; i == maxAnnotations-1 && more > 1 {
			writeAnnotation(b, annotation{kind: a.kind, title: "pymon-bridge", message: fmt.Sprintf(
				"%d more: the report in another format lists them", more)})
			return
		}
		writeAnnotation(b, a)
	}
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
