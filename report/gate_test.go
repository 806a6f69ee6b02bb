package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// TestGate holds what a pipeline should do, and what it is told of that.
func TestGate(t *testing.T) {
	t.Parallel()
	const pass, fail = monitor.GatePass, monitor.GateFail
	const slow = "the whole suite is slower than usual (CPU time ×1.50, wall time ×1.62): a slow machine, or a change that all tests feel"
	suspects := newReport()
	suspects.Summary = monitor.Summary{Tests: 40, OK: 118, Suspects: 2}
	slowForLong := slowReport()
	slowForLong.Suite.Status, slowForLong.Suite.Offset, slowForLong.Summary.Suspects = monitor.StatusRegression, nil, 0
	both := slowReport()
	both.Summary = monitor.Summary{Tests: 40, OK: 119, Regressions: 1}
	overBudget := fineReport()
	overBudget.Budget = &monitor.Budget{Limits: 1, Exceeded: 1}
	none := newReport()
	none.Summary = monitor.Summary{}
	better := newReport()
	better.Summary = monitor.Summary{Tests: 1, OK: 2, Improvements: 1}
	const missing = " 4 runs of the commit were not looked at, with 24 tests and 2 modules."
	badIncomplete, noneIncomplete := incompleteReport(), incompleteReport()
	badIncomplete.Summary, noneIncomplete.Summary = both.Summary, monitor.Summary{}
	slowIncomplete := slowReport()
	slowIncomplete.LeftOut = incompleteReport().LeftOut
	const learning = " 50 more tests are learning."
	shard, shardAndOdd, slowShard, badShard, allBranches := fineReport(), oneReport(), slowReport(), shardsReport(), learningReport()
	shard.Summary.Tests, shard.Summary.LearningTests, shard.Summary.Learning = 90, 50, 150
	shardAndOdd.Summary = monitor.Summary{Tests: 92, LearningTests: 50, NotJudgedTests: 1, OK: 122, Improvements: 1, Learning: 150, NotJudged: 3}
	slowShard.Summary.Tests, slowShard.Summary.LearningTests = 128, 50
	badShard.Summary.Tests, badShard.Summary.LearningTests, badShard.Summary.NotJudgedTests = 51, 1, 10
	allBranches.Branches = []string{"feature", "main"}
	for _, c := range []struct {
		report   *monitor.Report
		on       report.FailOn
		gate     monitor.Gate
		sentence string
	}{
		{fineReport(), "", pass, "No regression in 40 tests."},
		{fineReport(), report.FailOnSuspect, pass, "No regression in 40 tests."},
		{budgetReport(), "", fail, "Nothing to judge by yet: too few earlier runs have these tests on this class of machine. The baseline has 3 runs. 2 limits of the budget are exceeded."},
		{budgetReport(), report.FailOnNever, pass, "Nothing to judge by yet: too few earlier runs have these tests on this class of machine. The baseline has 3 runs. 2 limits of the budget are exceeded."},
		{overBudget, report.FailOnSuspect, fail, "No regression in 40 tests. 1 limit of the budget is exceeded."},
		{better, "", pass, "No regression and 1 improvement in 1 test."},
		{learningReport(), report.FailOnSuite, pass, "Nothing to judge by yet: too few earlier runs have these tests on this class of machine. The baseline has 3 runs."},
		{none, report.FailOnSuspect, monitor.GateNotJudged, "No test was measured."},
		{unjudgedReport(), "", monitor.GateNotJudged, "No measurement could be judged."},
		{manyReport(2, 1), "", fail, "2 regressions in 3 tests."},
		{manyReport(2, 1), report.FailOnRegression, fail, "2 regressions in 3 tests."},
		{manyReport(2, 1), report.FailOnSuspect, fail, "2 regressions in 3 tests."},
		{manyReport(2, 1), report.FailOnSuite, fail, "2 regressions in 3 tests."},
		{manyReport(2, 1), report.FailOnNever, pass, "2 regressions in 3 tests, but nothing is to fail."},
		{suspects, "", pass, "No confirmed regression; there are 2 suspects, which another run confirms or clears."},
		{suspects, report.FailOnSuite, pass, "No confirmed regression; there are 2 suspects, which another run confirms or clears."},
		{suspects, report.FailOnSuspect, fail, "No confirmed regression, but 2 suspects, which are to fail."},
		{suspects, report.FailOnNever, pass, "No confirmed regression; there are 2 suspects, which another run confirms or clears."},
		{slowReport(), "", pass, "No confirmed regression, 1 suspect; " + slow + "."},
		{slowReport(), report.FailOnSuite, fail, "No test regressed by itself, but " + slow + ", which is to fail."},
		{slowReport(), report.FailOnSuspect, fail, "No confirmed regression, but 1 suspect, which is to fail."},
		{slowReport(), report.FailOnNever, pass, "No confirmed regression, 1 suspect; " + slow + "."},
		{both, "", fail, "1 regression in 40 tests, and " + slow + "."},
		{slowForLong, "", pass, "No test regressed by itself; the whole suite is slower than usual and has been for several runs."},
		{slowForLong, report.FailOnSuite, fail,
			"No test regressed by itself, but the whole suite is slower than usual and has been for several runs, which is to fail."},
		{incompleteReport(), "", monitor.GateNotJudged, "No regression in 40 tests." + missing},
		{incompleteReport(), report.FailOnNever, monitor.GateNotJudged, "No regression in 40 tests." + missing},
		{badIncomplete, "", fail, "1 regression in 40 tests." + missing},
		{badIncomplete, report.FailOnNever, monitor.GateNotJudged, "1 regression in 40 tests, but nothing is to fail." + missing},
		{noneIncomplete, "", monitor.GateNotJudged, "No test was measured." + missing},
		{slowIncomplete, "", monitor.GateNotJudged, "No confirmed regression, 1 suspect; " + slow + "." + missing},
		{slowIncomplete, report.FailOnSuspect, fail, "No confirmed regression, but 1 suspect, which is to fail." + missing},
		{slowIncomplete, report.FailOnSuite, fail, "No test regressed by itself, but " + slow + ", which is to fail." + missing},
		{shard, "", pass, "No regression in 40 tests." + learning},
		{shardAndOdd, "", pass, "No regression and 1 improvement in 41 tests. 50 more tests are learning, and 1 could not be judged."},
		{slowShard, "", pass, "No confirmed regression, 1 suspect; " + slow + "." + learning},
		{badShard, "", fail, "1 regression in 40 tests. 1 more test is learning, and 10 could not be judged."},
		{allBranches, "", pass, "Nothing to judge by yet on at least one branch of the commit: too few earlier runs there have these tests on " +
			"this class of machine."},
		{shardsReport(), report.FailOnNever, pass, "1 regression in 40 tests, but nothing is to fail. 40 more tests are learning."},
	} {
		gate, sentence := report.Gate(c.report, c.on)
		assert.Equal(t, c.sentence, sentence, c.on)
		assert.Equal(t, c.gate, gate, sentence)
	}
}

// TestGateIgnoresWhatIsLeftOut holds that the decision is the same with and without the list of results.
func TestGateIgnoresWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		for _, on := range report.FailOns() {
			bare := *s.report
			bare.Results = nil
			gate, sentence := report.Gate(s.report, on)
			bareGate, bareSentence := report.Gate(&bare, on)
			assert.Equal(t, gate, bareGate)
			assert.Equal(t, sentence, bareSentence)
		}
	}
}

// TestUnjudged holds which runs prove nothing, and what is said of them.
func TestUnjudged(t *testing.T) {
	t.Parallel()
	const nothing = "has no measurement that could be judged"
	odd := unjudgedReport()
	odd.Results = []monitor.Result{unjudged(monitor.StatusNotJudged, "test_pay", "odd\x1b[31m\nreason", 0)}
	bare := unjudgedReport()
	bare.Results = nil
	none, young, slow := newReport(), unjudgedReport(), slowReport()
	none.Summary = monitor.Summary{}
	young.Summary = monitor.Summary{Tests: 2, NotJudged: 5, Learning: 1}
	slow.Summary = monitor.Summary{Tests: 2, NotJudged: 6}
	for want, reports := range map[string][]*monitor.Report{
		"": {fineReport(), learningReport(), young, oneReport(), slowReport(), manyReport(2, 1)},
		nothing + ": this id is there more or less often than in earlier runs": {unjudgedReport()},
		nothing + `: odd\x1b[31m\nreason`:                                      {odd},
		nothing:                                                                {bare, slow},
		"measured no test":                                                     {none},
		"is not all of its commit: 4 runs were not looked at, with 24 tests and 2 modules": {incompleteReport()},
	} {
		for _, r := range reports {
			assert.Equal(t, want, report.Unjudged(r))
		}
	}
}

// TestWhatCouldNotBeJudgedDoesNotPass holds that no format calls it a success.
func TestWhatCouldNotBeJudgedDoesNotPass(t *testing.T) {
	t.Parallel()
	suite := parseJUnit(t, unjudgedReport(), report.Options{}).Suite
	assert.Equal(t, []int{4, 4, 0}, []int{suite.Tests, suite.Skipped, suite.Failures})
	assert.Contains(t, write(t, report.GitHub, unjudgedReport(), report.Options{}), "::warning title=pymon-bridge::No measurement")
	assert.Contains(t, write(t, report.Text, unjudgedReport(), report.Options{}), "NOT JUDGED No measurement")
	assert.NotContains(t, write(t, report.Markdown, unjudgedReport(), report.Options{}), "⏳")
}

// TestACommitThatWasNotLookedAtDoesNotPass holds that every format says so.
func TestACommitThatWasNotLookedAtDoesNotPass(t *testing.T) {
	t.Parallel()
	const sentence = "No regression in 40 tests. 4 runs of the commit were not looked at, with 24 tests and 2 modules."
	const why = "3 runs with 24 tests of main, old: more than are judged for one commit\n"
	suite := parseJUnit(t, incompleteReport(), report.Options{}).Suite
	assert.Equal(t, []int{4, 4, 0}, []int{suite.Tests, suite.Skipped, suite.Failures})
	assert.Contains(t, write(t, report.JUnit, incompleteReport(), report.Options{}), `<skipped type="not_judged" message="`+sentence+`">`)
	github := write(t, report.GitHub, incompleteReport(), report.Options{})
	assert.Contains(t, github, "::warning title=pymon-bridge::"+sentence)
	assert.Contains(t, github, "::warning title=Left out::"+why)
	assert.Contains(t, github, "::notice title=Left out::1 run: measured nothing\n")
	text := write(t, report.Text, incompleteReport(), report.Options{})
	assert.Contains(t, text, "NOT JUDGED "+sentence+"\n")
	assert.Contains(t, text, "left out  "+why)
	assert.Contains(t, write(t, report.Markdown, incompleteReport(), report.Options{}), "### ⚠️ "+sentence+"\n")
	assert.Equal(t, 2, strings.Count(write(t, report.JSON, incompleteReport(), report.Options{}), `"missing": true`))
}
