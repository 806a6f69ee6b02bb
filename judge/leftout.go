package judge

import (
	"slices"

	"pymon-bridge/monitor"
)

// leftOut says what a report does not have of its commit, and why, beside what it says already. runs are all runs of the
// commit, and incomparable are the branches without a run to compare with. again says by id which runs were measured again, and
// judged what was judged. Where nothing could be judged for lack of earlier runs, the gate says so.
func leftOut(r *monitor.Report, q monitor.JudgeQuery, runs []*monitor.RunInfo, incomparable []string,
	again map[string]bool, judged latest) []monitor.LeftOut {
	list := []monitor.LeftOut{}
	at := func(reason string) *monitor.LeftOut {
		i := slices.IndexFunc(list, func(l monitor.LeftOut) bool { return l.Reason == reason })
		if i < 0 {
			i = len(list)
			list = append(list, monitor.LeftOut{Reason: reason, Runs: []string{}, Branches: []string{}, Environments: []string{}})
		}
		return &list[i]
	}
	for _, l := range r.LeftOut {
		said := at(l.Reason)
		said.Tests, said.Modules, said.Runs, said.Missing = said.Tests+l.Tests, said.Modules+l.Modules, append(said.Runs, l.Runs...), l.Missing
	}
	var tests map[monitor.TestID]monitor.Status
	if r.Summary.Learning > 0 { // nothing below asks for other tests
		tests = r.Tests()
	}
	young, all := learning(tests)
	var machines []string // classes of machine that were judged
	for _, m := range r.Suite.Machines {
		machines = append(machines, m.Env)
		if n := young[m.Env]; n > 0 && !all {
			l := at("too few earlier runs on this class of machine")
			l.Environments, l.Tests = append(l.Environments, m.Env), l.Tests+n
		}
	}
	for _, branch := range r.Branches {
		if n := judged.hidden(tests, branch); n > 0 {
			l := at("as usual there, but another branch of the commit has too few earlier runs")
			l.Branches, l.Tests = append(l.Branches, branch), l.Tests+n
		}
	}
	others := func(envs []string) []string {
		return slices.DeleteFunc(slices.Clone(envs), func(env string) bool { return slices.Contains(machines, env) })
	}
	for _, run := range runs {
		if slices.Contains(r.Runs, run.ID) && run.Sort() == monitor.Tests && run.Modules > 0 {
			l := at("modules are judged only in runs without tests")
			l.Modules, l.Environments = l.Modules+run.Modules, appendNew(l.Environments, others(run.Environments)...)
		}
	}
	for _, run := range runs {
		if slices.Contains(r.Runs, run.ID) {
			if run.Failed > 0 {
				at("failed, and failed tests are not measured").Tests += run.Failed
			}
			continue
		}
		reason, missing := whyLeftOut(q, run, incomparable, again)
		l := at(reason)
		l.Missing, l.Runs, l.Branches = missing, append(l.Runs, run.ID), appendNew(l.Branches, run.Branch)
		l.Tests, l.Modules = l.Tests+run.Tests, l.Modules+run.Modules
		if !run.Measured() {
			l.Tests += run.Failed
		}
		l.Environments = appendNew(l.Environments, others(run.Environments)...)
	}
	return list
}

// learning counts the tests that have too few earlier runs, by class of machine, and says whether all tests have.
func learning(tests map[monitor.TestID]monitor.Status) (n map[string]int64, all bool) {
	n, all = map[string]int64{}, true
	for test, known := range tests {
		if known != monitor.StatusLearning {
			all = false
			continue
		}
		n[test.Env]++
	}
	return n, all
}

// whyLeftOut says why a report has nothing of a run of its commit, and whether it should have.
func whyLeftOut(q monitor.JudgeQuery, run *monitor.RunInfo, incomparable []string, again map[string]bool) (reason string, missing bool) {
	switch {
	case !run.Measured() && run.Failed > 0:
		return "its tests failed, so it measured nothing", false
	case !run.Measured():
		return "measured nothing", false
	case oneRun(q):
		return "the report is on one run, and not on all runs of its commit", false
	case q.Head != nil && run.Branch != *q.Head:
		return "of another branch than the one asked for", false
	case slices.Contains(incomparable, run.Branch):
		return "started before all runs of the branch to compare with", true
	case again[run.ID]:
		return monitor.MeasuredAgain, false
	default:
		return "more than are judged for one commit", true
	}
}

// appendNew appends texts that the list does not have yet.
func appendNew(list []string, texts ...string) []string {
	for _, text := range texts {
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}
