package main

// machines answers whether a machine is to blame: how fast each class of machine was from run to run, and what it did.
func machines() *dashboard {
	d := newDashboard("machines", "Machines", "The classes of machine that tests ran on: how much slower than usual everything was at once, and how much they did.")
	env := envVariable().any()
	env.Description = "The classes of machine that are shown."
	d.variables(influxSource(), projectVariable(), branchVariable(), env)
	d.annotate("Regressions", "red", suspiciousRuns)
	d.line(8, table(24, "Classes of machine", "Each class of machine that measured tests in the time range: its newest run, how it fared, and what a run on it costs. A class is made of system, processors, memory and Python, or named by the tag machine.", "s",
		"env", "runs", "slow", "last", "status", "offset", "tests", "total_time", "cpu_time").
		field("env", "Machine class", links(link{Title: "The suite on this class of machine", URL: to("test-suite-overview", "datasource project branch", "env", clicked)})).
		field("runs", "Runs", unit("short"), width(80)).field("slow", "Of these slow", unit("short"), width(120)).
		field("last", "Newest run", unit("dateTimeAsIso"), width(170)).field("status", "Then", append(status(), width(120))...).
		field("offset", "All slower by", unit("percentunit"), decimals(0), width(120)).field("tests", "Tests", unit("short"), width(90)).
		field("total_time", "Test time", width(110)).field("cpu_time", "CPU time", width(110)).ask(classes))
	d.line(10,
		offsets("CPU time: all tests slower by", "How much slower than usual the middle test of each run was in CPU time, by class of machine: 0 % is as fast as ever. Above 25 % the machine or a global change is to blame, and no test is.", "offset_cpu_time"),
		offsets("Wall time: all tests slower by", "How much slower than usual the middle test of each run was in wall time, by class of machine. Other work on the machine shows here first.", "offset_total_time"))
	d.line(7, states(24, "Status of each class of machine", "What was found of each class of machine from run to run: slow machine where nearly all tests were slower at once, regression where that lasts for several runs.").
		set("displayName", "${__field.labels.env}").ask(perClass("r.status", "status")))
	d.line(9,
		lines("Test time", "Wall time of all tests of a run together, by class of machine.", "s", "r.total_time", "total_time"),
		lines("CPU time", "User and kernel time of all tests of a run together, by class of machine.", "s", "r.cpu_time", "cpu_time"),
		lines("Tests", "How many tests a run measured, by class of machine.", "short", "float(v: r.tests)", "tests"))
	return d
}

// perClass gives a series for each class of machine.
func perClass(value, field string) string {
	return runs("machines", onMachine, "branch", field) + `  |> group()
  |> filter(fn: (r) => ` + inBranch + ` and exists r.` + field + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, env: r.env, _value: ` + value + `}))
  |> group(columns: ["env"])
`
}

func offsets(title, description, field string) *panel {
	return graph(12, title, description, "percentunit").set("displayName", "${__field.labels.env}").set("decimals", 0).
		set("thresholds", steps("transparent", 0, "red", 0.25)).custom("thresholdsStyle", object{"mode": "dashed"}).
		ask(perClass("r."+field+" - 1.0", field))
}

func lines(title, description, unit, value, field string) *panel {
	return graph(8, title, description, unit).set("min", 0).set("displayName", "${__field.labels.env}").ask(perClass(value, field))
}

var classes = `judged = ` + runs("machines", onMachine, "branch", "status", "tests", "total_time", "cpu_time", "offset_cpu_time") + `  |> group(columns: ["env"])
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])

counted = judged
  |> reduce(identity: {runs: 0, slow: 0}, fn: (r, accumulator) => ({runs: accumulator.runs + 1, slow: accumulator.slow + (if r.status == "slow_machine" or r.status == "regression" then 1 else 0)}))

newest = judged
  |> last(column: "status")
  |> map(fn: (r) => ({env: r.env, last: r._time, status: r.status, offset: ` + slower + `, tests: r.tests, total_time: r.total_time, cpu_time: r.cpu_time}))

join(tables: {c: counted, n: newest}, on: ["env"])
  |> group()
  |> sort(columns: ["last"], desc: true)
`
