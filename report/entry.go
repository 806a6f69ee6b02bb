package report

import (
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// entryGroup is the tests whose worst result has one status.
type entryGroup struct {
	group
	entries []entry
}

// entry is the results of one test on one class of machine, the worst first.
type entry []*monitor.Result

// entryGroups returns the results to show by test, the worst status first.
func entryGroups(r *monitor.Report, all bool) (list []entryGroup) {
	type place struct{ group, entry int }
	places := map[monitor.TestID]place{}
	for _, g := range groups(r, all) {
		list = append(list, entryGroup{group: g})
		last := &list[len(list)-1]
		for _, result := range g.results {
			at, ok := places[result.TestID]
			if !ok {
				at = place{len(list) - 1, len(last.entries)}
				places[result.TestID] = at
				last.entries = append(last.entries, nil)
			}
			of := &list[at.group].entries[at.entry]
			*of = append(*of, result)
		}
	}
	return slices.DeleteFunc(list, func(g entryGroup) bool { return len(g.entries) == 0 })
}

func (t textWriter) group(g entryGroup) {
	t.WriteByte('\n')
	t.paint(verdictOf(g.status).colour, strings.ToUpper(g.many))
	fmt.Fprintf(t, ": %s\n", count(len(g.entries), "test"))
	for _, e := range g.entries {
		t.entry(g.status, e)
	}
}

// entry writes the name of a test, a line for each result, and what is known of all of them.
func (t textWriter) entry(worst monitor.Status, e entry) {
	v := verdictOf(worst)
	fmt.Fprintf(t, "%s %s\n", t.painted(v.colour, v.sign), t.painted(bold, testName(e[0])))
	var common []string
	for _, result := range e {
		t.result(result, result.Status != worst)
		for _, one := range circumstances(result) {
			if !slices.Contains(common, one) {
				common = append(common, one)
			}
		}
	}
	if t.envs {
		common = append(common, "on "+show(e[0].Env, shortName))
	}
	if len(common) > 0 {
		fmt.Fprintf(t, "    %s\n", strings.Join(common, ", "))
	}
}

// result writes one result of a test. other says that its status is not that of the test.
func (t textWriter) result(r *monitor.Result, other bool) {
	v, known := verdictOf(r.Status), evidence(r, "run")
	if other {
		known = append([]string{v.word}, known...)
	}
	fmt.Fprintf(t, "  %s %s", t.painted(v.colour, v.sign), padRight(metricName(r.Metric), len("wall time")))
	if hasNumbers(r) {
		usual, now, by := levels(r)
		fmt.Fprintf(t, "  %s → %s  %s", padLeft(amount(r.Metric, usual), 8), padRight(amount(r.Metric, now), 8),
			t.painted(v.colour, padRight(ratio(by), 6)))
	}
	if len(known) > 0 {
		t.WriteString("  " + t.painted(faint, strings.Join(known, ", ")))
	}
	t.WriteByte('\n')
}

// evidence lists what a result is judged by. An earlier run is called noun.
func evidence(r *monitor.Result, noun string) (parts []string) {
	if d := r.Drift; d != nil {
		return []string{"q " + probability(d.Q), count(d.Runs, noun)}
	}
	if r.Reason != "" {
		parts = append(parts, "reason: "+show(r.Reason, longName))
	}
	if known(r.Limit) && hasNumbers(r) {
		parts = append(parts, "limit "+amount(r.Metric, r.Limit))
	}
	if known(r.Q) && hasNumbers(r) {
		parts = append(parts, "q "+probability(r.Q))
	}
	if r.N > 0 {
		parts = append(parts, count(r.N, noun))
	}
	return parts
}
