package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchConnections shows the open connections by state. Each scrape calls counts. WatchConnections may be called only once.
func (m *Metrics) WatchConnections(counts func() map[string]int) {
	m.registry.MustRegister(&connectionCollector{counts, prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "connections"), "Open connections of clients, by state.", []string{"state"}, nil)})
}

// connectionCollector asks the server for its connections at each scrape.
type connectionCollector struct {
	counts func() map[string]int
	desc   *prometheus.Desc
}

// Describe sends the description of the metric that Collect sends.
func (c *connectionCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect sends the current number of connections in each state.
func (c *connectionCollector) Collect(ch chan<- prometheus.Metric) {
	for state, n := range c.counts() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), state)
	}
}
