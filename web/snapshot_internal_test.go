package web

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// quietStore has a run of which nothing is asked but its activity.
type quietStore struct{ Store }

func (quietStore) Activities(context.Context, string, []string) (map[string]*monitor.Activity, error) {
	return map[string]*monitor.Activity{"run": {}}, nil
}

// TestWaitingForASnapshotEndsWithItsRequest checks that a request that waits until another has read the run does not outlive its
// client, since it holds a turn.
func TestWaitingForASnapshotEndsWithItsRequest(t *testing.T) {
	p := New(Parts{Store: quietStore{}})
	p.snapshots.entry("shop", "run", p.MaxTests).place <- struct{}{} // another request reads it
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.snapshot(ctx, &runRow{Info: &monitor.RunInfo{Project: "shop", ID: "run"}})
	assert.ErrorIs(t, err, context.Canceled)
}
