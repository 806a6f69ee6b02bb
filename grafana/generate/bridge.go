package main

// bridge answers whether the bridge itself is well: what it accepts, what it has delivered, and what hinders it. The numbers
// come from `/-/metrics` through Prometheus, since InfluxDB does not know what has not reached it.
func bridge() *dashboard {
	d := newDashboard("bridge", "Bridge", "Whether the bridge itself is well: what it accepts and delivers, how long that takes, and what waits. Needs a Prometheus that scrapes /-/metrics.")
	d.UID = "pymon-bridge-state" // pymon-bridge is the folder's
	instance := asked("instance", "Bridge", "The bridges that are shown, by the address that Prometheus scrapes.", "label_values(pymon_bridge_build_info, instance)", 1).any()
	instance.Datasource = &prometheus
	d.variables(source("prometheus", "prometheus", "A Prometheus data source that scrapes the bridge's /-/metrics."), instance)
	d.Time = timeRange{"now-6h", "now"}
	d.line(5, standing())
	d.line(9,
		rates("Accepted", "Records answered with 201 in each second. Of these, repeats were stored already: a client or a balancer sends them twice.", "ops").
			askPrometheus("{{class}}", sum("class", "rate(pymon_bridge_accepted_total"+here+"[$__rate_interval])")).
			askPrometheus("repeats", sum("", "rate(pymon_bridge_repeats_total"+here+"[$__rate_interval])")),
		rates("Refused", "Requests answered with an error in each second, by reason. pytest-monitor switches its sending off for the rest of a run at the first one.", "ops").
			askPrometheus("{{reason}}", sum("reason", "rate(pymon_bridge_refused_total"+here+"[$__rate_interval])")),
		rates("Time to answer", "How long requests take until they are answered. Tests wait for this, and only for this.", "s").
			askPrometheus("half of them", quantile("0.5", "request_duration_seconds")).askPrometheus("99 of 100", quantile("0.99", "request_duration_seconds")))
	d.line(9,
		rates("Delivered", "Records that InfluxDB stored in each second.", "ops").
			askPrometheus("{{class}}", sum("class", "rate(pymon_bridge_delivered_total"+here+"[$__rate_interval])")),
		rates("Waiting", "Records that are not yet delivered, and of these metrics that wait for their session or context. They are kept on disk: nothing is lost while it grows.", "short").
			askPrometheus("not delivered", sum("", "pymon_bridge_journal_depth"+here)).askPrometheus("parked", sum("", "pymon_bridge_journal_parked_records"+here)),
		rates("From acceptance to InfluxDB", "How long records took from their acceptance until InfluxDB had stored them.", "s").
			askPrometheus("half of them", quantile("0.5", "delivery_lag_seconds")).askPrometheus("99 of 100", quantile("0.99", "delivery_lag_seconds")))
	d.line(9,
		rates("Put off", "Deliveries that are tried again later, by the status that InfluxDB answered; none where it did not answer.", "ops").
			askPrometheus("{{code}}", sum("code", "rate(pymon_bridge_retries_total"+here+"[$__rate_interval])")),
		rates("Dead letters", "Records that InfluxDB refused for good within the last hour, by class. They are kept, with InfluxDB's own words.", "short").
			askPrometheus("{{class}}", sum("class", "increase(pymon_bridge_dead_letters_total"+here+"[1h])")),
		rates("New tests", "Tests and modules measured for the first time within the last hour: each is a new series in InfluxDB. A steady stream means that test ids hold something that changes.", "short").
			askPrometheus("new series", sum("", "increase(pymon_bridge_new_series_total"+here+"[1h])")))
	d.line(9,
		rates("Time to store", "How long one transaction of the local file takes until it is on stable storage: this is the disk's speed.", "s").
			askPrometheus("half of them", quantile("0.5", "commit_duration_seconds")).askPrometheus("99 of 100", quantile("0.99", "commit_duration_seconds")),
		rates("Disk", "The size of the local file, and what is free on its disk. Below --min-free (256 MiB) new measurements are refused.", "bytes").
			askPrometheus("local file", sum("", "pymon_bridge_journal_size_bytes"+here)).askPrometheus("free", "min(pymon_bridge_journal_free_bytes"+here+")"),
		rates("Lookups answered from memory", "Share of the lookups of sessions and contexts that needed no reading, by bridge. pytest asks once for each session.", "percentunit").set("max", 1).
			askPrometheus("{{instance}}", `sum by (instance) (rate(pymon_bridge_cache_lookups_total{instance=~"$instance",result!="miss"}[$__rate_interval])) / sum by (instance) (rate(pymon_bridge_cache_lookups_total`+here+`[$__rate_interval]))`))
	d.line(8,
		rates("Processor", "Cores that the bridge keeps busy, by bridge.", "short").
			askPrometheus("{{instance}}", sum("instance", ofBridges("rate(process_cpu_seconds_total"+here+"[$__rate_interval])"))),
		rates("Memory of the bridge", "Memory that the bridge occupies, by bridge. It does not grow with what waits: that is on disk.", "bytes").
			askPrometheus("{{instance}}", sum("instance", ofBridges("process_resident_memory_bytes"+here))),
		rates("Records in one transaction", "How many records share one transaction of the local file: with many clients at once the bridge stores them together.", "short").
			askPrometheus("mean", "sum(rate(pymon_bridge_commit_records_sum"+here+"[$__rate_interval])) / sum(rate(pymon_bridge_commit_records_count"+here+"[$__rate_interval]))"))
	return d
}

// here chooses the series of the chosen bridges.
const here = `{instance=~"$instance"}`

// ofBridges keeps the series of bridges, of metrics that every program has: another program may have the same instance's
// address under another job.
func ofBridges(expr string) string {
	return expr + " * on (instance, job) group_left pymon_bridge_build_info"
}

func sum(by, expr string) string {
	if by == "" {
		return "sum(" + expr + ")"
	}
	return "sum by (" + by + ") (" + expr + ")"
}

// quantile is what the given share of a histogram's observations stays below.
func quantile(q, histogram string) string {
	return "histogram_quantile(" + q + ", " + sum("le", "rate(pymon_bridge_"+histogram+"_bucket"+here+"[$__rate_interval])") + ")"
}

func rates(title, description, unit string) *panel {
	p := graph(8, title, description, unit).set("min", 0).custom("showPoints", "never").custom("spanNulls", false).custom("fillOpacity", 10)
	p.Options["legend"] = legend(true)
	return p
}

// standing is what to look at first.
func standing() *panel {
	p := numbers(columns, "State", "What to look at first: how many bridges answer, how many records wait and since when, how many InfluxDB refused for good, and how much disk is left.", "short")
	p.FieldConfig.Defaults["color"] = object{"mode": "thresholds"}
	p.FieldConfig.Defaults["thresholds"] = steps("green", 0)
	p.field("Dead letters", "", property{"thresholds", steps("green", 0, "red", 1)}).
		field("Oldest that waits", "", unit("s"), property{"thresholds", steps("green", 0, "orange", 300, "red", 3600)}).
		field("Free disk", "", unit("bytes"), property{"thresholds", steps("red", 0, "orange", 512<<20, "green", 2<<30)})
	return p.askPrometheus("Bridges", "count(pymon_bridge_build_info"+here+")").
		askPrometheus("Waiting", sum("", "pymon_bridge_journal_depth"+here)).
		askPrometheus("Oldest that waits", "max(pymon_bridge_journal_oldest_age_seconds"+here+")").
		askPrometheus("Dead letters", sum("", "pymon_bridge_journal_dead_letters"+here)).
		askPrometheus("Free disk", "min(pymon_bridge_journal_free_bytes"+here+")")
}
