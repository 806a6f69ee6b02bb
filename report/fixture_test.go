package report_test

import (
	"math"
	"time"

	"pymon-bridge/monitor"
)

const (
	bigBox   = "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11"
	smallBox = "ci-small py3.12"

	good = "1111111111aaaaaaaaaabbbbbbbbbbcccccccccc"
	bad  = "2222222222aaaaaaaaaabbbbbbbbbbcccccccccc"
)

// nan stands for what is not known.
var nan = monitor.Number(math.NaN())

// sample is a report with the golden files of its name.
type sample struct {
	name   string
	report *monitor.Report
}

func samples() []sample {
	return []sample{
		{"fine", fineReport()},
		{"learning", learningReport()},
		{"one", oneReport()},
		{"many", manyReport(60, 30)},
		{"slow", slowReport()},
		{"odd", oddReport()},
		{"unjudged", unjudgedReport()},
		{"shards", shardsReport()},
		{"incomplete", incompleteReport()},
		{"budget", budgetReport()},
		{"accepted", acceptedReport()},
	}
}

// newReport is a report on nothing conspicuous.
func newReport() *monitor.Report {
	return &monitor.Report{
		Project: "webshop", Run: "ci-4711", ScmRef: bad, Branch: "feature/pay-faster", Build: "4711", Against: "main",
		BaselineRuns: 30, Sessions: []string{"0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f"},
		Started: time.Date(2026, 3, 2, 10, 0, 0, 0, time.FixedZone("", 3600)),
		Suite: monitor.Suite{Status: monitor.StatusOK, Offset: offset(1.02, 1.05), Machines: []monitor.Machine{
			{Env: bigBox, Status: monitor.StatusOK, Offset: offset(1.02, 1.05), Tests: 40, TotalTime: 61.5, CPUTime: 48.25},
		}},
		Summary: monitor.Summary{Tests: 40, OK: 120},
	}
}

func offset(cpu, total monitor.Number) map[string]monitor.Number {
	return map[string]monitor.Number{monitor.MetricCPUTime: cpu, monitor.MetricTotalTime: total}
}

// shardsReport is a report on a commit whose shards are runs of their own, and of which something is left out.
func shardsReport() *monitor.Report {
	r := oneReport()
	r.Against, r.Branch = "", "job tests 6/6"
	r.Completion, r.Partial = monitor.Partial, "-x"
	for _, shard := range []string{"6", "5", "4", "3", "2", "1"} {
		r.Runs, r.Branches = append(r.Runs, "run-"+shard), append(r.Branches, "job tests "+shard+"/6")
	}
	r.Summary.Tests, r.Summary.LearningTests, r.Summary.Learning = 80, 40, 120
	r.LeftOut = []monitor.LeftOut{
		{Reason: "of another branch than the one asked for", Runs: []string{"a", "b"}, Branches: []string{"main", ""}, Tests: 240, Modules: 1,
			Environments: []string{smallBox, bigBox}},
		{Reason: "measured nothing", Runs: []string{"c"}, Branches: []string{""}},
		{Reason: "modules are judged only in runs without tests", Modules: 12},
		{Reason: "failed, and failed tests are not measured", Tests: 3},
		{Reason: "too few earlier runs on this class of machine", Tests: 40, Environments: []string{smallBox}},
	}
	return r
}

// incompleteReport is a report on a commit with more runs than were looked at.
func incompleteReport() *monitor.Report {
	r := fineReport()
	r.Runs, r.Branches = []string{r.Run, "ci-4710"}, []string{r.Branch, "main"}
	r.LeftOut = []monitor.LeftOut{
		{Reason: "more than are judged for one commit", Runs: []string{"a", "b", "c"}, Branches: []string{"main", "old"}, Tests: 24, Missing: true},
		{Reason: "started before all runs of the branch to compare with", Runs: []string{"d"}, Branches: []string{"new"}, Modules: 2,
			Environments: []string{smallBox}, Missing: true},
		{Reason: "measured nothing", Runs: []string{"e"}, Branches: []string{""}},
	}
	return r
}

// budgetReport is a report on a first run, with limits.
func budgetReport() *monitor.Report {
	r := learningReport()
	r.Budget = &monitor.Budget{Limits: 42, Exceeded: 2, Unmatched: []string{"tests/old"}, Uses: []monitor.BudgetUse{
		use("tests/checkout/test_payment.py::test_pay[visa]", "tests/checkout", monitor.MetricTotalTime, 1.5, 1),
		use("", "", monitor.MetricCPUTime, 120.02, 120),
		use("tests/checkout/test_payment.py::test_pay[cash]", "tests/checkout", monitor.MetricMemUsage, 46, 50),
		use("", "", monitor.MetricMemUsage, 90, 512),
	}}
	return r
}

// acceptedReport is a report on a run whose change somebody accepted.
func acceptedReport() *monitor.Report {
	r := newReport()
	by := &monitor.Acceptance{ID: 3, By: "anna", At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Note: "exports have images now"}
	for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricTotalTime} {
		one := result(monitor.StatusAccepted, "test_export", metric, 0.2, 0.3)
		one.LastGood, one.FirstBad, one.Acceptance = good, bad, by
		r.Results = append(r.Results, one)
	}
	r.Summary = monitor.Summary{Tests: 40, OK: 118, Accepted: 2}
	return r
}

func use(test, pattern, metric string, value, limit monitor.Number) monitor.BudgetUse {
	return monitor.BudgetUse{Test: test, Pattern: pattern, Metric: metric, Value: value, Limit: limit, Share: value / limit}
}

// result is a judged measurement of a test in tests/checkout/test_payment.py.
func result(status monitor.Status, variant, metric string, baseline, value monitor.Number) monitor.Result {
	r := monitor.Result{
		TestID: monitor.TestID{Component: "checkout", ItemPath: "tests.checkout.test_payment", Item: "test_pay",
			ItemVariant: variant, Kind: "function", Env: bigBox},
		ItemFSLoc: "tests/checkout/test_payment.py", Metric: metric, Status: status, Baseline: baseline, Value: value,
		Limit: baseline * 1.2, Ratio: value / baseline, Delta: value - baseline, P: 0.0001, Q: 0.002, N: 30,
	}
	if status == monitor.StatusRegression || status == monitor.StatusImprovement {
		r.LastGood, r.FirstBad = good, bad
	}
	return r
}

// unjudged is a measurement without numbers.
func unjudged(status monitor.Status, variant, reason string, n int) monitor.Result {
	r := result(status, variant, monitor.MetricMemUsage, nan, nan)
	r.Reason, r.N, r.P, r.Q = reason, n, nan, nan
	return r
}

func fineReport() *monitor.Report {
	r := newReport()
	r.Results = []monitor.Result{result(monitor.StatusOK, "test_pay[cash]", monitor.MetricCPUTime, 0.04, 0.041)}
	return r
}

func learningReport() *monitor.Report {
	r := newReport()
	r.BaselineRuns, r.Suite.Status, r.Suite.Offset, r.Suite.Machines = 3, monitor.StatusLearning, nil, nil
	r.Results = []monitor.Result{unjudged(monitor.StatusLearning, "test_pay[cash]", "", 3)}
	r.Summary = monitor.Summary{Tests: 1, LearningTests: 1, Learning: 3}
	return r
}

// unjudgedReport has a reason for each measurement not to be judged.
func unjudgedReport() *monitor.Report {
	r := newReport()
	r.Results = []monitor.Result{
		unjudged(monitor.StatusNotJudged, "test_pay[cash]", "not measured", 0),
		unjudged(monitor.StatusNotJudged, "test_refund", "this id is there more or less often than in earlier runs", 0),
		unjudged(monitor.StatusNotJudged, "test_pay[visa]", "this id is there more or less often than in earlier runs", 0),
	}
	r.Summary = monitor.Summary{Tests: 1, NotJudgedTests: 1, NotJudged: 3}
	return r
}

func oneReport() *monitor.Report {
	r := newReport()
	worst := result(monitor.StatusRegression, "test_pay[visa, 3 items]", monitor.MetricCPUTime, 0.0402, 0.0913)
	worst.Level = monitor.LevelCrit
	r.Results = []monitor.Result{
		worst,
		result(monitor.StatusSuspect, "test_pay[visa, 3 items]", monitor.MetricTotalTime, 1.204, 1.61),
		result(monitor.StatusImprovement, "test_refund", monitor.MetricMemUsage, 212.4, 96.1),
		unjudged(monitor.StatusNotJudged, "test_pay[cash]", "several sessions of the run measured memory", 0),
		result(monitor.StatusOK, "test_pay[cash]", monitor.MetricCPUTime, 0.04, 0.041),
	}
	r.Summary = monitor.Summary{Tests: 40, OK: 116, NotJudged: 1, Suspects: 1, Regressions: 1, Improvements: 1}
	return r
}

// manyReport has more regressions than a comment shows in the open.
func manyReport(regressions, suspects int) *monitor.Report {
	r := newReport()
	for i := range regressions {
		one := result(monitor.StatusRegression, "test_pay["+digits(i)+"]", monitor.MetricCPUTime, 0.04, 0.09)
		one.LastGood = ""
		r.Results = append(r.Results, one)
	}
	for i := range suspects {
		r.Results = append(r.Results,
			result(monitor.StatusSuspect, "test_refund["+digits(i)+"]", monitor.MetricTotalTime, 0.4, 0.61))
	}
	r.Summary = monitor.Summary{Tests: regressions + suspects, OK: 2 * (regressions + suspects), Suspects: suspects,
		Regressions: regressions}
	return r
}

func digits(i int) string { return time.Unix(0, 0).UTC().AddDate(0, 0, i).Format("20060102") }

func slowReport() *monitor.Report {
	r := newReport()
	r.Suite = monitor.Suite{Status: monitor.StatusSlowMachine, Offset: offset(1.5, 1.62), Machines: []monitor.Machine{
		{Env: smallBox, Status: monitor.StatusSlowMachine, Offset: offset(1.5, 1.62), Tests: 40, TotalTime: 99.6, CPUTime: 72},
		{Env: bigBox, Status: monitor.StatusOK, Offset: offset(1.01, nan), Tests: 38, TotalTime: 60, CPUTime: 48},
	}}
	r.Results = []monitor.Result{result(monitor.StatusSuspect, "test_refund", monitor.MetricMemUsage, 212.4, 296.1)}
	r.Summary = monitor.Summary{Tests: 78, OK: 233, Suspects: 1}
	return r
}

// oddNames are names that formats, terminals and CI systems give a meaning to.
func oddNames() []string {
	return []string{
		"test[a|b\\|c]", "test[`code` ``two``]", "test[<img src=x onerror=alert(1)>]", "test[</details><h1>]",
		"test[two\nlines\r\n| a | b |]", "test[\x1b[31mred\x1b[0m \x9b31m]", "test[\xff\xfe]", "test[\u202egnirts]",
		"test[**bold** _it_ ~~no~~ [link](http://x.example)]", "test[100%, 50%%: a=b]", "::error::owned", "##[error]owned",
		"##vso[task.complete result=Failed]", "-->", "]]>&lt;&amp;\"'", "@everyone #1 www.example.org", "", " ", "\\", "`",
		"test[\u2028\u2029\u0085\u00a0\ufeff]", "test[\U000e0001\ud7ff\ufffd]", "test[größe ✓ 日本語]",
		"test[" + string(make([]byte, 300)) + "]",
	}
}

func oddReport() *monitor.Report {
	r := newReport()
	for i, name := range oddNames() {
		one := result(monitor.StatusRegression, name, monitor.MetricCPUTime, 0.04, 0.09)
		one.Occurrence, one.Env, one.ItemFSLoc, one.LastGood, one.FirstBad = i%2, bigBox+name, name, name, name
		taken := result(monitor.StatusAccepted, name, monitor.MetricTotalTime, 0.4, 0.9)
		taken.Acceptance = &monitor.Acceptance{By: name, Note: name}
		r.Results = append(r.Results, taken)
		other := unjudged(monitor.StatusNotJudged, name, name, 0)
		other.Metric, other.ItemPath = name, name
		r.Results = append(r.Results, one, other)
	}
	odd := oddNames()[0] + oddNames()[2] + oddNames()[4] + oddNames()[5]
	r.Project, r.Run, r.ScmRef, r.Branch, r.Build, r.Against = odd, odd, odd, odd, odd, odd
	r.Suite.Machines[0].Env, r.Suite.Machines[0].Status = odd, monitor.StatusSlowMachine
	r.Suite.Offset[odd] = 3
	r.Branches = []string{odd, odd}
	r.Completion, r.Partial = monitor.Partial, odd
	r.LeftOut = []monitor.LeftOut{{Reason: odd, Runs: []string{odd}, Branches: []string{odd}, Environments: []string{odd}, Tests: 1}}
	n := len(oddNames())
	r.Budget = &monitor.Budget{Limits: n, Exceeded: n, Uses: []monitor.BudgetUse{}, Unmatched: []string{odd}}
	for _, name := range oddNames() {
		r.Budget.Uses = append(r.Budget.Uses, use(name, name, monitor.MetricTotalTime, 2, 1))
	}
	r.Summary = monitor.Summary{Tests: n, OK: n, NotJudged: n, Regressions: n}
	return r
}
