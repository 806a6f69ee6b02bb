package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// What a destination lost is in the file until a replay of everything has ended, also after a restart. A replay that was under
// way counts only if it had sent nothing.
func TestALossStaysUntilAWholeReplay(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(machine("m")), record(process("s", arrival)), record(measured("s", "test_a", arrival)))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 3}))
	lost := func() (what []string) {
		t.Helper()
		stats, err := db.Stats(t.Context(), dest)
		require.NoError(t, err)
		for _, l := range stats.Lost {
			what = append(what, l.What)
		}
		return what
	}
	replay := func(r monitor.Replay) {
		t.Helper()
		_, err := db.AddReplay(t.Context(), r)
		require.NoError(t, err)
		carryOut(t, db, 1)
	}
	require.NoError(t, db.NoteLoss(t.Context(), dest, "bucket a"))
	require.NoError(t, db.Close())
	db = open(t, dbAt(path, utcZones()))
	require.NoError(t, db.NoteLoss(t.Context(), dest, "bucket b"))
	assert.Equal(t, []string{"bucket a", "bucket b"}, lost())
	for _, r := range []monitor.Replay{{Since: time.Now()}, {Until: time.Now()}, {Project: "shop"}, {Dead: &monitor.LetterQuery{}}} {
		replay(r)
		assert.Len(t, lost(), 2)
	}
	replay(monitor.Replay{})
	assert.Empty(t, lost())

	_, err := db.AddReplay(t.Context(), monitor.Replay{})
	require.NoError(t, err)
	r, err := db.NextReplay(t.Context(), dest)
	require.NoError(t, err)
	require.NoError(t, db.NoteLoss(t.Context(), dest, "bucket c"))
	require.NoError(t, db.AckReplay(t.Context(), r, monitor.ReplayStep{Position: 1, Delivered: []uint64{1}}))
	require.NoError(t, db.NoteLoss(t.Context(), dest, "bucket d"))
	carryOut(t, db, 1)
	assert.Equal(t, []string{"bucket d"}, lost())
}
