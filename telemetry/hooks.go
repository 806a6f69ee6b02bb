package telemetry

import (
	"strconv"
	"time"

	"pymon-bridge/monitor"
)

// showZeros makes each counter with a closed set of labels visible before its first event. So Prometheus sees the first
// event as an increase.
func (m *Metrics) showZeros() {
	for _, class := range [...]monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric,
		monitor.ClassOutcome} {
		m.accepted.WithLabelValues(string(class))
		m.repeats.WithLabelValues(string(class))
		m.delivered.WithLabelValues(string(class))
		m.deadLetters.WithLabelValues(string(class))
	}
	for _, status := range [...]monitor.Status{monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusDrift, monitor.StatusImprovement} {
		m.results.WithLabelValues(string(status))
	}
}

// Accepted counts a record that was answered with 201; repeat says that it was stored already.
func (m *Metrics) Accepted(class monitor.Class, repeat bool) {
	m.accepted.WithLabelValues(string(class)).Inc()
	if repeat {
		m.repeats.WithLabelValues(string(class)).Inc()
	}
}

// Refused counts a request that was answered with an error. The reasons must be a closed set.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Request times an answered request. The route is a template. Route and method are "" when no route matched.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Committed times one transaction of the journal and counts the records in it.
func (m *Metrics) Committed(records int, took time.Duration) {
	m.commitSeconds.Observe(took.Seconds())
	m.commitRecords.Observe(float64(records))
}

// Delivered counts records that the destination stored.
func (m *Metrics) Delivered(class monitor.Class, records int) {
	m.delivered.WithLabelValues(string(class)).Add(float64(records))
}

// Lag notes the time from the acceptance of the oldest record of a delivery to its delivery.
func (m *Metrics) Lag(lag time.Duration) { m.lag.Observe(max(lag, 0).Seconds()) }

// Retried counts a delivery that failed and is tried again, by the HTTP status of the answer: 0 for no answer.
func (m *Metrics) Retried(status int) {
	code := "none"
	if status != 0 {
		code = strconv.Itoa(status)
	}
	m.retried.WithLabelValues(code).Inc()
}

// Buried counts records that became dead letters.
func (m *Metrics) Buried(class monitor.Class, records int) {
	m.deadLetters.WithLabelValues(string(class)).Add(float64(records))
}

// NewSeries counts tests and modules that were measured for the first time.
func (m *Metrics) NewSeries(tests int) { m.newSeries.Add(float64(tests)) }

// Judged counts a judged run and its regressions, suspects, slow growth and improvements.
func (m *Metrics) Judged(r *monitor.Report, took time.Duration) {
	m.judgeSeconds.Observe(took.Seconds())
	m.judgedRuns.Inc()
	m.results.WithLabelValues(string(monitor.StatusRegression)).Add(float64(r.Summary.Regressions))
	m.results.WithLabelValues(string(monitor.StatusSuspect)).Add(float64(r.Summary.Suspects))
	m.results.WithLabelValues(string(monitor.StatusDrift)).Add(float64(r.Summary.Drifts))
	m.results.WithLabelValues(string(monitor.StatusImprovement)).Add(float64(r.Summary.Improvements))
}

// ReportDelivered counts a report that the destination stored.
func (m *Metrics) ReportDelivered(*monitor.Report) { m.reports.Inc() }

// MinFree notes how many bytes have to stay free on the disk of the journal.
func (m *Metrics) MinFree(bytes int64) { m.minFree.Set(float64(bytes)) }

// Removed counts the runs that went in a round of retention, and their records.
func (m *Metrics) Removed(runs, records int64) {
	m.removedRuns.Add(float64(runs))
	m.removedRecords.Add(float64(records))
}
