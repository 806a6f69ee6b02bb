package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pymon-bridge/monitor"
)

// statsTimeout bounds how long a scrape waits for the journal. Prometheus gives a scrape 10 seconds by default.
const statsTimeout = 2 * time.Second

// WatchJournal shows the state of the journal towards one destination. Each scrape calls stats, which must return when its
// context ends after two seconds. When stats fails, the scrape has no figures of the journal, and the failure is counted.
// WatchJournal may be called only once.
func (m *Metrics) WatchJournal(stats func(ctx context.Context) (monitor.JournalStats, error)) {
	m.registry.MustRegister(&journalCollector{
		stats: stats, failed: m.journalErrors,
		depth:       gauge("journal_depth", "Records not yet delivered, parked metrics included."),
		parked:      gauge("journal_parked_records", "Metrics that wait for their context or session."),
		deadLetters: gauge("journal_dead_letters", "Records that the destination refused for good. The journal keeps them."),
		losses:      gauge("journal_losses", "Losses of the destination, such as a deleted bucket, that no replay has brought back."),
		bytes:       gauge("journal_size_bytes", "Size of the journal on disk."),
		free:        gauge("journal_free_bytes", "Free bytes on the disk of the journal."),
		age:         gauge("journal_oldest_age_seconds", "Age of the oldest record not yet delivered; 0 when there is none."),
	})
}

// journalCollector asks the journal for its state at each scrape.
type journalCollector struct {
	stats  func(ctx context.Context) (monitor.JournalStats, error)
	failed prometheus.Counter

	depth, parked, deadLetters, losses, bytes, free, age *prometheus.Desc
}

func gauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil)
}

// Describe sends the descriptions of the metrics that Collect sends.
func (c *journalCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{c.depth, c.parked, c.deadLetters, c.losses, c.bytes, c.free, c.age} {
		ch <- d
	}
}

// Collect sends the current figures, or none when the journal does not answer.
func (c *journalCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	stats, err := c.stats(ctx)
	if err != nil {
		c.failed.Inc()
		return
	}
	age := 0.0
	if !stats.Oldest.IsZero() {
		age = max(time.Since(stats.Oldest), 0).Seconds()
	}
	send := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	send(c.depth, float64(stats.Depth))
	send(c.parked, float64(stats.Parked))
	send(c.deadLetters, float64(stats.DeadLetters))
	send(c.losses, float64(len(stats.Lost)))
	send(c.bytes, float64(stats.Bytes))
	send(c.free, float64(stats.Free))
	send(c.age, age)
}
