package main

// chosenRun adds the panels about the tests of one run.
func chosenRun(d *dashboard) {
	keep := "datasource project branch env kind commit_url"
	d.row("The chosen run", "")
	d.line(11,
		table(12, "Slowest tests of the chosen run", "The 100 slowest tests of the chosen run. Before is the mean of the earlier measurements in the time range, on the same machine class and on any branch. A test without earlier measurements has the change 0 %.", "s",
			"test", "module", "component", "now", "before", "ratio").
			field("test", "Test", testLink(keep, chosenEnv)).field("module", "Module").field("component", "Component", width(110)).
			field("now", "This run", width(100)).field("before", "Before", width(100)).field("ratio", "Change", change()...).addFlux(slowest),
		table(12, "Largest changes in the chosen run", "The 100 tests with the largest change of wall time. Before is the last measurement before the chosen run, on the same machine class and on any branch. A single measurement is noisy. The verdicts show which changes are confirmed.", "s",
			"test", "module", "before", "now", "change", "ratio").
			field("test", "Test", testLink(keep, chosenEnv)).field("module", "Module").field("before", "Before", width(100)).
			field("now", "This run", width(100)).field("change", "Difference", width(100)).field("ratio", "Change", change()...).addFlux(changed))
	d.line(11,
		ranking(12, "Most memory in the chosen run", "The 15 tests with the most memory: the growth of the process since its session began. Memory adds up over the tests of a process. So the first test with a high value is more likely the cause than later tests.", "mbytes", "memory", 15).
			field("memory", "Memory").addFlux(hungriest),
		chart(12, "Tests of the chosen run by wall time", "Number of tests by wall time. Each bar counts the tests between its limit and the limit of the bar before. No test is faster than 20 to 70 ms, because pytest-monitor needs this time to measure.", "short", "duration", 0, "always").
			set("decimals", 0).field("tests", "Tests").addFlux(durations))
}

// runQuery returns the start of a query about the chosen run.
func runQuery(imports string) string {
	return imports + "import \"date\"\n\n" + points(suite...) + runFunctions + theChosenRun
}

var slowest = runQuery("import \"array\"\nimport \"regexp\"\nimport \"strings\"\n") + `chosen = measured(id: run, begin: begin, field: /^total_time$/)
  |> group()
  |> sort(columns: ["total_time"], desc: true)
  |> limit(n: 100)
  |> rename(columns: {total_time: "_value"})

` + chosenTests + `before = points(start: date.sub(d: 1ns, from: v.timeRangeStart), stop: begin)
  |> filter(fn: (r) => ` + isChosenTest + `)
  |> filter(fn: (r) => r._field == "total_time")
  |> mean()
  |> group()
  |> keep(columns: [` + testColumns + `, "_value"])

union(tables: [chosen |> set(key: "when", value: "now"), before |> set(key: "when", value: "before")])
  |> pivot(rowKey: [` + testColumns + `], columnKey: ["when"], valueColumn: "_value")
  |> filter(fn: (r) => exists r.now)
  |> map(fn: (r) => ({test: ` + testName + `, module: r.item_path, component: r.component, now: r.now, before: r.before, ratio: if exists r.before and r.before > 0.0 then r.now / r.before - 1.0 else 0.0}))
  |> sort(columns: ["now"], desc: true)
`

var changed = runQuery("import \"math\"\n") + `now = measured(id: run, begin: begin, field: /^total_time$/)
  |> group()
  |> rename(columns: {total_time: "_value"})
  |> set(key: "when", value: "now")

before = points(start: date.sub(d: 1ns, from: v.timeRangeStart), stop: begin)
  |> filter(fn: (r) => r._field == "total_time")
  |> last()
  |> group()
  |> keep(columns: [` + testColumns + `, "_value"])
  |> set(key: "when", value: "before")

union(tables: [now, before])
  |> pivot(rowKey: [` + testColumns + `], columnKey: ["when"], valueColumn: "_value")
  |> filter(fn: (r) => exists r.now)
  |> filter(fn: (r) => exists r.before)
  |> map(fn: (r) => ({test: ` + testName + `, module: r.item_path, before: r.before, now: r.now, change: r.now - r.before, ratio: if r.before > 0.0 then r.now / r.before - 1.0 else 0.0, size: math.abs(x: r.now - r.before)}))
  |> sort(columns: ["size"], desc: true)
  |> limit(n: 100)
  |> drop(columns: ["size"])
`

var hungriest = runQuery("") + `measured(id: run, begin: begin, field: /^mem_usage$/)
  |> group()
  |> sort(columns: ["mem_usage"], desc: true)
  |> limit(n: 15)
  |> map(fn: (r) => ({test: ` + testName + `, memory: r.mem_usage}))
`

var durations = runQuery("") + `measured(id: run, begin: begin, field: /^total_time$/)
  |> group()
  |> histogram(column: "total_time", bins: [0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, float(v: "+Inf")])
  |> difference(columns: ["_value"])
  |> map(fn: (r) => ({duration: if r.le > 1000000.0 then "longer" else "≤ " + string(v: r.le) + " s", tests: r._value}))
`
