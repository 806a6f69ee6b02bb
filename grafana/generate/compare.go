package main

// compare answers what is different between two runs, or the commits that they belong to.
func compare() *dashboard {
	d := newDashboard("compare", "Compare two runs", "Every test of two runs on one class of machine side by side: time, memory, and what is in only one of them.")
	d.variables(influxSource(), projectVariable(), envVariable(), componentVariable(), kindVariable(), searchVariable(),
		runVariable("base", "From", "The run that is the measure of the other one; at the start the one before the newest.", onMachine, "1"),
		runVariable("run", "To", "The run that is compared with it; at the start the newest one.", onMachine, "0"), commitVariable())
	d.line(6, bothRuns())
	d.line(9,
		chart(12, "Tests by change of wall time", "How many tests of both runs take how much longer in the second one. A heap that stands beside 0 % as a whole is the machine's doing, a few tests far out are their own.", "short", "change", -45, "always").
			set("decimals", 0).field("tests", "Tests").ask(changes),
		table(12, "Tests in one of the two only", "Tests that were measured in only one of the runs, at most 200: new, removed, renamed, failed, skipped or not selected.", "s", "test", "module", "in", "seconds").
			field("test", "Test", testLink("datasource project env kind commit_url")).field("module", "Module").
			field("in", "Only in", width(110)).field("seconds", "Wall time", width(100)).ask(onlyInOne))
	note := " The 100 greatest differences; a single measurement is noisy, so look at the history of a test before blaming a commit."
	d.line(11,
		differences("CPU time", "User and kernel time of the tests of both runs."+note, "s", "/^(user|kernel)_time$/", "r.user_time + r.kernel_time"),
		differences("Wall time", "Time from set-up to teardown of the tests of both runs."+note, "s", "/^total_time$/", "r.total_time"))
	d.line(11,
		differences("Memory", "Growth of the process since its session began, in both runs. It depends on which tests ran before in the same process."+note, "mbytes", "/^mem_usage$/", "r.mem_usage"),
		modules())
	return d
}

func bothRuns() *panel {
	return table(24, "The two runs", "Both runs as a whole, on this class of machine: when, of which commit, how many tests, how much time, and how much slower than usual everything was at once.", "s",
		"which", "_time", "branch", "scm_ref", "build", "status", "tests", "total_time", "cpu_time", "offset", "run").
		field("which", "", width(70)).field("_time", "Started", unit("dateTimeAsIso"), width(170)).field("branch", "Branch").
		field("scm_ref", "Commit", commitLink()).field("build", "Build", width(90)).field("status", "Machine", append(status(), width(110))...).
		field("tests", "Tests", unit("short"), width(80)).field("total_time", "Test time", width(110)).field("cpu_time", "CPU time", width(110)).
		field("offset", "All slower by", unit("percentunit"), decimals(0), width(110)).
		field("run", "Run", links(link{Title: "The whole run", URL: to("test-suite-overview", "datasource project env component kind search commit_url", "run", clicked)},
			link{Title: "Verdicts on this run", URL: to("regressions", "datasource project commit_url", "run", clicked)})).
		ask(runs("machines", onMachine, "run", "branch", "scm_ref", "build", "status", "tests", "total_time", "cpu_time", "offset_cpu_time") + `  |> group()
  |> filter(fn: (r) => r.run =~ /^${base:regex}$/ or r.run =~ /^${run:regex}$/)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({which: if r.run =~ /^${run:regex}$/ then "to" else "from", _time: r._time, branch: r.branch, scm_ref: r.scm_ref, build: r.build, status: r.status, tests: r.tests, total_time: r.total_time, cpu_time: r.cpu_time, offset: ` + slower + `, run: r.run}))
`)
}

// both gives a row for each test. The columns `from` and `to` have its cost in the two runs; one of them may be missing. Of
// tests that share an id in a run, the last one counts: to group them would take longer than all the rest.
func both(imports, fields, value string) string {
	return imports + "import \"date\"\n\n" + points(suite...) + measured + `of = (id, name) => measured(id: id, begin: beginOf(id: id), field: ` + fields + `)
  |> group()
  |> map(fn: (r) => ({component: r.component, item_path: r.item_path, item: r.item, item_variant: r.item_variant, _value: ` + value + `}))
  |> set(key: "in", value: name)

both = union(tables: [of(id: /^${base:regex}$/, name: "from"), of(id: /^${run:regex}$/, name: "to")])
  |> pivot(rowKey: [` + identity + `], columnKey: ["in"], valueColumn: "_value")
`
}

func differences(what, description, measure, fields, value string) *panel {
	return table(12, what+": largest differences", description, measure, "test", "module", "from", "to", "difference", "change").
		field("test", "Test", testLink("datasource project env kind commit_url")).field("module", "Module").field("from", "From", width(100)).
		field("to", "To", width(100)).field("difference", "Difference", width(100)).field("change", "Change", change()...).
		ask(both("import \"math\"\n", fields, value) + `
both
  |> filter(fn: (r) => exists r.from)
  |> filter(fn: (r) => exists r.to)
  |> map(fn: (r) => ({test: ` + shown + `, module: r.item_path, from: r.from, to: r.to, difference: r.to - r.from, change: if r.from > 0.0 then r.to / r.from - 1.0 else 0.0, size: math.abs(x: r.to - r.from)}))
  |> sort(columns: ["size"], desc: true)
  |> limit(n: 100)
  |> drop(columns: ["size"])
`)
}

var onlyInOne = both("", "/^total_time$/", "r.total_time") + `
both
  |> filter(fn: (r) => not exists r.from or not exists r.to)
  |> map(fn: (r) => ({test: ` + shown + `, module: r.item_path, in: if exists r.to then "to" else "from", seconds: if exists r.to then r.to else r.from}))
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
	return table(12, "Modules", "Wall time of the tests of each module together, of those that both runs measured: where the difference of the suite comes from. The 100 greatest differences.", "s", "module", "tests", "from", "to", "difference", "change").
		field("module", "Module").field("tests", "Tests", unit("short"), width(80)).field("from", "From", width(100)).field("to", "To", width(100)).
		field("difference", "Difference", width(100)).field("change", "Change", change()...).
		ask(both("import \"math\"\n", "/^total_time$/", "r.total_time") + `
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
