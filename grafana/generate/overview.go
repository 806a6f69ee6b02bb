package main

// overview returns the dashboard about a whole suite: its runs, and the tests of one run.
func overview() *dashboard {
	d := newDashboard("test-suite-overview", "Test suite overview",
		"Shows the tests of a project, run by run: the wall time, CPU time and memory that pytest-monitor measured, and the verdicts of the bridge.")
	d.variables(influxSource(), projectVariable(), envVariable(), componentVariable(), branchVariable(), kindVariable(), searchVariable(),
		runVariable("run", "Run", "The run to show in detail. The newest run is the first in the list.", onMachine, "0"), commitVariable(), bridgeVariable())
	d.annotate("Regressions", "red", suspiciousRuns)
	d.line(5, newestRun(), newestVerdicts("datasource project branch"))
	d.line(9,
		chart(12, "Test time of each run, by commit", "Sum of the wall time of all tests in a run. The newest run is on the right. At most 50 runs are shown. With pytest-xdist this is the work of all workers, not the time that a person waited.", "s", "commit", -45, "never").
			set("links", inBridge("Runs in the bridge", pageURL("runs"))).field("seconds", "Test time").addFlux("import \"strings\"\n\n"+perRun("machines", onMachine,
			`{commit: strings.substring(v: if r.scm_ref == "(none)" then r.run else r.scm_ref, start: 0, end: 8), seconds: r.total_time}`,
			"run", "scm_ref", "total_time")+"  |> tail(n: 50)\n"),
		bars(12, "Tests in each run", "Number of tests that each run measured. pytest-monitor measures only passed tests. So a drop means that tests failed, were skipped or were not selected.", "short", false).
			set("decimals", 0).set("color", fixedColour("purple")).set("links", inBridge("Runs in the bridge", pageURL("runs"))).field("tests", "Tests").
			addFlux(perRun("machines", onMachine, "{_time: r._time, tests: float(v: r.tests)}", "tests")))
	d.line(4, suiteStatus())
	d.line(10, runsTable())
	chosenRun(d)
	d.row("Outcomes", "")
	d.line(10, flakyTests())
	return d
}

// suspiciousRuns gives an annotation for each run with regressions.
const suspiciousRuns = inTimeRange + `  |> filter(fn: (r) => r._measurement == "runs" and ` + inProject + `)
  |> filter(fn: (r) => r._field == "regressions" or r._field == "scm_ref" or r._field == "branch")
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "project"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => ` + inBranch + ` and r.regressions > 0)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, title: string(v: r.regressions) + " regressions", text: r.branch + " " + r.scm_ref, tags: r.branch}))
`

func newestRun() *panel {
	return numbers(14, "Newest run", "The newest run of the chosen project, machine class and branches: the number of tests, the sum of their wall time, and the sum of their CPU time. Slowdown is how much slower than usual the median test was. It affects all tests at once, so the machine is the likely cause. The line behind each number shows all runs.", "short").
		field("tests", "Tests", unit("short"), decimals(0)).field("seconds", "Test time", unit("s")).field("cpu", "CPU time", unit("s")).
		field("offset", "Slowdown", unit("percentunit"), decimals(0)).
		addFlux(perRun("machines", onMachine,
			"{_time: r._time, tests: float(v: r.tests), seconds: r.total_time, cpu: r.cpu_time, offset: "+slowdown+"}",
			"tests", "total_time", "cpu_time", "offset_cpu_time"))
}

// newestVerdicts shows the number of verdicts on the newest run, on all classes of machine.
func newestVerdicts(keep string) *panel {
	p := numbers(10, "Verdicts on the newest run", "Number of verdicts on the newest run of the chosen branches, on all classes of machine. Regression: several runs confirm that the test is slower than usual or uses more memory. Suspect: the test stood out in one run, which may be noise. Improvement: several runs confirm that the test is faster or uses less memory. Each test is judged by CPU time, wall time and memory.", "short").
		set("decimals", 0).set("links", append([]link{{Title: "Which tests", URL: dashboardURL("regressions", keep)}},
		inBridge("Regressions in the bridge", pageURL("regressions"))...))
	for _, v := range verdictKinds {
		p.field(v[0], v[1], property{"color", object{"mode": "thresholds"}}, property{"thresholds", steps("text", 0, v[2], 1)})
	}
	return p.addFlux(verdictCounts)
}

func suiteStatus() *panel {
	return states(24, "Status of the suite", "Status of the whole suite in each run. Slow machine: nearly all tests were slower in this run. Regression: this lasts for several runs on one class of machine. Learning: there are too few earlier runs.").
		addFlux(perRun("runs", inProject, "{_time: r._time, Suite: r.suite}", "suite"))
}

func runsTable() *panel {
	keep := "datasource project env component branch kind search"
	p := table(24, "Runs", "The judged runs in the time range, the newest first, at most 200. Suite, Regressions, Suspects and Improvements are about all classes of machine. Change is the difference in test time to the previous run in this list. Slowdown is how much slower than usual the median test was. Click a run to choose it for the panels below.", "s",
		"_time", "run", "branch", "scm_ref", "build", "suite", "regressions", "suspects", "improvements", "tests", "seconds", "change", "cpu", "offset").
		field("_time", "Started", unit("dateTimeAsIso"), width(170)).
		field("run", "Run", runLink(link{Title: "Choose this run", URL: dashboardURL("test-suite-overview", keep, "run", clicked)},
			link{Title: "Verdicts on this run", URL: dashboardURL("regressions", "datasource project branch", "run", clicked)},
			link{Title: "Compare the chosen run with this one", URL: dashboardURL("compare", "datasource project env component kind search run", "base", clicked)})).
		field("branch", "Branch").field("scm_ref", "Commit", commitLink()).field("build", "Build", width(90)).
		field("suite", "Suite", append(status(), width(110))...)
	for _, v := range verdictKinds {
		p.field(v[0], v[1], append(coloured(steps("text", 0, v[2], 1)), unit("short"), width(100))...)
	}
	return p.field("tests", "Tests", unit("short"), decimals(0), width(80)).field("seconds", "Test time", width(100)).
		field("change", "Change", width(100)).field("cpu", "CPU time", width(100)).
		field("offset", "Slowdown", unit("percentunit"), decimals(0), width(110)).addFlux(runsQuery)
}

// runsQuery joins the measurement machines, for one class of machine, with the measurement runs, for all classes. The
// points of one run have the same time in both measurements.
const runsQuery = inTimeRange + `  |> filter(fn: (r) => r._measurement == "machines" and ` + inEnv + ` or r._measurement == "runs" and (r._field == "suite" or r._field == "regressions" or r._field == "suspects" or r._field == "improvements"))
  |> filter(fn: (r) => ` + inProject + `)
  |> filter(fn: (r) => r._field != "status")
  |> keep(columns: ["_time", "_field", "_value"])
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => exists r.run)
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"])
  |> map(fn: (r) => ({_time: r._time, run: r.run, branch: r.branch, scm_ref: r.scm_ref, build: r.build, suite: r.suite, regressions: r.regressions, suspects: r.suspects, improvements: r.improvements, tests: r.tests, seconds: r.total_time, change: r.total_time, cpu: r.cpu_time, offset: ` + slowdown + `}))
  |> difference(columns: ["change"], keepFirst: true)
  |> sort(columns: ["_time"], desc: true)
  |> limit(n: 200)
`
