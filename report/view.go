package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// group is the results of one status, the worst first.
type group struct {
	status  monitor.Status
	one     string // what one of them is called
	many    string
	results []*monitor.Result
}

// noun returns what n of the group are called.
func (g group) noun(n int) string { return plural(n, g.one, g.many) }

// groups returns the results to show by status, the worst status first. Groups without results are left out. A status
// that this package does not know counts as not judged.
func groups(r *monitor.Report, all bool) []group {
	known := []group{
		{status: monitor.StatusRegression, one: "regression", many: "regressions"},
		{status: monitor.StatusSuspect, one: "suspect", many: "suspects"},
		{status: monitor.StatusDrift, one: "slow growth", many: "slow growth"},
		{status: monitor.StatusAccepted, one: "accepted", many: "accepted"},
		{status: monitor.StatusImprovement, one: "improvement", many: "improvements"},
		{status: monitor.StatusResolved, one: "resolved", many: "resolved"},
		{status: monitor.StatusNotJudged, one: "not judged", many: "not judged"},
		{status: monitor.StatusLearning, one: "learning", many: "learning"},
		{status: monitor.StatusOK, one: "ok", many: "ok"},
	}
	notJudged := slices.IndexFunc(known, func(g group) bool { return g.status == monitor.StatusNotJudged })
	for i := range r.Results {
		result := &r.Results[i]
		at := slices.IndexFunc(known, func(g group) bool { return g.status == result.Status })
		if at < 0 {
			at = notJudged
		}
		if all || shown(result.Status) {
			known[at].results = append(known[at].results, result)
		}
	}
	return slices.DeleteFunc(known, func(g group) bool { return len(g.results) == 0 })
}

// shown says whether results of a status are written without [Options.All].
func shown(s monitor.Status) bool { return s != monitor.StatusOK && s != monitor.StatusLearning }

// hasNumbers says whether a result has numbers to show.
func hasNumbers(r *monitor.Result) bool {
	return r.Status != monitor.StatusNotJudged && r.Status != monitor.StatusLearning
}

// totals lists how many measurements ended in which status.
func totals(s monitor.Summary) string {
	parts := []string{count(s.Tests, "test")}
	for _, c := range []struct {
		n    int
		noun string
	}{
		{s.OK, "ok"}, {s.Learning, "learning"}, {s.NotJudged, "not judged"}, {s.Suspects, plural(s.Suspects, "suspect", "suspects")},
		{s.Regressions, plural(s.Regressions, "regression", "regressions")},
		{s.Drifts, "slowly growing"},
		{s.Accepted, "accepted"},
		{s.Improvements, plural(s.Improvements, "improvement", "improvements")},
	} {
		if c.n != 0 {
			parts = append(parts, strconv.Itoa(c.n)+" "+c.noun)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	var titles []string
	for _, m := range monitor.JudgedMetrics {
		titles = append(titles, m.Title)
	}
	last := len(titles) - 1
	return parts[0] + ", of each " + strings.Join(titles[:last], ", ") + " and " + titles[last] + ": " + strings.Join(parts[1:], ", ")
}

// acceptedBy says who accepted a change, when and why. It is "" where nobody did.
func acceptedBy(r *monitor.Result, quote func(text string, max int) string) string {
	a := r.Acceptance
	if a == nil {
		return ""
	}
	return fmt.Sprintf("accepted by %s on %s: %s", quote(a.By, shortName), a.At.UTC().Format(time.DateOnly), quote(a.Note, longName))
}

// slowMachines returns the classes of machine on which everything was slower.
func slowMachines(r *monitor.Report) (slowed []monitor.Machine) {
	for _, m := range r.Suite.Machines {
		if m.Status == monitor.StatusSlowMachine || m.Status == monitor.StatusRegression {
			slowed = append(slowed, m)
		}
	}
	return slowed
}

// severalMachines says whether a report is about several classes of machine.
func severalMachines(r *monitor.Report) bool {
	for i := range r.Results {
		if r.Results[i].Env != r.Results[0].Env {
			return true
		}
	}
	return len(r.Suite.Machines) > 1
}

// details lists what is known of a result besides its numbers.
func details(r *monitor.Result) []string {
	return append(circumstances(r), evidence(r, "earlier run")...)
}

// usualAgain says of a regression that the run does not have it.
const usualAgain = "usual again in this run: a second such run ends it"

// circumstances say since when a result is so, whether it is critical, and who accepted it.
func circumstances(r *monitor.Result) (parts []string) {
	switch commits := since(r); {
	case r.Drift != nil:
		parts = append(parts, pace(r.Drift))
	case commits != "":
		parts = append(parts, "since "+commits)
	}
	if r.Level == monitor.LevelCrit {
		parts = append(parts, "critical")
	}
	if r.UsualAgain {
		parts = append(parts, usualAgain)
	}
	if who := acceptedBy(r, show); who != "" {
		parts = append(parts, who)
	}
	return parts
}
