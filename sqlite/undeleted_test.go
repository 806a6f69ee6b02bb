package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// owedDeletions lists what destinations may still have, after the file was closed and opened again.
func owedDeletions(t *testing.T, db *sqlite.DB) (all []string) {
	t.Helper()
	list, err := db.Undeleted(t.Context())
	require.NoError(t, err)
	for _, u := range list {
		assert.False(t, u.Removed.IsZero())
		all = append(all, fmt.Sprint(u.Dest, " ", u.Project, " ", u.Error))
	}
	return all
}

// A removed project is owed to each destination that has points, however many commands follow, until the destination deleted
// them or an operator forgets it.
func TestWhatDestinationsStillHaveIsRemembered(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(process("s", time.Now())))
	const older, never, source = "http://older", "http://never", "http://source"
	for name, cursor := range map[monitor.Destination]uint64{dest: 1, older: 1, never: 0} {
		require.NoError(t, db.Ack(t.Context(), name, monitor.Acknowledgement{Cursor: cursor}))
	}
	read := record(process("read", time.Now()))
	read.Source = source
	appendAll(t, db, read)
	remove := func(project string) {
		t.Helper()
		_, err := db.AddDeletion(t.Context(), project)
		require.NoError(t, err)
		d, err := db.NextDeletion(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.DeleteRecords(t.Context(), d))
		require.NoError(t, db.EndDeletion(t.Context(), d))
	}
	remove("shop")
	assert.ElementsMatch(t, []string{"http://older shop ", string(dest) + " shop ", "http://source shop "}, owedDeletions(t, db))
	require.NoError(t, db.NoteDeleted(t.Context(), dest, "shop", "denied"))
	require.NoError(t, db.NoteDeleted(t.Context(), never, "shop", "away"))
	require.NoError(t, db.ForgetUndeleted(t.Context(), "shop", dest))
	for range 150 {
		_, err := db.AskStatus(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.AnswerStatus(t.Context(), func() monitor.BridgeStatus { return monitor.BridgeStatus{} }))
	}
	assert.Equal(t, []string{string(dest) + " shop denied"}, owedDeletions(t, db))
	require.NoError(t, db.NoteDeleted(t.Context(), dest, "another", ""))
	assert.Equal(t, []string{string(dest) + " shop denied"}, owedDeletions(t, db))
	require.NoError(t, db.NoteDeleted(t.Context(), dest, "shop", ""))
	assert.Empty(t, owedDeletions(t, db))
}
