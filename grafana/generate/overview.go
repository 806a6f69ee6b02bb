package main

// overview answers what the suite costs, which tests cost most, what changed in a run, and since when.
func overview() *dashboard {
	d := newDashboard("test-suite-overview", "Test suite overview",
		"What the tests of a project cost, run by run: time, CPU and memory as measured by pytest-monitor, and what the bridge thinks of it.")
	d.variables(influxSource(), projectVariable(), envVariable(), componentVariable(), branchVariable(), kindVariable(), searchVariable(),
		runVariable("run", "Run", "The run that is looked at in detail; the newest one first.", onMachine, "0"), commitVariable())
	d.annotate("Regressions", "red", suspiciousRuns)
	d.line(5, newestRun(), newestVerdicts("datasource project branch"))
	d.line(9,
		chart(12, "Test time of each run, by commit", "Wall time of all tests of a run together, newest run on the right, at most 50 runs. With pytest-xdist this is the work done by all workers, not the time a person waited.", "s", "commit", -45, "never").
			field("seconds", "Test time").ask("import \"strings\"\n\n"+perRun("machines", onMachine,
			`{commit: strings.substring(v: if r.scm_ref == "(none)" then r.run else r.scm_ref, start: 0, end: 8), seconds: r.total_time}`,
			"run", "scm_ref", "total_time")+"  |> tail(n: 50)\n"),
		bars(12, "Tests in each run", "How many tests each run measured. A drop means that tests failed, were skipped or were not selected: pytest-monitor measures passed tests only.", "short", false).
			set("decimals", 0).set("color", fixedColour("purple")).field("tests", "Tests").
			ask(perRun("machines", onMachine, "{_time: r._time, tests: float(v: r.tests)}", "tests")))
	d.line(4, suiteStatus())
	d.line(10, runsTable())
	chosenRun(d)
	return d
}

// suspiciousRuns annotates runs that confirmed something to be slower.
const suspiciousRuns = ranged + `  |> filter(fn: (r) => r._measurement == "runs" and ` + inProject + `)
  |> filter(fn: (r) => r._field == "regressions" or r._field == "scm_ref" or r._field == "branch")
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "project"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => ` + inBranch + ` and r.regressions > 0)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, title: string(v: r.regressions) + " regressions", text: r.branch + " " + r.scm_ref, tags: r.branch}))
`

func newestRun() *panel {
	return numbers(14, "Newest run", "The newest run of the chosen project, machine class and branches: measured tests, their time and CPU time together, and how much slower than usual all of them were at once, which is the machine's doing rather than a test's. The line behind each number is its course over the runs.", "short").
		field("tests", "Tests", unit("short"), decimals(0)).field("seconds", "Test time", unit("s")).field("cpu", "CPU time", unit("s")).
		field("offset", "All slower by", unit("percentunit"), decimals(0)).
		ask(perRun("machines", onMachine,
			"{_time: r._time, tests: float(v: r.tests), seconds: r.total_time, cpu: r.cpu_time, offset: "+slower+"}",
			"tests", "total_time", "cpu_time", "offset_cpu_time"))
}

// newestVerdicts counts what was found in the newest run, on all classes of machine.
func newestVerdicts(keep string) *panel {
	p := numbers(10, "Verdicts on the newest run", "How many tests the newest run of the chosen branches confirmed to be slower or hungrier than usual (regressions) or faster (improvements), and how many stood out once and may be noise (suspects), on all classes of machine. Each test is judged by CPU time, wall time and memory.", "short").
		set("decimals", 0).set("links", []link{{Title: "Which tests", URL: to("regressions", keep)}})
	for _, v := range counted {
		p.field(v[0], v[1], property{"color", object{"mode": "thresholds"}}, property{"thresholds", steps("text", 0, v[2], 1)})
	}
	return p.ask(verdictCounts)
}

func suiteStatus() *panel {
	return states(24, "Suite", "What was found of the suite as a whole, from run to run: slow machine where nearly all tests were slower at once, regression where that lasts for several runs on one class of machine, learning while there are too few earlier runs.").
		ask(perRun("runs", inProject, "{_time: r._time, Suite: r.suite}", "suite"))
}

func runsTable() *panel {
	keep := "datasource project env component branch kind search"
	p := table(24, "Runs", "The judged runs in the time range, newest first, at most 200, with the change of test time against the run before it in this list, and what was found in it on all classes of machine. Click a run to choose it for the panels below.", "s",
		"_time", "run", "branch", "scm_ref", "build", "suite", "regressions", "suspects", "improvements", "tests", "seconds", "change", "cpu", "offset").
		field("_time", "Started", unit("dateTimeAsIso"), width(170)).
		field("run", "Run", links(link{Title: "Choose this run", URL: to("test-suite-overview", keep, "run", clicked)},
			link{Title: "Verdicts on this run", URL: to("regressions", "datasource project branch", "run", clicked)},
			link{Title: "Compare the chosen run with this one", URL: to("compare", "datasource project env component kind search run", "base", clicked)})).
		field("branch", "Branch").field("scm_ref", "Commit", commitLink()).field("build", "Build", width(90)).
		field("suite", "Suite", append(status(), width(110))...)
	for _, v := range counted {
		p.field(v[0], v[1], append(coloured(steps("text", 0, v[2], 1)), unit("short"), width(100))...)
	}
	return p.field("tests", "Tests", unit("short"), decimals(0), width(80)).field("seconds", "Test time", width(100)).
		field("change", "Change", width(100)).field("cpu", "CPU time", width(100)).
		field("offset", "All slower by", unit("percentunit"), decimals(0), width(110)).ask(runsQuery)
}

// runsQuery puts what machines says of a class of machine beside what runs says of all of them: points of one run have
// the same time in both.
const runsQuery = ranged + `  |> filter(fn: (r) => r._measurement == "machines" and ` + inEnv + ` or r._measurement == "runs" and (r._field == "suite" or r._field == "regressions" or r._field == "suspects" or r._field == "improvements"))
  |> filter(fn: (r) => ` + inProject + `)
  |> filter(fn: (r) => r._field != "status")
  |> keep(columns: ["_time", "_field", "_value"])
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => exists r.run)
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, run: r.run, branch: r.branch, scm_ref: r.scm_ref, build: r.build, suite: r.suite, regressions: r.regressions, suspects: r.suspects, improvements: r.improvements, tests: r.tests, seconds: r.total_time, change: r.total_time, cpu: r.cpu_time, offset: ` + slower + `}))
  |> difference(columns: ["change"], keepFirst: true)
  |> sort(columns: ["_time"], desc: true)
  |> limit(n: 200)
`
