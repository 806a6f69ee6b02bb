package main

import (
	"context"
	"os"
	"time"

	"pymon-bridge/monitor"
)

// lookForCommands is how often the bridge looks for what operators ask for.
const lookForCommands = 250 * time.Millisecond

// openCommands carries out what operators ask for through the file, except for replays, which the couriers carry out.
func (b *bridge) openCommands(context.Context) error {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		look := time.NewTicker(lookForCommands)
		defer look.Stop()
		for ctx.Err() == nil {
			if err := b.carryOut(ctx); err != nil && ctx.Err() == nil {
				b.logger.ErrorContext(ctx, "cannot do what an operator asks for; the bridge tries again", "error", err)
			}
			select {
			case <-look.C:
			case <-ctx.Done():
			}
		}
	}()
	b.onClose(func(context.Context) error { stop(); <-done; return nil })
	return nil
}

// status says how the bridge is.
func (b *bridge) status() monitor.BridgeStatus {
	s := monitor.BridgeStatus{PID: os.Getpid(), Version: version, URL: b.url, Since: b.since, Health: []monitor.Health{b.db.Health()}}
	if b.courier != nil {
		s.Destination, s.Health = b.backend.Destination(), append(s.Health, b.courier.Health())
	}
	return s
}

// carryOut does what operators ask for now.
func (b *bridge) carryOut(ctx context.Context) error {
	if err := b.db.AnswerStatus(ctx, b.status); err != nil {
		return err
	}
	if b.courier == nil { // the operator who asks for a replay is told
		return b.db.RefuseReplays(ctx, "the bridge that serves the directory delivers to no InfluxDB")
	}
	return nil
}
