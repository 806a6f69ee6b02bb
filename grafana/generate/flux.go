package main

import "strings"

// Conditions on a point, in Flux. A variable stands in a whole regular expression, so that no value changes a query.
const (
	inProject   = "r.project =~ /^${project:regex}$/"
	inEnv       = "r.env =~ /^${env:regex}$/"
	inComponent = "r.component =~ /^${component:regex}$/"
	inKind      = `r.kind == "${kind:raw}"`
	inBranch    = "r.branch =~ /^${branch:regex}$/"
	inModule    = "r.item_path =~ /^${module:regex}$/"
	found       = "(r.item_path =~ /(?i)${search:raw}/ or r.item =~ /(?i)${search:raw}/ or r.item_variant =~ /(?i)${search:raw}/)"

	// isTest is the chosen test, by the name that lists show: the function with its parameters, or the module.
	isTest = `(r.item_variant =~ /^${test:regex}$/ or r.item_variant == "(none)" and r.item =~ /^${test:regex}$/)`
)

// shown is the name of a test in lists.
const shown = `if r.item_variant == "(none)" then r.item else r.item_variant`

// identity are the columns that tell tests apart.
const identity = `"component", "item_path", "item", "item_variant"`

// tagValues lists the values of a tag from the index, without reading a measurement.
func tagValues(tag string, conditions ...string) string {
	conditions = append([]string{`r._measurement == "test_metrics"`}, conditions...)
	return `import "influxdata/influxdb/schema"

schema.tagValues(bucket: v.defaultBucket, tag: "` + tag + `", start: v.timeRangeStart, stop: v.timeRangeStop, predicate: (r) => ` +
		strings.Join(conditions, " and ") + ")\n"
}

// ranged begins a query on the chosen time.
const ranged = `from(bucket: v.defaultBucket)
  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
`

// anyField is a condition that chooses fields.
func anyField(names ...string) string {
	return `(r._field == "` + strings.Join(names, `" or r._field == "`) + `")`
}

// runs gives a row for each judged run, with the given fields as columns: of the measurement runs, or of machines,
// which tells classes of machine apart. Both are small: a point for each run.
func runs(measurement, condition string, fields ...string) string {
	return ranged + `  |> filter(fn: (r) => r._measurement == "` + measurement + `" and ` + condition + `)
  |> filter(fn: (r) => ` + anyField(fields...) + `)
  |> drop(columns: ["_start", "_stop", "_measurement"])
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "project"` + envColumn(measurement) + `], columnKey: ["_field"], valueColumn: "_value")
`
}

// perRun gives a row for each judged run of the chosen branches, the oldest first. row is a record of Flux, made of the
// run's fields.
func perRun(measurement, condition, row string, fields ...string) string {
	return runs(measurement, condition, append(fields, "branch")...) + `  |> group()
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => (` + row + `))
`
}

// onMachine are the conditions on a run on one class of machine.
const onMachine = inProject + " and " + inEnv

// slower is how much slower than usual a run was as a whole.
const slower = "if exists r.offset_cpu_time then r.offset_cpu_time - 1.0 else 0.0"

// verdictCounts counts what was found in each run.
var verdictCounts = perRun("runs", inProject,
	"{_time: r._time, regressions: float(v: r.regressions), suspects: float(v: r.suspects), improvements: float(v: r.improvements)}",
	"regressions", "suspects", "improvements")

// counted are the fields of verdictCounts with their titles and colours.
var counted = [...][3]string{{"regressions", "Regressions", "red"}, {"suspects", "Suspects", "orange"}, {"improvements", "Improvements", "green"}}

func envColumn(measurement string) string {
	if measurement == "machines" {
		return `, "env"`
	}
	return ""
}

// points defines a function that gives the chosen measurements between two times.
func points(conditions ...string) string {
	return `points = (start=v.timeRangeStart, stop=v.timeRangeStop) =>
  from(bucket: v.defaultBucket)
    |> range(start: start, stop: stop)
    |> filter(fn: (r) => r._measurement == "test_metrics" and ` + inKind + `)
    |> filter(fn: (r) => ` + strings.Join(conditions, " and ") + `)

`
}

// suite are the conditions on the measurements of a part of a suite.
var suite = []string{inProject, inEnv, inComponent, found}

// measured defines functions for the measurements of one run. The run is a field, which InfluxDB cannot group by, so
// it has to be put beside the values. To keep this fast, points are read only from the run's start, which the measurement
// machines has, to its last measurement, at most a day later; and only the columns that matter are put beside each other.
const measured = `beginOf = (id) => {
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
    |> keep(columns: ["_field", "_time", "_value", ` + identity + `])
    |> pivot(rowKey: ["_time", ` + identity + `], columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => r.run =~ id)
    |> sort(columns: ["_time"])

`

// theRun is the chosen run, for functions of [measured].
const theRun = `run = /^${run:regex}$/
begin = beginOf(id: run)

`

// theseTests defines a regular expression that matches exactly the first 200 tests of the table `chosen`. With it InfluxDB
// reads only these few of perhaps 50,000 tests.
const theseTests = `ids = chosen
  |> group()
  |> map(fn: (r) => ({id: ` + shown + `}))
  |> unique(column: "id")
  |> limit(n: 200)
  |> findColumn(fn: (key) => true, column: "id")
these = regexp.compile(v: "^(" + strings.joinStr(arr: array.map(arr: ids, fn: (x) => regexp.quoteMeta(v: x)), v: "|") + ")$")

`

// isThese is the condition that [theseTests] is for.
const isThese = `(r.item_variant =~ these or r.item_variant == "(none)" and r.item =~ these)`
