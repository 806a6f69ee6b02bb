package report

import (
	"fmt"
	"strings"

	"pymon-bridge/monitor"
)

// maxNames is how many branches or classes of machine are named in a sentence.
const maxNames = 4

// leftOut says in a sentence what a report has no results of, and why. quote makes a text from outside safe.
func leftOut(l *monitor.LeftOut, quote func(text string, max int) string) string {
	counts := amounts(l)
	s := strings.Join(counts, " with ")
	if len(counts) == 3 {
		s = counts[0] + " with " + counts[1] + " and " + counts[2]
	}
	if branches := names(l.Branches, quote); branches != "" {
		s += " of " + branches
	}
	switch n := len(l.Runs); {
	case len(l.Environments) == 0:
	case n == 0:
		s += " on " + names(l.Environments, quote)
	default:
		s += ", the only " + plural(n, "one", "ones") + " on " + names(l.Environments, quote)
	}
	return s + ": " + quote(l.Reason, longName)
}

// partial says in a sentence that the judged run, or a job of its commit, is partial, and why. It is "" for other runs.
func partial(r *monitor.Report, quote func(text string, max int) string) string {
	if r.Completion != monitor.Partial {
		return ""
	}
	why := ""
	if r.Partial != "" {
		why = " (" + quote(r.Partial, longName) + ")"
	}
	return "a pytest did not run the whole suite" + why
}

// amounts counts the runs, tests and modules of something left out, without those that it has none of.
func amounts(l *monitor.LeftOut) (counts []string) {
	for _, c := range []struct {
		n    int
		noun string
	}{{len(l.Runs), "run"}, {int(l.Tests), "test"}, {int(l.Modules), "module"}} {
		if c.n > 0 {
			counts = append(counts, count(c.n, c.noun))
		}
	}
	return counts
}

// notLookedAt says how many runs are missing that were asked for: "2 runs of the commit were not looked at, with 24 tests". It
// is "" for none.
func notLookedAt(r *monitor.Report, of string) string {
	var all monitor.LeftOut
	for _, l := range r.LeftOut {
		if l.Missing {
			all.Runs, all.Tests, all.Modules = append(all.Runs, l.Runs...), all.Tests+l.Tests, all.Modules+l.Modules
		}
	}
	if len(all.Runs) == 0 {
		return ""
	}
	counts := amounts(&all)
	s := counts[0] + of + plural(len(all.Runs), " was", " were") + " not looked at"
	if len(counts) > 1 {
		s += ", with " + strings.Join(counts[1:], " and ")
	}
	return s
}

// names lists texts from outside. Empty ones are left out.
func names(all []string, quote func(text string, max int) string) string {
	var named []string
	for _, name := range all {
		if name != "" {
			named = append(named, quote(name, shortName))
		}
	}
	if more := len(named) - maxNames; more > 0 {
		named = append(named[:maxNames], fmt.Sprintf("%d more", more))
	}
	return strings.Join(named, ", ")
}

// branches lists the branches of the runs that a report is about.
func branches(r *monitor.Report, quote func(text string, max int) string) string {
	if len(r.Branches) > 1 {
		return names(r.Branches, quote)
	}
	return names([]string{r.Branch}, quote)
}
