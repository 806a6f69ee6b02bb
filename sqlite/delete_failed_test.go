package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// A deletion that the destination did not carry out is remembered, however many commands follow, until a later one of the
// same project asked the destination.
func TestADeletionThatFailedIsRemembered(t *testing.T) {
	db, _ := openNew(t)
	end := func(project, failure string, cleared ...string) int64 {
		t.Helper()
		id, err := db.AddDeletion(t.Context(), project)
		require.NoError(t, err)
		d, err := db.NextDeletion(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.DeleteRecords(t.Context(), d))
		d.State.Error, d.State.Cleared = failure, cleared
		require.NoError(t, db.EndDeletion(t.Context(), d))
		return id
	}
	failed := func() (all []string) {
		t.Helper()
		list, err := db.FailedDeletions(t.Context())
		require.NoError(t, err)
		for _, d := range list {
			assert.False(t, d.State.Ended.IsZero())
			all = append(all, d.Project+": "+d.State.Error)
		}
		return all
	}
	first := end("shop", "denied")
	end("another", "away")
	for range 150 {
		_, err := db.AskStatus(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.AnswerStatus(t.Context(), func() monitor.BridgeStatus { return monitor.BridgeStatus{} }))
	}
	assert.Equal(t, []string{"shop: denied", "another: away"}, failed())
	end("shop", "") // without a destination
	assert.Equal(t, []string{"shop: denied", "another: away"}, failed())
	end("shop", "denied again")
	assert.Equal(t, []string{"another: away", "shop: denied again"}, failed())
	end("shop", "", string(dest))
	assert.Equal(t, []string{"another: away"}, failed())
	_, err := db.DeletionState(t.Context(), first)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "it is not kept for ever")
}
