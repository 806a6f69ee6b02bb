package main

// chosenRun adds what the tests of one run cost.
func chosenRun(d *dashboard) {
	keep := "datasource project branch env kind commit_url"
	d.row("The chosen run", "")
	d.line(11,
		table(12, "Slowest tests of the chosen run", "The 100 slowest tests of the chosen run beside the mean of their earlier measurements in the time range, on any branch of the same machine class. 0 % also stands for a test without earlier measurements.", "s",
			"test", "module", "component", "now", "before", "ratio").
			field("test", "Test", testLink(keep)).field("module", "Module").field("component", "Component", width(110)).
			field("now", "This run", width(100)).field("before", "Before", width(100)).field("ratio", "Change", change()...).ask(slowest),
		table(12, "Largest changes in the chosen run", "The 100 tests whose time changed most against their last measurement before the chosen run, on any branch of the same machine class. One measurement is noisy: the verdicts say which changes are confirmed.", "s",
			"test", "module", "before", "now", "change", "ratio").
			field("test", "Test", testLink(keep)).field("module", "Module").field("before", "Before", width(100)).
			field("now", "This run", width(100)).field("change", "Difference", width(100)).field("ratio", "Change", change()...).ask(changed))
	d.line(11,
		ranking(12, "Most memory in the chosen run", "The 15 tests at whose end the process had grown most since its session began. Growth adds up over a process: the first test that stands out is more likely the cause than those after it.", "mbytes", "memory", 15).
			field("memory", "Memory").ask(hungriest),
		chart(12, "How long the tests of the chosen run took", "Number of tests by their wall time; each bar holds those above the limit of the bar before it. pytest-monitor's own measuring takes 20 to 70 ms, so that no test is faster.", "short", "duration", 0, "always").
			set("decimals", 0).field("tests", "Tests").ask(durations))
}

// chosen begins a query about the chosen run.
func chosen(imports string) string {
	return imports + "import \"date\"\n\n" + points(suite...) + measured + theRun
}

var slowest = chosen("import \"array\"\nimport \"regexp\"\nimport \"strings\"\n") + `chosen = measured(id: run, begin: begin, field: /^total_time$/)
  |> group(columns: [` + identity + `])
  |> mean(column: "total_time")
  |> group()
  |> sort(columns: ["total_time"], desc: true)
  |> limit(n: 100)
  |> rename(columns: {total_time: "_value"})

` + theseTests + `before = points(start: date.sub(d: 1ns, from: v.timeRangeStart), stop: begin)
  |> filter(fn: (r) => ` + isThese + `)
  |> filter(fn: (r) => r._field == "total_time")
  |> mean()
  |> group()
  |> keep(columns: [` + identity + `, "_value"])

union(tables: [chosen |> set(key: "when", value: "now"), before |> set(key: "when", value: "before")])
  |> pivot(rowKey: [` + identity + `], columnKey: ["when"], valueColumn: "_value")
  |> filter(fn: (r) => exists r.now)
  |> map(fn: (r) => ({test: ` + shown + `, module: r.item_path, component: r.component, now: r.now, before: r.before, ratio: if exists r.before and r.before > 0.0 then r.now / r.before - 1.0 else 0.0}))
  |> sort(columns: ["now"], desc: true)
`

var changed = chosen("import \"math\"\n") + `now = measured(id: run, begin: begin, field: /^total_time$/)
  |> group(columns: [` + identity + `])
  |> mean(column: "total_time")
  |> group()
  |> rename(columns: {total_time: "_value"})
  |> set(key: "when", value: "now")

before = points(start: date.sub(d: 1ns, from: v.timeRangeStart), stop: begin)
  |> filter(fn: (r) => r._field == "total_time")
  |> last()
  |> group()
  |> keep(columns: [` + identity + `, "_value"])
  |> set(key: "when", value: "before")

union(tables: [now, before])
  |> pivot(rowKey: [` + identity + `], columnKey: ["when"], valueColumn: "_value")
  |> filter(fn: (r) => exists r.now)
  |> filter(fn: (r) => exists r.before)
  |> map(fn: (r) => ({test: ` + shown + `, module: r.item_path, before: r.before, now: r.now, change: r.now - r.before, ratio: if r.before > 0.0 then r.now / r.before - 1.0 else 0.0, size: math.abs(x: r.now - r.before)}))
  |> sort(columns: ["size"], desc: true)
  |> limit(n: 100)
  |> drop(columns: ["size"])
`

var hungriest = chosen("") + `measured(id: run, begin: begin, field: /^mem_usage$/)
  |> group(columns: [` + identity + `])
  |> max(column: "mem_usage")
  |> group()
  |> sort(columns: ["mem_usage"], desc: true)
  |> limit(n: 15)
  |> map(fn: (r) => ({test: ` + shown + `, memory: r.mem_usage}))
`

var durations = chosen("") + `measured(id: run, begin: begin, field: /^total_time$/)
  |> group()
  |> histogram(column: "total_time", bins: [0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, float(v: "+Inf")])
  |> difference(columns: ["_value"])
  |> map(fn: (r) => ({duration: if r.le > 1000000.0 then "longer" else "≤ " + string(v: r.le) + " s", tests: r._value}))
`
