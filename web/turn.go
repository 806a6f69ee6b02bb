package web

import (
	"context"

	"pymon-bridge/monitor/turns"
)

// acquire waits until a place in a channel is free, and takes it. It holds up no other read meanwhile. After an error it has no place.
func acquire(ctx context.Context, turn *turns.Place, place chan struct{}) error {
	select {
	case place <- struct{}{}:
		return nil
	default:
	}
	turn.Leave()
	select {
	case place <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := turn.Resume(ctx)
	if err != nil {
		<-place
	}
	return err
}
