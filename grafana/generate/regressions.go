package main

import (
	"strings"

	"pymon-bridge/monitor"
)

// regressions returns the dashboard about the verdicts of the bridge: on one run, and over time.
func regressions() *dashboard {
	d := newDashboard("regressions", "Regressions", "Shows the tests that the bridge found to be slower or faster than usual, or to use more or less memory: in one run, and over time.")
	env := envVariable().withAll()
	env.Description = "The classes of machine to show. Each class is judged separately."
	d.variables(influxSource(), projectVariable(), branchVariable(), env,
		choice("metric", "Metric", "The measured values to show.", judgedMetrics()...).multi(),
		choice("status", "Verdict", "Regression: several runs confirm that the test is slower or uses more memory. Suspect: the test stood out in one run. Slow growth: the test became slower or hungrier little by little over many runs. Improvement: several runs confirm that the test is faster or uses less memory. Resolved: the test had a regression and is as usual again.", "Regression", "regression", "Suspect", "suspect", "Slow growth", "drift", "Improvement", "improvement", "Resolved", "resolved").multi(),
		searchVariable(),
		runVariable("run", "Run", "The run whose verdicts are listed. The newest run is the first in the list.", inProject+" and "+inBranch, "0"), commitVariable(), bridgeVariable())
	d.annotate("Regressions", "red", suspiciousRuns)
	d.line(5, newestVerdicts("datasource project branch"), verdictBars())
	d.line(11, verdictsOnRun())
	d.line(11,
		cells(14, "Unusual tests in each run", "The 30 tests that stood out most often. A cell is a run in which the test stood out. There is no cell if the test was as usual. A row that stays red is a regression that nobody has fixed. After ten runs the new level becomes the usual level.").
			set("displayName", "${__field.labels.test} (${__field.labels.metric})").addFlux(verdictCells),
		table(10, "First bad commits", "The first commits with a regression in the time range. The cause is a commit after the last good commit, up to the first bad commit. Worst ratio is the measured value divided by the usual value, for the test that changed most.", "short",
			"first_bad", "last_good", "tests", "worst", "since").
			field("first_bad", "First bad", commitLink()).field("last_good", "Last good", commitLink()).field("tests", "Tests", width(70)).
			field("worst", "Worst ratio", decimals(2), width(100)).field("since", "Since", unit("dateTimeAsIso"), width(170)).addFlux(badCommits))
	return d
}

// judgedMetrics returns the title and the name of each metric that the bridge judges.
func judgedMetrics() (pairs []string) {
	for _, m := range monitor.JudgedMetrics {
		pairs = append(pairs, strings.ToUpper(m.Title[:1])+m.Title[1:], m.Name)
	}
	return pairs
}

func verdictBars() *panel {
	p := bars(14, "Verdicts on each run", "Number of regressions, suspects and improvements in each judged run, on all classes of machine. Regressions and improvements are confirmed by several runs. A suspect stood out in one run.", "short", true).
		set("decimals", 0).set("links", inBridge("Regressions in the bridge", pageURL("regressions")))
	for _, v := range verdictKinds {
		p.field(v[0], v[1], fixed(v[2]))
	}
	return p.addFlux(verdictCounts)
}

// verdictPoints is Flux that defines the function verdicts. It gives the points of verdicts between two times. A query
// first reads only the field status, and then the other fields of the verdicts that it needs. So the many verdicts
// not_judged cost little.
const verdictPoints = `import "array"
import "date"
import "regexp"
import "strings"

verdicts = (start=v.timeRangeStart, stop=v.timeRangeStop) =>
  from(bucket: v.defaultBucket)
    |> range(start: start, stop: stop)
    |> filter(fn: (r) => r._measurement == "regressions" and ` + inProject + ` and ` + inEnv + ` and r.metric =~ /^${metric:regex}$/)
    |> filter(fn: (r) => ` + inSearch + `)

`

// verdictRows returns Flux that gives a row for each verdict on a test in the table `chosen`, with the given fields as
// columns.
func verdictRows(arguments string, fields ...string) string {
	return chosenTests + `verdicts(` + arguments + `)
  |> filter(fn: (r) => ` + isChosenTest + `)
  |> filter(fn: (r) => ` + anyField(append(fields, "status", "branch")...) + `)
  |> group(columns: ["_field"])
  |> keep(columns: ["_field", "_time", "_value", "env", "metric", ` + testColumns + `])
  |> pivot(rowKey: ["_time", "env", "metric", ` + testColumns + `], columnKey: ["_field"], valueColumn: "_value")
  |> group()
`
}

func verdictsOnRun() *panel {
	keep := "datasource project branch env commit_url"
	return table(24, "Verdicts on the chosen run", "The tests that stood out in the chosen run, the largest ratio first, at most 200 tests. Usual is the median of earlier runs on the same class of machine. Ratio is the value divided by the usual value. q is the probability of such a value by chance, corrected for the number of tests. The cause is a commit after the last good commit, up to the first bad commit.", "short",
		"status", "level", "metric", "test", "module", "env", "baseline", "value", "delta", "ratio", "q", "last_good", "first_bad").
		field("status", "Verdict", append(status(), width(110))...).field("level", "Level", width(70)).field("metric", "Metric", width(95)).
		field("test", "Test", testLink(keep, otherCell("env"))).field("module", "Module").field("env", "Machine class").
		field("baseline", "Usual", width(95)).field("value", "Value", width(95)).field("delta", "Difference", width(95)).
		field("ratio", "Ratio", append(coloured(steps("green", 0, "text", 0.95, "orange", 1.05, "red", 1.5)), decimals(2), width(70))...).
		field("q", "q", unit("none"), width(90)).field("last_good", "Last good", commitLink()).field("first_bad", "First bad", commitLink()).
		addFlux(verdictPoints + `amount = (x, metric) =>
  string(v: float(v: int(v: x * 1000.0 + (if x < 0.0 then -0.5 else 0.5))) / 1000.0) + (if metric == "mem_usage" then " MiB" else " s")

starts = ` + inTimeRange + `  |> filter(fn: (r) => r._measurement == "runs" and ` + inProject + ` and r._field == "run" and r._value =~ /^${run:regex}$/)
  |> group()
  |> keep(columns: ["_time"])
  |> findColumn(fn: (key) => true, column: "_time")
begin = if length(arr: starts) > 0 then date.truncate(t: starts[0], unit: 1us) else v.timeRangeStart
end = date.add(d: 1us, to: begin)

chosen = verdicts(start: begin, stop: end)
  |> filter(fn: (r) => r._field == "status" and r._value =~ /^${status:regex}$/)

` + verdictRows("start: begin, stop: end", "run", "level", "baseline", "value", "delta", "ratio", "q", "last_good", "first_bad") + `  |> filter(fn: (r) => r.status =~ /^${status:regex}$/ and r.run =~ /^${run:regex}$/)
  |> sort(columns: ["ratio"], desc: true)
  |> map(fn: (r) => ({
    status: r.status,
    level: if exists r.level and r.level != "(none)" then r.level else "",
    metric: r.metric,
    test: ` + testName + `,
    module: r.item_path,
    env: r.env,
    baseline: amount(x: if exists r.baseline then r.baseline else 0.0, metric: r.metric),
    value: amount(x: if exists r.value then r.value else 0.0, metric: r.metric),
    delta: amount(x: if exists r.delta then r.delta else 0.0, metric: r.metric),
    ratio: r.ratio,
    q: r.q,
    last_good: r.last_good,
    first_bad: r.first_bad,
  }))
`)
}

// verdictCells gives a series of statuses for each test and metric that stood out most often.
const verdictCells = verdictPoints + `cells = verdicts()
  |> filter(fn: (r) => r._field == "status" and r._value =~ /^${status:regex}$/)
  |> group(columns: [` + testColumns + `, "metric"])

chosen = cells
  |> count()
  |> group()
  |> sort(columns: ["_value"], desc: true)
  |> limit(n: 30)

` + chosenTests + `cells
  |> filter(fn: (r) => ` + isChosenTest + `)
  |> map(fn: (r) => ({_time: r._time, _value: r._value, test: ` + testName + `, metric: r.metric}))
  |> group(columns: ["test", "metric"])
  |> sort(columns: ["_time"])
`

var badCommits = verdictPoints + `chosen = verdicts()
  |> filter(fn: (r) => r._field == "status" and r._value == "regression")

` + verdictRows("", "ratio", "last_good", "first_bad") + `  |> filter(fn: (r) => r.status == "regression" and ` + inBranch + `)
  |> map(fn: (r) => ({_time: r._time, first_bad: r.first_bad, last_good: r.last_good, ratio: if exists r.ratio then r.ratio else 0.0, id: r.component + r.item_path + r.item + r.item_variant}))
  |> group(columns: ["first_bad", "last_good", "id"])
  |> sort(columns: ["_time"])
  |> reduce(identity: {worst: 0.0, since: 9223372036854775807}, fn: (r, accumulator) => ({worst: if r.ratio > accumulator.worst then r.ratio else accumulator.worst, since: if int(v: r._time) < accumulator.since then int(v: r._time) else accumulator.since}))
  |> group(columns: ["first_bad", "last_good"])
  |> reduce(identity: {tests: 0, worst: 0.0, since: 9223372036854775807}, fn: (r, accumulator) => ({tests: accumulator.tests + 1, worst: if r.worst > accumulator.worst then r.worst else accumulator.worst, since: if r.since < accumulator.since then r.since else accumulator.since}))
  |> group()
  |> map(fn: (r) => ({first_bad: r.first_bad, last_good: r.last_good, tests: r.tests, worst: r.worst, since: time(v: r.since)}))
  |> sort(columns: ["since"], desc: true)
  |> limit(n: 100)
`
