package main

import "strings"

// Conditions on a point, in Flux. A variable is always a complete regular expression, so that its value cannot change the
// rest of the query.
const (
	inProject   = "r.project =~ /^${project:regex}$/"
	inEnv       = "r.env =~ /^${env:regex}$/"
	inComponent = "r.component =~ /^${component:regex}$/"
	inKind      = `r.kind == "${kind:raw}"`
	inBranch    = "r.branch =~ /^${branch:regex}$/"
	inModule    = "r.item_path =~ /^${module:regex}$/"
	inSearch    = "(r.item_path =~ /(?i)${search:raw}/ or r.item =~ /(?i)${search:raw}/ or r.item_variant =~ /(?i)${search:raw}/)"

	// isTest selects the chosen test by its testName.
	isTest = `(r.item_variant =~ /^${test:regex}$/ or r.item_variant == "(none)" and r.item =~ /^${test:regex}$/)`
)

// testName is Flux for the name of a test in a list: the function with its parameters, or the module.
const testName = `if r.item_variant == "(none)" then r.item else r.item_variant`

// testColumns are the columns that identify a test.
const testColumns = `"component", "item_path", "item", "item_variant"`

// tagValues returns Flux for the values of a tag. InfluxDB reads them from the index and reads no measurements.
func tagValues(tag string, conditions ...string) string {
	conditions = append([]string{`r._measurement == "test_metrics"`}, conditions...)
	return `import "influxdata/influxdb/schema"

schema.tagValues(bucket: v.defaultBucket, tag: "` + tag + `", start: v.timeRangeStart, stop: v.timeRangeStop, predicate: (r) => ` +
		strings.Join(conditions, " and ") + ")\n"
}

// inTimeRange is the start of a query for the chosen time range.
const inTimeRange = `from(bucket: v.defaultBucket)
  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
`

// anyField returns a condition that selects fields.
func anyField(names ...string) string {
	return `(r._field == "` + strings.Join(names, `" or r._field == "`) + `")`
}

// runs returns Flux that gives a row for each judged run, with the given fields as columns. The measurement is "runs", or
// "machines", which has a point for each class of machine of a run. Both measurements are small.
func runs(measurement, condition string, fields ...string) string {
	return inTimeRange + `  |> filter(fn: (r) => r._measurement == "` + measurement + `" and ` + condition + `)
  |> filter(fn: (r) => ` + anyField(fields...) + `)
  |> drop(columns: ["_start", "_stop", "_measurement"])
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "project"` + envColumn(measurement) + `], columnKey: ["_field"], valueColumn: "_value")
`
}

// perRun returns Flux that gives a row for each judged run of the chosen branches, the oldest first. row is a Flux record
// made from the fields of a run.
func perRun(measurement, condition, row string, fields ...string) string {
	return runs(measurement, condition, append(fields, "branch")...) + `  |> group()
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => (` + row + `))
`
}

// onMachine selects the runs of the chosen project on the chosen class of machine.
const onMachine = inProject + " and " + inEnv

// slowdown is Flux for the slowdown of a whole run: 0 is as fast as usual, 0.5 takes half as much time again.
const slowdown = "if exists r.offset_cpu_time then r.offset_cpu_time - 1.0 else 0.0"

// verdictCounts gives the number of verdicts of each kind in each run.
var verdictCounts = perRun("runs", inProject,
	"{_time: r._time, regressions: float(v: r.regressions), suspects: float(v: r.suspects), improvements: float(v: r.improvements)}",
	"regressions", "suspects", "improvements")

// verdictKinds has the fields of verdictCounts with their titles and colours.
var verdictKinds = [...][3]string{{"regressions", "Regressions", "red"}, {"suspects", "Suspects", "orange"}, {"improvements", "Improvements", "green"}}

func envColumn(measurement string) string {
	if measurement == "machines" {
		return `, "env"`
	}
	return ""
}

// points returns Flux that defines the function points. It gives the selected measurements between two times.
func points(conditions ...string) string {
	return `points = (start=v.timeRangeStart, stop=v.timeRangeStop) =>
  from(bucket: v.defaultBucket)
    |> range(start: start, stop: stop)
    |> filter(fn: (r) => r._measurement == "test_metrics" and ` + inKind + `)
    |> filter(fn: (r) => ` + strings.Join(conditions, " and ") + `)

`
}

// suite has the conditions for the chosen part of a suite.
var suite = []string{inProject, inEnv, inComponent, inSearch}

// runFunctions is Flux that defines functions for the measurements of one run. The run is a field, and InfluxDB cannot
// group by a field. So the function measured pivots the run and the values into one row. Two limits keep this fast:
//
//   - It reads from the start of the run to its last measurement, at most one day. The measurement machines has the start.
//   - It pivots only the necessary columns.
const runFunctions = `beginOf = (id) => {
  starts = from(bucket: v.defaultBucket)
    |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
    |> filter(fn: (r) => r._measurement == "machines" and ` + inProject + ` and r._field == "run" and r._value =~ id)
    |> group()
    |> keep(columns: ["_time"])
    |> findColumn(fn: (key) => true, column: "_time")
  return if length(arr: starts) > 0 then starts[0] else v.timeRangeStart
}

endOf = (id, begin) => {
  ends = points(start: begin, stop: date.add(d: 1d, to: begin))
    |> filter(fn: (r) => r._field == "run" and r._value =~ id)
    |> group()
    |> keep(columns: ["_time"])
    |> max(column: "_time")
    |> findColumn(fn: (key) => true, column: "_time")
  return if length(arr: ends) > 0 then date.add(d: 1ns, to: ends[0]) else date.add(d: 1ns, to: begin)
}

measured = (id, begin, field) =>
  points(start: begin, stop: endOf(id: id, begin: begin))
    |> filter(fn: (r) => r._field == "run" or r._field =~ field)
    |> group(columns: ["_field"])
    |> keep(columns: ["_field", "_time", "_value", ` + testColumns + `])
    |> pivot(rowKey: ["_time", ` + testColumns + `], columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => r.run =~ id)
    |> sort(columns: ["_time"])

`

// theChosenRun is Flux that defines the chosen run and its start, for runFunctions.
const theChosenRun = `run = /^${run:regex}$/
begin = beginOf(id: run)

`

// chosenTests is Flux that defines a regular expression for the tests in the table `chosen`, at most 200. With it InfluxDB
// reads only these tests, for example 200 of 50,000.
const chosenTests = `ids = chosen
  |> group()
  |> map(fn: (r) => ({id: ` + testName + `}))
  |> unique(column: "id")
  |> limit(n: 200)
  |> findColumn(fn: (key) => true, column: "id")
these = regexp.compile(v: "^(" + strings.joinStr(arr: array.map(arr: ids, fn: (x) => regexp.quoteMeta(v: x)), v: "|") + ")$")

`

// isChosenTest is the condition that uses chosenTests.
const isChosenTest = `(r.item_variant =~ these or r.item_variant == "(none)" and r.item =~ these)`
