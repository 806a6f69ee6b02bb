package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pymon-bridge/monitor"
)

// This file has what each scrape asks for. Every method may be called only once.

// sender sends the present value of a gauge.
type sender func(d *prometheus.Desc, value float64, labels ...string)

// watched are gauges that each scrape reads.
type watched struct {
	descs []*prometheus.Desc
	read  func(send sender)
}

func (m *Metrics) watch(read func(send sender), descs ...*prometheus.Desc) {
	m.registry.MustRegister(&watched{descs, read})
}

// Describe sends the descriptions of the gauges.
func (w *watched) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range w.descs {
		ch <- d
	}
}

// Collect sends the present values.
func (w *watched) Collect(ch chan<- prometheus.Metric) {
	w.read(func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	})
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// statsTimeout bounds how long a scrape waits for the journal. Prometheus gives a scrape 10 seconds by default.
const statsTimeout = 2 * time.Second

// WatchJournal shows the state of the journal towards one destination. Each scrape calls stats, which must return when its
// context ends after two seconds. When stats fails, the scrape has no figures of the journal, and the failure is counted.
func (m *Metrics) WatchJournal(stats func(ctx context.Context) (monitor.JournalStats, error)) {
	depth := gauge("journal_depth", "Records not yet delivered, parked metrics included.")
	parked := gauge("journal_parked_records", "Metrics that wait for their context or session.")
	deadLetters := gauge("journal_dead_letters", "Records that the destination refused for good. The journal keeps them.")
	reports := gauge("journal_reports", "Kept reports on runs that the destination does not have yet.")
	losses := gauge("journal_losses", "Losses of the destination, such as a deleted bucket, that no replay has brought back.")
	bytes := gauge("journal_size_bytes", "Size of the journal on disk.")
	free := gauge("journal_free_bytes", "Free bytes on the disk of the journal.")
	age := gauge("journal_oldest_age_seconds", "Age of the oldest record not yet delivered; 0 when there is none.")
	m.watch(func(send sender) {
		ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
		defer cancel()
		s, err := stats(ctx)
		if err != nil {
			m.journalErrors.Inc()
			return
		}
		oldest := 0.0
		if !s.Oldest.IsZero() {
			oldest = max(time.Since(s.Oldest), 0).Seconds()
		}
		send(depth, float64(s.Depth))
		send(parked, float64(s.Parked))
		send(deadLetters, float64(s.DeadLetters))
		send(reports, float64(s.Reports))
		send(losses, float64(len(s.Lost)))
		send(bytes, float64(s.Bytes))
		send(free, float64(s.Free))
		send(age, oldest)
	}, depth, parked, deadLetters, reports, losses, bytes, free, age)
}

// WatchHealth shows for each part whether it is OK.
func (m *Metrics) WatchHealth(parts []monitor.HealthChecker) {
	healthy := gauge("healthy",
		"1 for a component that works and 0 for another one. /-/ready says why. The bridge accepts nothing while the journal does not work.",
		"component")
	m.watch(func(send sender) {
		for _, part := range parts {
			h, value := part.Health(), 0.0
			if h.OK {
				value = 1
			}
			send(healthy, value, h.Component)
		}
	}, healthy)
}

// WatchConnections shows the open connections by state.
func (m *Metrics) WatchConnections(counts func() map[string]int) {
	connections := gauge("connections", "Open connections of clients, by state.", "state")
	m.watch(func(send sender) {
		for state, n := range counts() {
			send(connections, float64(n), state)
		}
	}, connections)
}

// WatchCertificate shows when the certificate of the bridge expires.
func (m *Metrics) WatchCertificate(expiry func() time.Time) {
	expires := gauge("certificate_expiry_timestamp_seconds", "When the TLS certificate of the bridge expires, in seconds since 1970.")
	m.watch(func(send sender) { send(expires, float64(expiry().Unix())) }, expires)
}

// watchClock shows the time of this machine. Compared with the time of the scrape, it says whether the clock is wrong.
func (m *Metrics) watchClock() {
	now := gauge("time_seconds", "The clock of the bridge's machine, in seconds since 1970.")
	m.watch(func(send sender) { send(now, float64(time.Now().UnixMilli())/1000) }, now)
}

// WatchCache shows the lookups of a cache.
func (m *Metrics) WatchCache(lookups func() monitor.Lookups) {
	count := func(result string, read func(monitor.Lookups) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "cache_lookups_total", Help: "Lookups of contexts and sessions, by result.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(read(lookups())) })
	}
	m.registry.MustRegister(
		count("hit", func(l monitor.Lookups) uint64 { return l.Hits }),
		count("miss", func(l monitor.Lookups) uint64 { return l.Misses }),
		count("negative", func(l monitor.Lookups) uint64 { return l.Negative }))
}
