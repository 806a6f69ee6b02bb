package judge

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Some tests of a commit may have been run again, to confirm or clear them. The report on the commit then says of each
// test what its last run says, so that what only an earlier run measured, or could judge, is not passed over.

// earlierRuns returns the lineages of the earlier runs of the judged commit, the last one first, up to most.
func earlierRuns(l monitor.Comparison, most int) (all []monitor.Comparison) {
	judged, own := l.Judged(), l.Window
	foreign := judged.Branch != l.Branch
	if !foreign {
		own = slices.Concat(l.Baseline, l.Window)
	}
	for n := len(own) - 1; judged.ScmRef != "" && n > 0 && len(all)+1 < most; n-- {
		switch {
		case own[n-1].ScmRef != judged.ScmRef:
		case foreign:
			all = append(all, monitor.Comparison{Branch: l.Branch, Baseline: l.Baseline, Window: own[:n]})
		default:
			all = append(all, past(l.Branch, own[:n]))
		}
	}
	return all
}

// complete adds to a report what an earlier one on the same commit says, of tests that were not run again, and of
// measurements that could not be judged again, as memory cannot where the other tests did not run.
func complete(r, earlier *monitor.Report) {
	at := make(map[monitor.ResultID]int, len(r.Results))
	for i := range r.Results {
		at[r.Results[i].ID()] = i
	}
	for _, result := range earlier.Results {
		i, again := at[result.ID()]
		switch {
		case !again:
			r.Results = append(r.Results, result)
		case r.Results[i].Status == monitor.StatusNotJudged:
			r.Results[i] = result
		}
	}
	for _, session := range earlier.Sessions {
		if !slices.Contains(r.Sessions, session) {
			r.Sessions = append(r.Sessions, session)
		}
	}
	r.BaselineRuns = max(r.BaselineRuns, earlier.BaselineRuns)
	completeSuite(&r.Suite, &earlier.Suite)
	slices.SortStableFunc(r.Results, compare)
	r.Summary = summarise(r.Results)
}

// completeSuite adds to a suite the classes of machine that an earlier one has, and how fast they were then where only a
// few tests were run again, which do not tell.
func completeSuite(s, earlier *monitor.Suite) {
	for _, m := range earlier.Machines {
		i := slices.IndexFunc(s.Machines, func(x monitor.Machine) bool { return x.Env == m.Env })
		switch {
		case i < 0:
			s.Machines = append(s.Machines, m)
		case !paced(s.Machines[i]) && paced(m):
			s.Machines[i].Status, s.Machines[i].Offset = m.Status, m.Offset
		}
	}
	slices.SortFunc(s.Machines, func(a, b monitor.Machine) int { return strings.Compare(a.Env, b.Env) })
	for i, m := range s.Machines {
		if i == 0 || m.Status.Severity() < s.Status.Severity() {
			s.Status, s.Offset = m.Status, m.Offset
		}
	}
}

// paced says whether it is known how fast a machine was.
func paced(m monitor.Machine) bool {
	for _, ratio := range m.Offset {
		if !math.IsNaN(float64(ratio)) {
			return true
		}
	}
	return false
}

// compare orders results as [monitor.Report] says.
func compare(a, b monitor.Result) int {
	return cmp.Or(
		cmp.Compare(a.Status.Severity(), b.Status.Severity()),
		cmp.Compare(a.Level, b.Level), // "crit" comes before "warn"
		cmp.Compare(change(b), change(a)),
		strings.Compare(a.Env, b.Env), strings.Compare(a.Component, b.Component), strings.Compare(a.ItemPath, b.ItemPath),
		strings.Compare(a.Item, b.Item), strings.Compare(a.ItemVariant, b.ItemVariant),
		cmp.Compare(a.Occurrence, b.Occurrence), strings.Compare(a.Metric, b.Metric))
}

// change is how far a result is off, whichever way it matters; negative where that is not known.
func change(r monitor.Result) float64 {
	off := math.Log(float64(r.Ratio))
	if r.Status == monitor.StatusImprovement {
		off = -off
	}
	if math.IsNaN(off) {
		return math.Inf(-1)
	}
	return off
}

func summarise(results []monitor.Result) (s monitor.Summary) {
	tests := make(map[monitor.TestID]struct{}, len(results)/3)
	for i := range results {
		tests[results[i].TestID] = struct{}{}
		s.Count(results[i].Status)
	}
	s.Tests = len(tests)
	return s
}
