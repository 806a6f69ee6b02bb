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

const (
	// askedPatience is how long a question may wait for delivery: a pipeline waits with it, and a proxy may not for longer.
	askedPatience = 30 * time.Second
	// askedPoll is how often it is looked whether everything is delivered, which is mostly so within a fraction of a second.
	askedPoll = 50 * time.Millisecond
	// askAgain is when to ask again what could not be answered.
	askAgain = 10 * time.Second
)

// acceptedFirst is a judge by what is in InfluxDB, who waits until everything is there that was accepted when he is
// asked: pipelines ask right after pytest's last measurement, and a part of a run may look fine where the whole does not.
type acceptedFirst struct {
	judge monitor.Judge
	last  func(context.Context) (seq uint64, err error) // that was accepted
	// undelivered counts the records up to a number that matter to a project and are not delivered.
	undelivered func(ctx context.Context, project string, upTo uint64) (int64, error)
	health      func() monitor.Health // of delivery
	// alive calls f with a context that ends when InfluxDB is no longer there.
	alive    func(ctx context.Context, f func(context.Context) error) error
	patience time.Duration
}

// Judge implements [monitor.Judge]. It fails with EUnavailable where something is not delivered in time, and at once
// where it is known that it will not be.
func (a *acceptedFirst) Judge(ctx context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	last, err := a.last(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask what is accepted: %w", err)
	}
	err = a.alive(ctx, func(ctx context.Context) error { return a.delivered(ctx, q.Project, last) })
	if err != nil {
		return nil, err
	}
	return a.judge.Judge(ctx, q)
}

// delivered waits until everything up to a number is delivered.
func (a *acceptedFirst) delivered(ctx context.Context, project string, upTo uint64) error {
	until := time.Now().Add(a.patience)
	poll := time.NewTicker(askedPoll)
	defer poll.Stop()
	for {
		n, err := a.undelivered(ctx, project, upTo)
		switch {
		case err != nil:
			return fmt.Errorf("ask what is delivered: %w", err)
		case n == 0:
			return nil
		}
		if health := a.health(); !health.OK {
			return late(n, health.Detail)
		}
		if !time.Now().Before(until) {
			return late(n, fmt.Sprintf("waited %s for it", a.patience))
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// late says that a run cannot be judged yet.
func late(n int64, why string) error {
	return &monitor.Error{Code: monitor.EUnavailable, RetryAfter: askAgain,
		Message: fmt.Sprintf("%d records that were accepted are not in InfluxDB yet, by which runs are judged: %s", n, why)}
}
