package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pymon-bridge/monitor"
)

// WatchHealth shows for each part whether it is OK. Each scrape asks the parts. WatchHealth may be called only once.
func (m *Metrics) WatchHealth(parts []monitor.HealthChecker) {
	m.registry.MustRegister(&healthCollector{parts, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "healthy"),
		"1 for a component that works and 0 for another one. /-/ready says why. The bridge accepts nothing while the journal does not work.",
		[]string{"component"}, nil)})
}

// healthCollector asks the parts of the bridge how they are at each scrape.
type healthCollector struct {
	parts []monitor.HealthChecker
	desc  *prometheus.Desc
}

// Describe sends the description of the metric that Collect sends.
func (c *healthCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect sends the current state of each part.
func (c *healthCollector) Collect(ch chan<- prometheus.Metric) {
	for _, part := range c.parts {
		h, value := part.Health(), 0.0
		if h.OK {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, value, h.Component)
	}
}

// WatchCertificate shows when the certificate of the bridge expires. Each scrape calls expiry. WatchCertificate may be called
// only once.
func (m *Metrics) WatchCertificate(expiry func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "certificate_expiry_timestamp_seconds",
		Help: "When the TLS certificate of the bridge expires, in seconds since 1970."}, func() float64 { return float64(expiry().Unix()) }))
}

// clock shows the time of this machine. Compared with the time of the scrape, it says whether the clock is wrong.
func clock() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "time_seconds",
		Help: "The clock of the bridge's machine, in seconds since 1970."}, func() float64 { return float64(time.Now().UnixMilli()) / 1000 })
}
