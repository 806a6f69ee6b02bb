package web

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
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

// TestAPlaceIsGivenBackWithoutATurn checks that a request whose client leaves between the place of a run and its next turn does not keep
// the place: nobody could look at the run any more.
func TestAPlaceIsGivenBackWithoutATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue, place := &turns.Queue{AtOnce: 1, MaxWaiting: 1}, make(chan struct{}, 1)
		place <- struct{}{} // another request reads the run
		waiting, err := queue.Take(t.Context(), "shop")
		require.NoError(t, err)
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- acquire(ctx, waiting, place) }()
		synctest.Wait()
		other, err := queue.Take(t.Context(), "other")
		require.NoError(t, err)
		<-place
		synctest.Wait()
		assert.Len(t, place, 1, "it has the place and no turn")
		leave()
		assert.ErrorIs(t, <-done, context.Canceled)
		assert.Empty(t, place)
		other.Leave()
	})
}
