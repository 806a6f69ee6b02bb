package main

// machines returns the dashboard that shows whether a slow run is the fault of the machine.
func machines() *dashboard {
	d := newDashboard("machines", "Machines", "Shows the classes of machine that tests ran on: how much slower than usual each run was as a whole, and how much work it did.")
	env := envVariable().withAll()
	env.Description = "The classes of machine to show."
	d.variables(influxSource(), projectVariable(), branchVariable(), env, bridgeVariable())
	d.annotate("Regressions", "red", suspiciousRuns)
	d.line(8, table(24, "Classes of machine", "The classes of machine with runs in the time range. All columns after Newest run are about the newest run. Slow runs counts the runs in which nearly all tests were slower than usual. Slowdown is how much slower than usual the median test was. A class is made of the system, the processors, the memory and the Python version, or it is the tag machine.", "s",
		"env", "runs", "slow", "last", "status", "offset", "tests", "total_time", "cpu_time").
		field("env", "Machine class", links(link{Title: "The suite on this class of machine", URL: dashboardURL("test-suite-overview", "datasource project branch", "env", clicked)})).
		field("runs", "Runs", unit("short"), width(80)).field("slow", "Slow runs", unit("short"), width(120)).
		field("last", "Newest run", unit("dateTimeAsIso"), width(170)).field("status", "Status", append(status(), width(120))...).
		field("offset", "Slowdown", unit("percentunit"), decimals(0), width(120)).field("tests", "Tests", unit("short"), width(90)).
		field("total_time", "Test time", width(110)).field("cpu_time", "CPU time", width(110)).addFlux(classes))
	d.line(10,
		offsets("Slowdown of each run in CPU time", "How much more CPU time than usual the median test of each run took, by class of machine. 0 % is as fast as usual. Above 25 % (dashed line) the cause is the machine or a change that affects all tests. Then no single test is blamed.", "offset_cpu_time"),
		offsets("Slowdown of each run in wall time", "How much more wall time than usual the median test of each run took, by class of machine. 0 % is as fast as usual. Other work on the machine appears here first.", "offset_total_time"))
	d.line(7, states(24, "Status of each class of machine", "Status of each class of machine in each run. Slow machine: nearly all tests were slower in this run. Regression: this lasts for several runs. Learning: there are too few earlier runs.").
		set("displayName", "${__field.labels.env}").addFlux(perClass("r.status", "status")))
	d.line(9,
		lines("Test time", "Sum of the wall time of all tests in a run, by class of machine.", "s", "r.total_time", "total_time"),
		lines("CPU time", "Sum of the CPU time (user and kernel) of all tests in a run, by class of machine.", "s", "r.cpu_time", "cpu_time"),
		lines("Tests", "Number of tests that a run measured, by class of machine.", "short", "float(v: r.tests)", "tests"))
	return d
}

// perClass returns Flux that gives a series for each class of machine.
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
		addFlux(perClass("r."+field+" - 1.0", field))
}

func lines(title, description, unit, value, field string) *panel {
	return graph(8, title, description, unit).set("min", 0).set("displayName", "${__field.labels.env}").addFlux(perClass(value, field))
}

var classes = `judged = ` + runs("machines", onMachine, "branch", "status", "tests", "total_time", "cpu_time", "offset_cpu_time") + `  |> group(columns: ["env"])
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])

counted = judged
  |> reduce(identity: {runs: 0, slow: 0}, fn: (r, accumulator) => ({runs: accumulator.runs + 1, slow: accumulator.slow + (if r.status == "slow_machine" or r.status == "regression" then 1 else 0)}))

newest = judged
  |> last(column: "status")
  |> map(fn: (r) => ({env: r.env, last: r._time, status: r.status, offset: ` + slowdown + `, tests: r.tests, total_time: r.total_time, cpu_time: r.cpu_time}))

join(tables: {c: counted, n: newest}, on: ["env"])
  |> group()
  |> sort(columns: ["last"], desc: true)
`
