package judge

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// job is the report on a run of a commit, completed by those on the runs that it repeats.
type job struct {
	report *monitor.Report
	ran    monitor.JobRun[monitor.TestID, bool]
}

// addRun adds the report on a run to those on earlier jobs of its commit and branch. A run that is the repeat of a job
// replaces what it measured again. Otherwise it is another job: one job cannot clear another.
func addRun(jobs []*job, r *job) (all []*job) {
	r.ran.Tests = testsOf(r.report)
	ran := make([]*monitor.JobRun[monitor.TestID, bool], len(jobs))
	for i, job := range jobs {
		job.ran.Tests = testsOf(job.report)
		ran[i] = &job.ran
	}
	var before *job
	for i, again := range r.ran.Repeats(ran) {
		switch {
		case !again:
			all = append(all, jobs[i])
		case before == nil:
			before = jobs[i]
		default:
			join(before.report, jobs[i].report)
		}
	}
	if before != nil {
		complete(r.report, before.report)
	}
	return append(all, r)
}

// testsOf returns the tests that a report has results of.
func testsOf(r *monitor.Report) map[monitor.TestID]bool {
	tests := map[monitor.TestID]bool{}
	for i := range r.Results {
		tests[r.Results[i].TestID] = true
	}
	return tests
}

// complete adds to the report on a run what the report on an earlier run of the same job has of tests that were not run
// again, and of measurements that could not be judged again. Some tests of a commit may have been run again to confirm or
// clear them, so the last run that could judge a test counts. Memory, for one, cannot be judged where the other tests did not
// run. A few tests do not tell how fast the machine was either, so the detector forgives them more: there a test is cleared
// only by a value that was usual in the earlier run. The report says how many tests were cleared: nothing of them is conspicuous any more.
func complete(r, earlier *monitor.Report) {
	cleared, unsure := conspicuous(earlier), map[string]bool{}
	for _, m := range r.Suite.Machines {
		unsure[m.Env] = !speedKnown(m)
	}
	merge(r, earlier, func(last, before *monitor.Result) bool {
		return unknown(last.Status) > unknown(before.Status) || unsure[last.Env] && slowStill(last, before)
	})
	for test := range conspicuous(r) {
		delete(cleared, test)
	}
	if r.Completion == monitor.Partial {
		r.Completion, r.Partial = earlier.Completion, earlier.Partial
	}
	mergeSuite(&r.Suite, &earlier.Suite, func(last, before *monitor.Machine) {
		if !speedKnown(*last) && speedKnown(*before) { // a few tests that were run again do not tell
			last.Status, last.Offset = before.Status, before.Offset
		}
	})
	if len(cleared) > 0 {
		r.LeftOut = append(r.LeftOut, monitor.LeftOut{Reason: "conspicuous in an earlier run of the commit, and cleared by a later one",
			Runs: []string{}, Branches: []string{}, Environments: []string{}, Tests: int64(len(cleared))})
	}
}

// slowStill says whether a test was worse in an earlier run, and is still beyond the limit of that run.
func slowStill(last, before *monitor.Result) bool {
	was := before.Status.Severity()
	return was <= monitor.StatusSuspect.Severity() && was < last.Status.Severity() && last.Value > before.Limit
}

// conspicuous returns the tests of which a report has a regression or a suspect.
func conspicuous(r *monitor.Report) map[monitor.TestID]bool {
	tests := map[monitor.TestID]bool{}
	for i := range r.Results {
		if s := r.Results[i].Status; s == monitor.StatusRegression || s == monitor.StatusSuspect {
			tests[r.Results[i].TestID] = true
		}
	}
	return tests
}

// join adds to a report what the report on another job of the same commit has. Where both have a result, the worse one
// counts, since the jobs may run the same tests in different ways.
func join(r, other *monitor.Report) {
	merge(r, other, func(mine, theirs *monitor.Result) bool {
		a, b := slices.Index(fromWorst[:], mine.Status), slices.Index(fromWorst[:], theirs.Status)
		return b < a || a == b && cmp.Less(mine.Ratio, theirs.Ratio)
	})
	if r.Against != other.Against {
		r.Against = ""
	}
	if other.Completion == monitor.Partial && r.Completion != monitor.Partial {
		r.Completion, r.Partial = other.Completion, other.Partial
	}
	mergeSuite(&r.Suite, &other.Suite, func(mine, theirs *monitor.Machine) {
		mine.Tests, mine.TotalTime, mine.CPUTime = mine.Tests+theirs.Tests, mine.TotalTime+theirs.TotalTime, mine.CPUTime+theirs.CPUTime
		if theirs.Status.Severity() < mine.Status.Severity() {
			mine.Status, mine.Offset = theirs.Status, theirs.Offset
		}
	})
}

// fromWorst orders the statuses of two jobs' results. What is not known may be bad, so it does not hide behind what is fine.
var fromWorst = [...]monitor.Status{monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusDrift,
	monitor.StatusNotJudged, monitor.StatusLearning, monitor.StatusAccepted, monitor.StatusOK, monitor.StatusImprovement}

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
	r.BaselineRuns, r.WindowRuns, r.Basis = max(r.BaselineRuns, other.BaselineRuns), max(r.WindowRuns, other.WindowRuns), ""
	addParts(r, slices.Concat(other.Suite.Drift, other.Parts))
	r.Arrange()
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
