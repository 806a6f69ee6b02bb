package judge

import (
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// complete adds to a report what an earlier report on the same commit and branch has of tests that were not run again, and of
// measurements that could not be judged again. Some tests of a commit may have been run again to confirm or clear them, so
// the last run that could judge a test counts. Memory, for one, cannot be judged where the other tests did not run.
func complete(r, earlier *monitor.Report) {
	merge(r, earlier, func(last, before *monitor.Result) bool { return unknown(last.Status) > unknown(before.Status) })
	completeSuite(&r.Suite, &earlier.Suite)
}

// join adds to a report what the report on another branch of the same commit has. Where both have a result, the worse one
// counts, since the branches may be jobs that run the same tests in different ways.
func join(r, other *monitor.Report) {
	merge(r, other, func(mine, theirs *monitor.Result) bool {
		a, b := unknown(mine.Status), unknown(theirs.Status)
		return a > b || a == b && mine.Status.Severity() > theirs.Status.Severity()
	})
	if r.Against != other.Against {
		r.Against = ""
	}
	joinSuite(&r.Suite, &other.Suite)
}

// unknown is 0 for a status that says how a measurement is, 1 if there are too few earlier runs, and 2 if it was not judged.
func unknown(s monitor.Status) int {
	switch s {
	case monitor.StatusNotJudged:
		return 2
	case monitor.StatusLearning:
		return 1
	default:
		return 0
	}
}

// merge adds the results of another report. Where both have a result, replaces says whether the other one's counts.
func merge(r, other *monitor.Report, replaces func(mine, theirs *monitor.Result) bool) {
	at := make(map[monitor.ResultID]int, len(r.Results))
	for i := range r.Results {
		at[r.Results[i].ID()] = i
	}
	for i := range other.Results {
		theirs := &other.Results[i]
		mine, both := at[theirs.ID()]
		switch {
		case !both:
			r.Results = append(r.Results, *theirs)
		case replaces(&r.Results[mine], theirs):
			r.Results[mine] = *theirs
		}
	}
	r.Sessions, r.Runs = appendNew(r.Sessions, other.Sessions...), appendNew(r.Runs, other.Runs...)
	r.Branches, r.LeftOut = appendNew(r.Branches, other.Branches...), append(r.LeftOut, other.LeftOut...)
	r.BaselineRuns = max(r.BaselineRuns, other.BaselineRuns)
	r.Arrange()
}

// completeSuite adds to a suite the classes of machine that only an earlier suite has. It also adds how fast a machine was
// in the earlier run where only a few tests were run again, which do not tell.
func completeSuite(s, earlier *monitor.Suite) {
	mergeSuite(s, earlier, func(last, before *monitor.Machine) {
		if !speedKnown(*last) && speedKnown(*before) {
			last.Status, last.Offset = before.Status, before.Offset
		}
	})
}

// joinSuite adds the machines of another branch. On the same class of machine, the worse status counts.
func joinSuite(s, other *monitor.Suite) {
	mergeSuite(s, other, func(mine, theirs *monitor.Machine) {
		mine.Tests, mine.TotalTime, mine.CPUTime = mine.Tests+theirs.Tests, mine.TotalTime+theirs.TotalTime, mine.CPUTime+theirs.CPUTime
		learning := mine.Status == monitor.StatusLearning && theirs.Status == monitor.StatusOK
		if learning || theirs.Status.Severity() < mine.Status.Severity() && theirs.Status != monitor.StatusLearning {
			mine.Status, mine.Offset = theirs.Status, theirs.Offset
		}
	})
}

// mergeSuite adds the machines of another suite. both is called for a class of machine that both have.
func mergeSuite(s, other *monitor.Suite, both func(mine, theirs *monitor.Machine)) {
	for _, m := range other.Machines {
		if i := slices.IndexFunc(s.Machines, func(x monitor.Machine) bool { return x.Env == m.Env }); i >= 0 {
			both(&s.Machines[i], &m)
		} else {
			s.Machines = append(s.Machines, m)
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
