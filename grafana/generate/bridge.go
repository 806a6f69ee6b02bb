package main

// bridge returns the dashboard about the bridge itself: the records that it accepts, delivers and keeps. The numbers come
// from `/-/metrics` through Prometheus, because InfluxDB does not know the records that have not arrived there.
func bridge() *dashboard {
	d := newDashboard("bridge", "Bridge", "Shows whether the bridge works: the records that it accepts and delivers, the times, and the records that wait. Needs a Prometheus that scrapes /-/metrics of the bridge.")
	d.UID = "pymon-bridge-state" // the folder has the uid pymon-bridge
	instance := queried("instance", "Bridge", "The bridges to show, by the address that Prometheus scrapes.", "label_values(pymon_bridge_build_info, instance)").withAll()
	instance.Datasource = &prometheus
	d.variables(source("prometheus", "prometheus", "The data source of a Prometheus that scrapes /-/metrics of the bridge."), instance)
	d.Time = timeRange{"now-6h", "now"}
	d.line(5, state())
	d.line(9,
		rates("Accepted", "Accepted records per second. An accepted record was answered with 201. A repeated record was stored already: a client or a load balancer sent it twice.", "ops").
			addPromQL("{{class}}", sum("class", "rate(pymon_bridge_accepted_total"+atInstance+"[$__rate_interval])")).
			addPromQL("repeated", sum("", "rate(pymon_bridge_repeats_total"+atInstance+"[$__rate_interval])")),
		rates("Refused", "Requests per second that were answered with an error, by reason. After the first error, pytest-monitor sends nothing more in this run.", "ops").
			addPromQL("{{reason}}", sum("reason", "rate(pymon_bridge_refused_total"+atInstance+"[$__rate_interval])")),
		rates("Time to answer", "Time from a request to its answer. The tests wait for this answer, and for nothing else.", "s").
			addPromQL("median", quantile("0.5", "request_duration_seconds")).addPromQL("99th percentile", quantile("0.99", "request_duration_seconds")))
	d.line(9,
		rates("Delivered", "Records per second that InfluxDB has stored.", "ops").
			addPromQL("{{class}}", sum("class", "rate(pymon_bridge_delivered_total"+atInstance+"[$__rate_interval])")),
		rates("Waiting", "Records that are not delivered yet. Parked records are a part of them: they are metrics whose session or context has not arrived yet. All these records are on disk. Nothing is lost while their number grows.", "short").
			addPromQL("not delivered", sum("", "pymon_bridge_journal_depth"+atInstance)).addPromQL("parked", sum("", "pymon_bridge_journal_parked_records"+atInstance)),
		rates("Delivery time", "Time from the acceptance of a record until InfluxDB has stored it.", "s").
			addPromQL("median", quantile("0.5", "delivery_lag_seconds")).addPromQL("99th percentile", quantile("0.99", "delivery_lag_seconds")))
	d.line(9,
		rates("Failed deliveries", "Deliveries per second that failed and are tried again later, by the HTTP status of InfluxDB's answer. The status none means that InfluxDB did not answer.", "ops").
			addPromQL("{{code}}", sum("code", "rate(pymon_bridge_retries_total"+atInstance+"[$__rate_interval])")),
		rates("Dead letters", "Records that InfluxDB refused for good in the last hour, by kind of record. The bridge keeps them with the error message of InfluxDB.", "short").
			addPromQL("{{class}}", sum("class", "increase(pymon_bridge_dead_letters_total"+atInstance+"[1h])")),
		rates("New tests", "Tests and modules that were measured for the first time in the last hour. Each is a new series in InfluxDB. If the number stays high, the test ids contain something that changes in every run.", "short").
			addPromQL("new series", sum("", "increase(pymon_bridge_new_series_total"+atInstance+"[1h])")))
	d.line(9,
		rates("Time to write to disk", "Time until one transaction of the local file is on stable storage. It depends on the speed of the disk.", "s").
			addPromQL("median", quantile("0.5", "commit_duration_seconds")).addPromQL("99th percentile", quantile("0.99", "commit_duration_seconds")),
		rates("Disk", "Size of the local file, and free space on its disk. If the free space is below --min-free (256 MiB), the bridge refuses new measurements.", "bytes").
			addPromQL("local file", sum("", "pymon_bridge_journal_size_bytes"+atInstance)).addPromQL("free", "min(pymon_bridge_journal_free_bytes"+atInstance+")"),
		rates("Lookups answered from memory", "Share of the lookups of sessions and contexts that the bridge answered from memory, by bridge. pytest-monitor makes these lookups once per session.", "percentunit").set("max", 1).
			addPromQL("{{instance}}", `sum by (instance) (rate(pymon_bridge_cache_lookups_total{instance=~"$instance",result!="miss"}[$__rate_interval])) / sum by (instance) (rate(pymon_bridge_cache_lookups_total`+atInstance+`[$__rate_interval]))`))
	d.line(8,
		rates("CPU use of the bridge", "Number of CPU cores that the bridge keeps busy, by bridge.", "short").
			addPromQL("{{instance}}", sum("instance", ofBridges("rate(process_cpu_seconds_total"+atInstance+"[$__rate_interval])"))),
		rates("Memory of the bridge", "Memory that the bridge uses, by bridge. It does not grow with the number of waiting records, because they are on disk.", "bytes").
			addPromQL("{{instance}}", sum("instance", ofBridges("process_resident_memory_bytes"+atInstance))),
		rates("Records in one transaction", "Number of records in one transaction of the local file. If many clients send at once, the bridge stores their records together.", "short").
			addPromQL("mean", "sum(rate(pymon_bridge_commit_records_sum"+atInstance+"[$__rate_interval])) / sum(rate(pymon_bridge_commit_records_count"+atInstance+"[$__rate_interval]))"))
	return d
}

// atInstance selects the series of the chosen bridges.
const atInstance = `{instance=~"$instance"}`

// ofBridges selects the series of bridges from a metric that every program has. Other programs may have the same instance
// and another job.
func ofBridges(expr string) string {
	return expr + " * on (instance, job) group_left pymon_bridge_build_info"
}

func sum(by, expr string) string {
	if by == "" {
		return "sum(" + expr + ")"
	}
	return "sum by (" + by + ") (" + expr + ")"
}

// quantile returns PromQL for the q-quantile of a histogram.
func quantile(q, histogram string) string {
	return "histogram_quantile(" + q + ", " + sum("le", "rate(pymon_bridge_"+histogram+"_bucket"+atInstance+"[$__rate_interval])") + ")"
}

func rates(title, description, unit string) *panel {
	p := graph(8, title, description, unit).set("min", 0).custom("showPoints", "never").custom("spanNulls", false).custom("fillOpacity", 10)
	p.Options["legend"] = legend(true)
	return p
}

// state returns the panel to look at first.
func state() *panel {
	p := numbers(columns, "State", "Look here first: the number of bridges that answer, the number of waiting records, the age of the oldest waiting record, the number of records that InfluxDB refused for good (dead letters), and the free disk space.", "short")
	p.FieldConfig.Defaults["color"] = object{"mode": "thresholds"}
	p.FieldConfig.Defaults["thresholds"] = steps("green", 0)
	p.field("Dead letters", "", property{"thresholds", steps("green", 0, "red", 1)}).
		field("Oldest waiting record", "", unit("s"), property{"thresholds", steps("green", 0, "orange", 300, "red", 3600)}).
		field("Free disk", "", unit("bytes"), property{"thresholds", steps("red", 0, "orange", 512<<20, "green", 2<<30)})
	return p.addPromQL("Bridges", "count(pymon_bridge_build_info"+atInstance+")").
		addPromQL("Waiting", sum("", "pymon_bridge_journal_depth"+atInstance)).
		addPromQL("Oldest waiting record", "max(pymon_bridge_journal_oldest_age_seconds"+atInstance+")").
		addPromQL("Dead letters", sum("", "pymon_bridge_journal_dead_letters"+atInstance)).
		addPromQL("Free disk", "min(pymon_bridge_journal_free_bytes"+atInstance+")")
}
