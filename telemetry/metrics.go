package telemetry

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace is the first part of the name of each metric of the bridge.
const namespace = "pymon_bridge"

// Metrics holds the metrics of one bridge in its own registry. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	accepted *prometheus.CounterVec   // class
	repeats  *prometheus.CounterVec   // class
	refused  *prometheus.CounterVec   // reason
	requests *prometheus.HistogramVec // method, route, status

	commitSeconds prometheus.Histogram
	commitRecords prometheus.Histogram

	delivered   *prometheus.CounterVec // class
	retried     *prometheus.CounterVec // code
	deadLetters *prometheus.CounterVec // class
	lag         prometheus.Histogram

	judgeSeconds prometheus.Histogram
	judgedRuns   prometheus.Counter
	results      *prometheus.CounterVec // status
	reports      prometheus.Counter

	newSeries     prometheus.Counter
	journalErrors prometheus.Counter
	minFree       prometheus.Gauge

	removedRuns    prometheus.Counter
	removedRecords prometheus.Counter
}

// New returns metrics. The metric build_info has the given version and revision of the program.
func New(version, revision string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		accepted: counters("accepted_total", "Records answered with 201, by class.", "class"),
		repeats:  counters("repeats_total", "Accepted records that were already stored, by class.", "class"),
		refused:  counters("refused_total", "Requests answered with an error, by reason.", "reason"),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "request_duration_seconds", Help: "Time from a request to its answer.",
			Buckets: requestBuckets(),
		}, []string{"method", "route", "status"}),
		commitSeconds: histogram("commit_duration_seconds",
			"Time of one transaction of the journal, until it is on stable storage.", requestBuckets()),
		commitRecords: histogram("commit_records",
			"Records that shared one transaction of the journal.", prometheus.ExponentialBuckets(1, 2, 10)),
		delivered:   counters("delivered_total", "Records stored by the destination, by class.", "class"),
		retried:     counters("retries_total", "Deliveries that failed and are tried again, by HTTP status.", "code"),
		deadLetters: counters("dead_letters_total", "Records that the destination refused for good, by class.", "class"),
		lag: histogram("delivery_lag_seconds",
			"Time from the acceptance of the oldest record of a delivery to its delivery.", lagBuckets()),
		judgeSeconds: histogram("judge_duration_seconds",
			"Time to judge a run that has ended and to keep the report.", []float64{.01, .05, .1, .5, 1, 2, 5, 10, 30, 60}),
		judgedRuns:    counter("judged_runs_total", "Judgements of runs that have ended. A run can be judged again."),
		results:       counters("judged_results_total", "Regressions, suspects and improvements in judged runs.", "status"),
		reports:       counter("delivered_reports_total", "Reports on runs stored by the destination."),
		newSeries:     counter("new_series_total", "Tests and modules measured for the first time. Each is a new series."),
		journalErrors: counter("journal_stats_errors_total", "Scrapes for which the journal gave no figures."),
		minFree: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "journal_min_free_bytes",
			Help: "Free bytes on the disk of the journal below which the bridge refuses new measurements."}),

		removedRuns:    counter("removed_runs_total", "Runs that went from the file since they were old."),
		removedRecords: counter("removed_records_total", "Records of runs that went from the file since they were old."),
	}
	m.registry.MustRegister(m.accepted, m.repeats, m.refused, m.requests, m.commitSeconds, m.commitRecords,
		m.delivered, m.retried, m.deadLetters, m.lag, m.newSeries, m.journalErrors, m.minFree,
		m.judgeSeconds, m.judgedRuns, m.results, m.reports, m.removedRuns, m.removedRecords,
		buildInfo(version, revision), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.watchClock()
	m.showZeros()
	return m
}

// Handler returns the handler of Prometheus's scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// requestBuckets reach from a keep-alive request in memory to a request that waits for a slow disk.
func requestBuckets() []float64 {
	return []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}
}

// lagBuckets reach from an immediate delivery to an outage of days.
func lagBuckets() []float64 {
	return []float64{.1, .5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 259200}
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func buildInfo(version, revision string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}
