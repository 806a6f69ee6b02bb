package main

import (
	"context"
	"time"
)

// lookForCommands is how often the bridge looks for what operators ask for.
const lookForCommands = time.Second

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

// carryOut does what operators ask for now.
func (b *bridge) carryOut(ctx context.Context) error {
	if b.courier == nil { // the operator who asks for a replay is told
		return b.db.RefuseReplays(ctx, "the bridge that serves the directory delivers to no InfluxDB")
	}
	return nil
}
