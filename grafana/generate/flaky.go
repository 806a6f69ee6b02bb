package main

// flakyTests returns the table of the tests that are flaky on the chosen class of machine.
func flakyTests() *panel {
	return table(24, "Flaky tests", "Those of the 100 tests with the most failures and retries that were flaky, the last seen first: they passed only at a later attempt, or passed and failed on one commit. Pass rate is the share of runs in which the test passed at the first attempt. Last seen and Commit are those of the last run that shows it. The measurements come from the plugin of pymon-bridge. pytest-monitor does not say which tests fail.", "short",
		"test", "module", "component", "rate", "passed", "failed", "retried", "seen", "scm_ref").
		field("test", "Test", testLink("datasource project branch env kind commit_url", chosenEnv)).field("module", "Module").
		field("component", "Component", width(110)).
		field("rate", "Pass rate", append(coloured(steps("red", 0, "orange", 0.8, "text", 0.98)), unit("percentunit"), decimals(0), width(90))...).
		field("passed", "Passed", width(80)).field("failed", "Failed", width(80)).field("retried", "Retried", width(80)).
		field("seen", "Last seen", unit("dateTimeAsIso"), width(170)).field("scm_ref", "Commit", commitLink(), width(110)).addFlux(flaky)
}

// flaky first finds the 100 tests that failed or ran more than once in most runs. Only the outcomes of these tests are pivoted:
// InfluxDB takes minutes for thousands of tests. Node ids
// tell tests of different classes apart. A test is flaky in a group of equal commits, and the last reduce adds up groups.
var flaky = `import "array"
import "regexp"
import "strings"

outcomes = () =>
  ` + inTimeRange + `  |> filter(fn: (r) => r._measurement == "test_outcomes" and ` + inKind + ` and ` + inProject + ` and ` + inEnv + `)
  |> filter(fn: (r) => ` + inComponent + ` and ` + inSearch + `)

chosen = union(tables: [
  outcomes() |> filter(fn: (r) => r._field == "outcome" and (r._value == "failed" or r._value == "error")) |> count(),
  outcomes() |> filter(fn: (r) => r._field == "attempts" and r._value > 1) |> count(),
])
  |> group(columns: [` + testColumns + `])
  |> sum()
  |> group()
  |> sort(columns: ["_value"], desc: true)
  |> limit(n: 100)

` + chosenTests + `outcomes()
  |> filter(fn: (r) => ` + isChosenTest + `)
  |> filter(fn: (r) => ` + anyField("outcome", "attempts", "nodeid", "scm_ref", "branch") + `)
  |> group(columns: ["_field"])
  |> keep(columns: ["_field", "_time", "_value", ` + testColumns + `])
  |> pivot(rowKey: ["_time", ` + testColumns + `], columnKey: ["_field"], valueColumn: "_value")
  |> filter(fn: (r) => (r.outcome == "passed" or r.outcome == "failed" or r.outcome == "error") and ` + inBranch + `)
  |> group(columns: [` + testColumns + `, "nodeid", "scm_ref"])
  |> reduce(
    identity: {passed: 0, failed: 0, retried: 0, last: 0},
    fn: (r, accumulator) => ({
      passed: accumulator.passed + (if r.outcome == "passed" then 1 else 0),
      failed: accumulator.failed + (if r.outcome == "passed" then 0 else 1),
      retried: accumulator.retried + (if r.outcome == "passed" and r.attempts > 1 then 1 else 0),
      last: if int(v: r._time) > accumulator.last then int(v: r._time) else accumulator.last,
    }),
  )
  |> map(fn: (r) => ({r with seen: if r.retried > 0 or r.passed > 0 and r.failed > 0 and r.scm_ref != "(none)" then r.last else 0}))
  |> group(columns: [` + testColumns + `, "nodeid"])
  |> reduce(
    identity: {passed: 0, failed: 0, retried: 0, seen: 0, scm_ref: ""},
    fn: (r, accumulator) => ({
      passed: accumulator.passed + r.passed,
      failed: accumulator.failed + r.failed,
      retried: accumulator.retried + r.retried,
      seen: if r.seen > accumulator.seen then r.seen else accumulator.seen,
      scm_ref: if r.seen > accumulator.seen then r.scm_ref else accumulator.scm_ref,
    }),
  )
  |> group()
  |> filter(fn: (r) => r.seen > 0)
  |> sort(columns: ["seen"], desc: true)
  |> limit(n: 100)
  |> map(fn: (r) => ({test: ` + testName + `, module: r.item_path, component: r.component, rate: float(v: r.passed - r.retried) / float(v: r.passed + r.failed), passed: r.passed, failed: r.failed, retried: r.retried, seen: time(v: r.seen), scm_ref: r.scm_ref}))
`
