package judge

import (
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Some tests of a commit may have been run again, to confirm or clear them. The report on the commit then has, for each
// test, the result of the last run that could judge it.

// earlierRuns returns the comparisons of the earlier runs of the judged commit, the last run first, so that with the
// judged run they are at most [Judge.Own].
func (j *Judge) earlierRuns(c monitor.Comparison) (all []monitor.Comparison) {
	run, own := c.Judged(), c.Window
	foreign := run.Branch != c.Branch
	if !foreign {
		own = slices.Concat(c.Baseline, c.Window)
	}
	for n := len(own) - 1; n > 0 && len(all)+1 < j.Own; n-- {
		switch {
		case own[n-1].ScmRef != run.ScmRef:
		case foreign:
			all = append(all, monitor.Comparison{Branch: c.Branch, Baseline: c.Baseline, Window: own[:n]})
		default:
			all = append(all, j.byItsPast(c.Branch, own[:n]))
		}
	}
	return all
}

// complete adds to a report what an earlier report on the same commit has of tests that were not run again, and of
// measurements that could not be judged again. Memory, for one, cannot be judged where the other tests did not run.
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
	r.Arrange()
}

// completeSuite adds to a suite the classes of machine that only an earlier suite has. It also adds how fast a machine was
// in the earlier run where only a few tests were run again, which do not tell.
func completeSuite(s, earlier *monitor.Suite) {
	for _, m := range earlier.Machines {
		i := slices.IndexFunc(s.Machines, func(x monitor.Machine) bool { return x.Env == m.Env })
		switch {
		case i < 0:
			s.Machines = append(s.Machines, m)
		case !speedKnown(s.Machines[i]) && speedKnown(m):
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

// speedKnown says whether it is known how fast a machine was.
func speedKnown(m monitor.Machine) bool {
	for _, ratio := range m.Offset {
		if !math.IsNaN(float64(ratio)) {
			return true
		}
	}
	return false
}
