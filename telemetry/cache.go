package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Lookups counts the lookups in a cache of contexts and sessions since the start.
type Lookups struct {
	Hits     uint64 // answered with a value from the cache
	Misses   uint64 // answered by the store
	Negative uint64 // answered with a remembered absence
}

// WatchCache shows the lookups of a cache. Each scrape calls lookups. WatchCache may be called only once.
func (m *Metrics) WatchCache(lookups func() Lookups) {
	count := func(result string, read func(Lookups) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "cache_lookups_total", Help: "Lookups of contexts and sessions, by result.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(read(lookups())) })
	}
	m.registry.MustRegister(
		count("hit", func(l Lookups) uint64 { return l.Hits }),
		count("miss", func(l Lookups) uint64 { return l.Misses }),
		count("negative", func(l Lookups) uint64 { return l.Negative }))
}
