package main

import (
	"context"
	"os"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// lookForCommands is how often the bridge looks for what operators ask for.
const lookForCommands = 250 * time.Millisecond

// commandsAgain is the wait after a failure.
const commandsAgain = 10 * time.Second

// openCommands carries out what operators ask for through the file, except for replays, which the couriers carry out. A
// deletion takes long, and nothing waits for it. Old runs go in between.
func (b *bridge) openCommands(context.Context) error {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	points, _ := b.backend.(pointDeleter)
	b.deletions = &deleter{db: b.db, points: points, logger: b.logger, quiet: b.quiet, forget: b.cache.Clear}
	b.openRetention()
	removals := func(ctx context.Context) error {
		if err := b.deletions.next(ctx); err != nil {
			return err
		}
		b.retention.next(ctx)
		return nil
	}
	for _, carryOut := range []func(context.Context) error{b.answer, removals} {
		running.Go(func() { b.repeat(ctx, carryOut) })
	}
	b.onCloseEarly(func(context.Context) error { stop(); running.Wait(); return nil })
	return nil
}

// repeat calls carryOut again and again until ctx ends.
func (b *bridge) repeat(ctx context.Context, carryOut func(context.Context) error) {
	look := time.NewTicker(lookForCommands)
	defer look.Stop()
	for ctx.Err() == nil {
		if err := carryOut(ctx); err != nil && ctx.Err() == nil {
			b.logger.ErrorContext(ctx, "cannot do what an operator asks for; the bridge tries again", "error", err)
			select {
			case <-time.After(commandsAgain):
			case <-ctx.Done():
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
}

// status says how the bridge is.
func (b *bridge) status() monitor.BridgeStatus {
	s := monitor.BridgeStatus{PID: os.Getpid(), Version: version, URL: b.url, Since: b.since, Health: []monitor.Health{b.db.Health()}}
	if b.courier != nil {
		s.Destination, s.Health = b.backend.Destination(), append(s.Health, b.courier.Health())
	}
	s.Retention = b.retention.status()
	return s
}

// answer says how the bridge is when an operator asks, and what it cannot do.
func (b *bridge) answer(ctx context.Context) error {
	if err := b.db.AnswerStatus(ctx, b.status); err != nil {
		return err
	}
	if err := b.upgrader.look(ctx); err != nil {
		return err
	}
	if b.courier != nil {
		return nil
	}
	return b.db.RefuseReplays(ctx, "the bridge that serves the directory delivers to no InfluxDB")
}
