package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// print says in a few lines what became of a file.
func (f *importedFile) print(w io.Writer, dry bool) error {
	is := "new"
	switch {
	case dry && f.AtMost:
		is = "would be new at most"
	case dry:
		is = "would be new"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s: %s. There already: %s.\n", report.Printable(f.File), is, counted(f.New), counted(f.Repeats))
	differ := int64(0)
	for _, n := range f.Differ {
		differ += n
	}
	switch differ {
	case 0:
	case 1:
		fmt.Fprintf(&text, "%s differs from what is there, which stays.\n", counted(f.Differ))
	default:
		fmt.Fprintf(&text, "%s differ from what is there, which stays.\n", counted(f.Differ))
	}
	if f.Zone != "" {
		fmt.Fprintf(&text, "Times are in the time zone %s.", f.Zone)
		if f.Repeats[monitor.ClassSession] > 0 {
			text.WriteString(" Sessions that were there already keep their own, and their project.")
		}
		text.WriteString("\n")
	}
	for _, reason := range slices.Sorted(maps.Keys(f.Skipped)) {
		fmt.Fprintf(&text, "Skipped %s: %s\n", humanize.Comma(f.Skipped[reason]), report.Printable(reason))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func counted(n map[monitor.Class]int64) string {
	var all []string
	for _, class := range [...]monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric, monitor.ClassOutcome} {
		if n[class] > 0 {
			one := humanize.Comma(n[class]) + " " + string(class)
			if n[class] > 1 {
				one += "s"
			}
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return "no records"
	}
	return strings.Join(all, ", ")
}
