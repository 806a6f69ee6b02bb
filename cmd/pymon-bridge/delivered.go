package main

import (
	"context"
	"fmt"
	"time"

	"pymon-bridge/monitor"
)

// deliveredFirst is a judge by what is in InfluxDB, who waits until the runs that have ended are there.
type deliveredFirst struct {
	judge monitor.Judge
	stats func(context.Context) (monitor.JournalStats, error)
	quiet time.Duration // a run that has ended received nothing for this long
}

// Judge implements [monitor.Judge]. It fails with EUnavailable while something may still be on its way.
func (d *deliveredFirst) Judge(ctx context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	stats, err := d.stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask what is delivered: %w", err)
	}
	if !stats.Oldest.IsZero() && time.Since(stats.Oldest) >= d.quiet {
		return nil, monitor.Errorf(monitor.EUnavailable, "%d records are not delivered to InfluxDB yet", stats.Depth)
	}
	return d.judge.Judge(ctx, q)
}
