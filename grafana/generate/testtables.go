package main

// verdictsOnTest returns the table of the verdicts on the test, the newest first.
func verdictsOnTest() *panel {
	return table(24, "Verdicts on this test", "The verdicts of the bridge on this test, the newest first. Usual is the median of the earlier runs. A value above Limit is conspicuous. Times are in seconds, memory is in MiB. q is the probability of such a value by chance, corrected for the number of tests. The cause of a confirmed change is a commit after the last good commit, up to the first bad commit.", "short",
		"_time", "status", "metric", "env", "value", "baseline", "limit", "ratio", "q", "n", "last_good", "first_bad", "branch", "run").
		field("_time", "Run", unit("dateTimeAsIso"), width(170)).field("status", "Verdict", append(status(), width(110))...).
		field("metric", "Metric", width(100)).field("env", "Machine class").field("value", "Value", decimals(3), width(90)).
		field("baseline", "Usual", decimals(3), width(90)).field("limit", "Limit", decimals(3), width(90)).
		field("ratio", "Ratio", append(coloured(steps("green", 0, "text", 0.95, "orange", 1.05, "red", 1.5)), decimals(2), width(70))...).
		field("q", "q", unit("none"), width(90)).field("n", "Earlier runs", width(100)).
		field("last_good", "Last good", commitLink()).field("first_bad", "First bad", commitLink()).field("branch", "Branch").
		field("run", "Run id", runLink(link{Title: "The whole run", URL: dashboardURL("test-suite-overview", "datasource project env branch kind commit_url", "run", clicked)},
			link{Title: "All verdicts on this run", URL: dashboardURL("regressions", "datasource project branch commit_url", "run", clicked)})).
		addFlux(verdictsOf("run", "value", "baseline", "limit", "ratio", "q", "n", "last_good", "first_bad") + `  |> sort(columns: ["_time"], desc: true)
  |> limit(n: 200)
  |> map(fn: (r) => ({_time: r._time, status: r.status, metric: r.metric, env: r.env, value: r.value, baseline: r.baseline, limit: r.limit, ratio: r.ratio, q: r.q, n: r.n, last_good: r.last_good, first_bad: r.first_bad, branch: r.branch, run: r.run}))
`)
}

// measurements returns the table of the measurements of the test, the newest first.
func measurements() *panel {
	keep := "datasource project env kind"
	return table(14, "Measurements of this test", "The measurements of this test in each run, the newest first, at most 200, with the commit and the class of machine.", "s",
		"_time", "run", "branch", "scm_ref", "env", "total_time", "cpu", "mem_usage").
		field("_time", "Started", unit("dateTimeAsIso"), width(170)).
		field("run", "Run", runLink(link{Title: "The whole run", URL: dashboardURL("test-suite-overview", keep+" branch commit_url", "run", clicked)},
			link{Title: "Compare the newest run with this one", URL: dashboardURL("compare", keep, "base", clicked)})).
		field("branch", "Branch").field("scm_ref", "Commit", commitLink()).field("env", "Machine class").
		field("total_time", "Wall time", width(90)).field("cpu", "CPU time", width(90)).field("mem_usage", "Memory", unit("mbytes"), width(90)).
		addFlux(points(inProject, inEnv, inModule) + `points()
  |> filter(fn: (r) => ` + isTest + `)
  |> filter(fn: (r) => ` + anyField("run", "branch", "scm_ref", "total_time", "user_time", "kernel_time", "mem_usage") + `)
  |> group(columns: ["_field"])
  |> pivot(rowKey: ["_time", "env"], columnKey: ["_field"], valueColumn: "_value")
  |> group()
  |> filter(fn: (r) => ` + inBranch + `)
  |> sort(columns: ["_time"], desc: true)
  |> limit(n: 200)
  |> map(fn: (r) => ({_time: r._time, run: r.run, branch: r.branch, scm_ref: r.scm_ref, env: r.env, total_time: r.total_time, cpu: r.user_time + r.kernel_time, mem_usage: r.mem_usage}))
`)
}

// neighbours returns the table of the tests of the same module. Each name links to the page of its test.
func neighbours() *panel {
	return table(10, "Tests of the same module", "The tests of the same module, the slowest first, at most 200. Wall time and Memory are means over the time range and the chosen classes of machine. Memory adds up over the tests of a process. So an earlier test may be the cause of a higher value.", "s",
		"test", "module", "seconds", "memory").
		field("test", "Test", testLink("datasource project kind env branch commit_url", "")).field("module", "Module").
		field("seconds", "Wall time", width(100)).field("memory", "Memory", unit("mbytes"), width(100)).
		addFlux(points(inProject, inEnv, inModule) + `points()
  |> filter(fn: (r) => r._field == "total_time" or r._field == "mem_usage")
  |> mean()
  |> group(columns: ["_field", ` + testColumns + `])
  |> mean()
  |> group()
  |> pivot(rowKey: [` + testColumns + `], columnKey: ["_field"], valueColumn: "_value")
  |> sort(columns: ["total_time"], desc: true)
  |> limit(n: 200)
  |> map(fn: (r) => ({test: ` + testName + `, module: r.item_path, seconds: r.total_time, memory: r.mem_usage}))
`)
}
