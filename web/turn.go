package web

import (
	"context"

	"pymon-bridge/monitor/turns"
)

// turn is the place of a page among all reads.
type turn struct {
	queue   *turns.Queue
	project string
	end     func() // nil while the page has no place
}

type turnKey struct{}

// turnOf returns the turn of a request; nil if it has none.
func turnOf(ctx context.Context) *turn {
	t, _ := ctx.Value(turnKey{}).(*turn)
	return t
}

// leave gives the place back.
func (t *turn) leave() {
	if t != nil && t.end != nil {
		t.end()
		t.end = nil
	}
}

// pass lets other projects read in between. What takes long calls it between its steps.
func (t *turn) pass(ctx context.Context) (err error) {
	if t != nil {
		t.end, err = t.queue.Pass(ctx, t.project)
	}
	return err
}

// acquire waits until a place in a channel is free, and takes it. It holds up no other read meanwhile. After an error it has no place.
func (t *turn) acquire(ctx context.Context, place chan struct{}) (err error) {
	select {
	case place <- struct{}{}:
		return nil
	default:
	}
	t.leave()
	select {
	case place <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if t == nil {
		return nil
	}
	if t.end, err = t.queue.Resume(ctx, t.project); err != nil {
		<-place
	}
	return err
}
