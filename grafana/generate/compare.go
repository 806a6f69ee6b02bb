package main

// compare returns the dashboard that shows the differences between two runs.
func compare() *dashboard {
	d := newDashboard("compare", "Compare two runs", "Compares two runs on one class of machine, test by test: time, memory, and the tests that only one run has.")
	d.variables(influxSource(), projectVariable(), envVariable(), componentVariable(), kindVariable(), searchVariable(),
		runVariable("base", "From", "The first run of the comparison. At the start it is the run before the newest.", onMachine, "1"),
		runVariable("run", "To", "The second run. All differences are second run minus first run. At the start it is the newest run.", onMachine, "0"), commitVariable(), bridgeVariable())
	d.line(6, bothRuns())
	d.line(9,
		chart(12, "Tests by change of wall time", "Number of tests by the change of their wall time, for the tests of both runs. If most tests are not near 0 %, the machine was slower or faster. If only a few tests are far from 0 %, these tests changed.", "short", "change", -45, "always").
			set("decimals", 0).field("tests", "Tests").addFlux(changes),
		table(12, "Tests in only one of the runs", "Tests that only one of the runs measured, at most 200. They are new, removed, renamed, failed, skipped or not selected.", "s", "test", "module", "in", "seconds").
			field("test", "Test", testLink("datasource project env kind commit_url", chosenEnv)).field("module", "Module").
			field("in", "Only in", width(110)).field("seconds", "Wall time", width(100)).addFlux(onlyInOne))
	note := " The table has the 100 largest differences. A single measurement is noisy: look at the history of a test before you blame a commit."
	d.line(11,
		differences("CPU time", "CPU time of the tests in both runs: user time plus kernel time."+note, "s", "/^(user|kernel)_time$/", "r.user_time + r.kernel_time"),
		differences("Wall time", "Wall time of the tests in both runs: from setup to teardown, with all waiting."+note, "s", "/^total_time$/", "r.total_time"))
	d.line(11,
		differences("Memory", "Memory of the tests in both runs: the growth of the process since its session began. It depends on the tests that ran before in the same process."+note, "mbytes", "/^mem_usage$/", "r.mem_usage"),
		modules())
	return d
}

func bothRuns() *panel {
	return table(24, "The two runs", "Both runs on this class of machine: start, commit, number of tests, and total time. Slowdown is how much slower than usual the median test of the run was. It affects all tests at once, so the machine is the likely cause.", "s",
		"which", "_time", "branch", "scm_ref", "build", "status", "tests", "total_time", "cpu_time", "offset", "run").
		field("which", "", width(70)).field("_time", "Started", unit("dateTimeAsIso"), width(170)).field("branch", "Branch").
		field("scm_ref", "Commit", commitLink()).field("build", "Build", width(90)).field("status", "Machine", append(status(), width(110))...).
		field("tests", "Tests", unit("short"), width(80)).field("total_time", "Test time", width(110)).field("cpu_time", "CPU time", width(110)).
		field("offset", "Slowdown", unit("percentunit"), decimals(0), width(110)).
		field("run", "Run", runLink(link{Title: "The whole run", URL: dashboardURL("test-suite-overview", "datasource project env component kind search commit_url", "run", clicked)},
			link{Title: "Verdicts on this run", URL: dashboardURL("regressions", "datasource project commit_url", "run", clicked)})).
		addFlux(runs("machines", onMachine, "run", "branch", "scm_ref", "build", "status", "tests", "total_time", "cpu_time", "offset_cpu_time") + `  |> group()
  |> filter(fn: (r) => r.run =~ /^${base:regex}$/ or r.run =~ /^${run:regex}$/)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({which: if r.run =~ /^${run:regex}$/ then "to" else "from", _time: r._time, branch: r.branch, scm_ref: r.scm_ref, build: r.build, status: r.status, tests: r.tests, total_time: r.total_time, cpu_time: r.cpu_time, offset: ` + slowdown + `, run: r.run}))
`)
}

// both returns Flux that gives a row for each test. The columns `from` and `to` have its values in the two runs; one of
// them may be missing. If a test id repeats in a run, the last value counts: a reduction of tens of thousands of groups
// with one row each would take longer than the rest of the query.
func both(imports, fields, value string) string {
	return imports + "import \"date\"\n\n" + points(suite...) + runFunctions + `of = (id, name) => measured(id: id, begin: beginOf(id: id), field: ` + fields + `)
  |> group()
  |> map(fn: (r) => ({component: r.component, item_path: r.item_path, item: r.item, item_variant: r.item_variant, _value: ` + value + `}))
  |> set(key: "in", value: name)

both = union(tables: [of(id: /^${base:regex}$/, name: "from"), of(id: /^${run:regex}$/, name: "to")])
  |> pivot(rowKey: [` + testColumns + `], columnKey: ["in"], valueColumn: "_value")
`
}

func differences(what, description, measure, fields, value string) *panel {
	return table(12, what+": largest differences", description, measure, "test", "module", "from", "to", "difference", "change").
		field("test", "Test", testLink("datasource project env kind commit_url", chosenEnv)).field("module", "Module").field("from", "From", width(100)).
		field("to", "To", width(100)).field("difference", "Difference", width(100)).field("change", "Change", change()...).
		addFlux(both("import \"math\"\n", fields, value) + `
both
  |> filter(fn: (r) => exists r.from)
  |> filter(fn: (r) => exists r.to)
  |> map(fn: (r) => ({test: ` + testName + `, module: r.item_path, from: r.from, to: r.to, difference: r.to - r.from, change: if r.from > 0.0 then r.to / r.from - 1.0 else 0.0, size: math.abs(x: r.to - r.from)}))
  |> sort(columns: ["size"], desc: true)
  |> limit(n: 100)
  |> drop(columns: ["size"])
`)
}

var onlyInOne = both("", "/^total_time$/", "r.total_time") + `
both
  |> filter(fn: (r) => not exists r.from or not exists r.to)
  |> map(fn: (r) => ({test: ` + testName + `, module: r.item_path, in: if exists r.to then "to" else "from", seconds: if exists r.to then r.to else r.from}))
  |> sort(columns: ["in", "module", "test"])
  |> limit(n: 200)
`

var changes = both("", "/^total_time$/", "r.total_time") + `
both
  |> filter(fn: (r) => exists r.from)
  |> filter(fn: (r) => exists r.to and r.from > 0.0)
  |> map(fn: (r) => ({ratio: r.to / r.from - 1.0}))
  |> histogram(column: "ratio", bins: [-1.0, -0.5, -0.3, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, float(v: "+Inf")])
  |> difference(columns: ["_value"])
  |> map(fn: (r) => ({change: if r.le > 1000.0 then "more" else "≤ " + string(v: int(v: 100.0 * r.le + (if r.le < 0.0 then -0.5 else 0.5))) + " %", tests: r._value}))
`

func modules() *panel {
	return table(12, "Modules", "Sum of the wall time of the tests in each module, for tests that both runs measured. It shows which modules cause the difference of the whole run. The table has the 100 largest differences.", "s", "module", "tests", "from", "to", "difference", "change").
		field("module", "Module").field("tests", "Tests", unit("short"), width(80)).field("from", "From", width(100)).field("to", "To", width(100)).
		field("difference", "Difference", width(100)).field("change", "Change", change()...).
		addFlux(both("import \"math\"\n", "/^total_time$/", "r.total_time") + `
both
  |> filter(fn: (r) => exists r.from)
  |> filter(fn: (r) => exists r.to)
  |> group(columns: ["item_path"])
  |> reduce(identity: {tests: 0, from: 0.0, to: 0.0}, fn: (r, accumulator) => ({tests: accumulator.tests + 1, from: accumulator.from + r.from, to: accumulator.to + r.to}))
  |> group()
  |> map(fn: (r) => ({module: r.item_path, tests: r.tests, from: r.from, to: r.to, difference: r.to - r.from, change: if r.from > 0.0 then r.to / r.from - 1.0 else 0.0, size: math.abs(x: r.to - r.from)}))
  |> sort(columns: ["size"], desc: true)
  |> limit(n: 100)
  |> drop(columns: ["size"])
`)
}
