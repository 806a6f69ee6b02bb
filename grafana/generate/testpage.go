package main

import (
	"fmt"
	"strings"
)

// testPage returns the dashboard about the history of one test.
func testPage() *dashboard {
	d := newDashboard("test", "Test", "Shows the measurements of one test in each run, and its usual values, on each class of machine.")
	env := queried("env", "Machine class", "The classes of machine to show. Each has its own graphs.", tagValues("env", inProject, inKind, isTest)).withAll()
	d.variables(influxSource(), projectVariable(), kindVariable(),
		textbox("search", "Search", `A regular expression that limits the list of tests. Case does not matter. Write \/ for a slash.`, ""),
		queried("test", "Test", "The test to show. The list has at most 500 tests in alphabetical order. Use Search to limit it.", testNames),
		queried("module", "Module", "The module of the test, if several modules have a test with this name.", tagValues("item_path", inProject, inKind, isTest)),
		env, branchVariable(), commitVariable(), bridgeVariable())
	d.annotate("Runs", "blue", commits)
	d.annotate("Regressions", "red", regressionsOfTest)
	d.row("Measured and usual values on ${env}", "env")
	d.line(10,
		band("CPU time", "s", "CPU time of the test: user time plus kernel time.", "cpu_time", []string{"user_time", "kernel_time"}, "r.user_time + r.kernel_time", 0.05),
		band("Memory", "mbytes", "Memory of the test: the growth of the process since its session began, at its peak.", "mem_usage", []string{"mem_usage"}, "r.mem_usage", 0.01),
		band("Wall time", "s", "Wall time of the test: from setup to teardown, with all waiting.", "total_time", []string{"total_time"}, "r.total_time", 0.05))
	d.row("All chosen classes of machine", "")
	d.line(9,
		byEnv("CPU time by machine class", "s", "CPU time (user and kernel) of the test in each run, with a line for each class of machine. The level differs between classes of machine. Only a change within one line has a meaning.", []string{"user_time", "kernel_time"}, "r.user_time + r.kernel_time"),
		byEnv("CPU use by machine class", "percentunit", "CPU time of the test divided by its wall time. 100 % is one busy CPU core. A test far below 100 % waits most of the time. The CPU clock counts in steps of 10 ms, so the values of short tests vary much.", []string{"cpu_usage"}, "r.cpu_usage"),
		byEnv("Wall time by machine class", "s", "Wall time of the test in each run, with a line for each class of machine. It varies more than CPU time and memory, because it depends on all other work of the machine.", []string{"total_time"}, "r.total_time"))
	d.line(9, verdictsOnTest())
	d.line(10, measurements(), neighbours())
	return d
}

// testNames lists the names of all tests and modules. InfluxDB reads them from the index. A module has no variant, so its
// item is its name.
var testNames = `import "influxdata/influxdb/schema"

names = (tag, predicate) => schema.tagValues(bucket: v.defaultBucket, tag: tag, start: v.timeRangeStart, stop: v.timeRangeStop, predicate: predicate)

variants = names(tag: "item_variant", predicate: (r) => r._measurement == "test_metrics" and ` + inProject + ` and ` + inKind + ` and r.item_variant =~ /(?i)${search:raw}/ and r.item_variant != "(none)")
items = names(tag: "item", predicate: (r) => r._measurement == "test_metrics" and ` + inProject + ` and ` + inKind + ` and r.item_variant == "(none)" and r.item =~ /(?i)${search:raw}/)

union(tables: [variants, items])
  |> group()
  |> unique()
  |> sort()
  |> limit(n: 500)
`

// commits gives an annotation for each run, with its branch, commit and build.
const commits = inTimeRange + `  |> filter(fn: (r) => r._measurement == "runs" and ` + inProject + `)
  |> filter(fn: (r) => r._field == "run" or r._field == "scm_ref" or r._field == "branch" or r._field == "build")
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "project"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, title: "Run of " + r.scm_ref, text: "branch " + r.branch + ", build " + r.build, tags: r.branch}))
`

// verdictsOf returns Flux that gives a row for each verdict on the chosen test, with the given fields as columns.
func verdictsOf(fields ...string) string {
	return inTimeRange + `  |> filter(fn: (r) => r._measurement == "regressions" and ` + inKind + ` and ` + inProject + ` and ` + inEnv + ` and ` + inModule + `)
  |> filter(fn: (r) => ` + isTest + `)
  |> filter(fn: (r) => ` + anyField(append(fields, "status", "branch")...) + `)
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "env", "metric"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => ` + inBranch + ` and r.status != "ok" and r.status != "not_judged")
  |> sort(columns: ["_time"])
`
}

var regressionsOfTest = verdictsOf("first_bad") + `  |> filter(fn: (r) => r.status == "regression")
  |> map(fn: (r) => ({_time: r._time, title: r.metric + " confirmed higher than usual", text: "since " + r.first_bad + " on " + r.env, tags: r.metric}))
`

// history returns Flux that gives a row for each measurement of the test: `_time`, `env` and `value`.
func history(fields []string, value string) string {
	return points(inProject, inEnv, inModule) + `history = points()
  |> filter(fn: (r) => ` + isTest + `)
  |> filter(fn: (r) => ` + anyField(append(fields, "branch")...) + `)
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "env"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, env: r.env, value: ` + value + `}))
`
}

// The largest and the smallest number of earlier runs for the band. The bridge uses the same numbers for its baseline.
const baselineRuns, leastRuns = 30, 8

// band returns a graph with the measurements, a band of usual values behind them, and the verdicts as large points.
func band(title, unit, what, metric string, fields []string, value string, floor float64) *panel {
	p := graph(8, title+" on ${env}", what+" The band shows the usual values. It is computed from up to 30 earlier measurements on the same class of machine, nearly as the bridge does it. A value above the band is conspicuous. The large points are the verdicts of the bridge.", unit).
		set("color", fixedColour("blue")).set("links", inBridge("This test in the bridge", chosenTestURL(chosenEnv))).field("value", "Measured").
		field("usual", "Usual", fixed("text"), property{"custom.lineStyle", object{"fill": "dash", "dash": []int{6, 6}}}, property{"custom.showPoints", "never"}).
		field("lowest", "", fixed("transparent"), property{"custom.lineWidth", 0}, property{"custom.showPoints", "never"}, property{"custom.hideFrom", object{"legend": true, "tooltip": true, "viz": false}}).
		field("limit", "", fixed("semi-dark-blue"), property{"custom.lineWidth", 0}, property{"custom.showPoints", "never"}, property{"custom.fillBelowTo", "lowest"}, property{"custom.fillOpacity", 20})
	for _, v := range [][3]string{{"regression", "Regression", "red"}, {"suspect", "Suspect", "orange"}, {"drift", "Slow growth", "purple"}, {"improvement", "Improvement", "green"},
		{"resolved", "Resolved", "super-light-green"}} {
		p.field(v[0], v[1], fixed(v[2]), property{"custom.drawStyle", "points"}, property{"custom.pointSize", 10})
	}
	return p.addFlux(history(fields, value) + `
history
  |> keep(columns: ["_time", "value"])
`).addFlux(bandQuery(fields, value, floor)).addFlux(verdictsOf("value") + `  |> filter(fn: (r) => r.metric == "` + metric + `")
  |> map(fn: (r) => ({_time: r._time, status: r.status, value: if exists r.value then r.value else 0.0}))
  |> pivot(rowKey: ["_time"], columnKey: ["status"], valueColumn: "value")
`)
}

// bandQuery returns Flux that gives, at the time of each measurement, the median and the limits of the measurements
// before it. The limits assume a normal distribution of the logarithms.
//
//   - Flux has no window of rows. So the query copies each measurement to every later measurement for which it counts, and
//     groups the copies.
//   - The spread is the smaller of the distances from the median to the two quartiles. A step up or down does not change
//     it until half of the measurements are after the step.
//   - The query uses the old function join, because package join fails for empty tables.
func bandQuery(fields []string, value string, floor float64) string {
	var lags []string
	for lag := range baselineRuns {
		lags = append(lags, fmt.Sprint(lag+1))
	}
	return "import \"array\"\nimport \"math\"\n\n" + history(fields, value) + fmt.Sprintf(`
numbered = history
  |> map(fn: (r) => ({_time: r._time, y: math.log(x: math.mMax(x: r.value, y: 0.001)), n: 1, all: "all"}))
  |> cumulativeSum(columns: ["n"])

lags = array.from(rows: array.map(arr: [%s], fn: (x) => ({lag: x, all: "all"})))

earlier = join(tables: {it: numbered, by: lags}, on: ["all"])
  |> map(fn: (r) => ({n: r.n + r.lag, y: r.y}))
  |> group(columns: ["n"])

quantiles = (q, name) => earlier
  |> quantile(q: q, column: "y", method: "exact_mean")
  |> group()
  |> map(fn: (r) => ({n: r.n, stat: name, _value: r.y}))

counted = earlier
  |> count(column: "y")
  |> group()
  |> map(fn: (r) => ({n: r.n, stat: "count", _value: float(v: r.y)}))

usual = union(tables: [counted, quantiles(q: 0.25, name: "q25"), quantiles(q: 0.5, name: "q50"), quantiles(q: 0.75, name: "q75")])
  |> pivot(rowKey: ["n"], columnKey: ["stat"], valueColumn: "_value")
  |> filter(fn: (r) => r.count >= %d.0)
  |> map(fn: (r) => ({r with spread: math.mMax(x: math.mMin(x: r.q75 - r.q50, y: r.q50 - r.q25) / 0.6745, y: %g) * math.sqrt(x: 1.0 + math.pi / (2.0 * r.count)) * (2.33 + 4.7 / (r.count - 1.0))}))

join(tables: {it: numbered, by: usual}, on: ["n"])
  |> map(fn: (r) => ({_time: r._time, usual: math.exp(x: r.q50), lowest: math.exp(x: r.q50 - r.spread), limit: math.exp(x: r.q50 + math.mMax(x: r.spread, y: math.log(x: 1.1)))}))
  |> sort(columns: ["_time"])
`, strings.Join(lags, ", "), leastRuns, floor)
}

// byEnv returns a graph with a line for each class of machine.
func byEnv(title, unit, description string, fields []string, value string) *panel {
	return graph(8, title, description, unit).set("min", 0).set("displayName", "${__field.labels.env}").
		set("links", inBridge("This test in the bridge", chosenTestURL("${__field.labels.env:percentencode}"))).
		addFlux(history(fields, value) + `
history
  |> map(fn: (r) => ({_time: r._time, env: r.env, _value: r.value}))
  |> group(columns: ["env"])
`)
}
