package main

import (
	"context"

	"pymon-bridge/monitor"
	"pymon-bridge/web"
)

// condition returns what the page about the bridge shows.
func (b *bridge) condition(ctx context.Context) (*web.Condition, error) {
	stats, err := b.journalStats(ctx)
	c := &web.Condition{Journal: stats, Connections: b.server.Connections(), MaxConns: b.config.MaxConnections, Since: b.since}
	for _, checker := range b.health() {
		c.Health = append(c.Health, checker.Health())
	}
	if b.backend != nil {
		c.Destination = b.backend.Destination()
	}
	if b.worker != nil {
		c.Judges, c.ToJudge = true, b.worker.Waiting()
	}
	return c, err
}

// health returns the parts that say how they are.
func (b *bridge) health() []monitor.HealthChecker {
	all := []monitor.HealthChecker{b.db}
	if b.courier != nil {
		all = append(all, b.courier)
	}
	return all
}
