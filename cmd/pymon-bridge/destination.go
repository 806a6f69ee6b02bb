package main

import (
	"log/slog"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// influxBackend is an InfluxDB as the bridge sees it.
type influxBackend struct {
	*influx.Writer
	monitor.MetadataStore
}

// openBackend opens the destination that the flags name; nil where they name none. Another kind of destination is opened
// here, and nothing else of this program knows which kind it is.
func (c *serveCmd) openBackend(logger *slog.Logger) (monitor.Backend, error) {
	if c.URL == "" {
		return nil, nil
	}
	w, err := influx.Open(influx.Config{URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket}, logger)
	if err != nil {
		return nil, err
	}
	return influxBackend{w, w.Reader()}, nil
}
