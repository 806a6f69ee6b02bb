package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// Records of all kinds can be set aside. They are read apart from those that wait for their context or session.
func TestAckSetsAside(t *testing.T) {
	db, _ := openNew(t)
	now := arrival
	db.Now = func() time.Time { return now }
	appendAll(t, db, record(machine("m")), record(process("s", arrival)), record(measured("s", "test_a", arrival)),
		record(became("s", "test_a", arrival)), record(measured("s", "test_b", arrival)), record(measured("s", "test_c", arrival)))
	read := func(from func() ([]monitor.Pending, error)) (got []uint64) {
		t.Helper()
		pending, err := from()
		require.NoError(t, err)
		for _, p := range pending {
			got = append(got, p.Seq)
			assert.True(t, arrival.Equal(p.Since), "it keeps the time when it was parked first")
		}
		return got
	}
	requireState := func(aside, parked []uint64) {
		t.Helper()
		require.Equal(t, aside, read(func() ([]monitor.Pending, error) { return db.Aside(t.Context(), dest, 0, 100) }))
		require.Equal(t, parked, read(func() ([]monitor.Pending, error) { return db.Parked(t.Context(), dest, 0, 100) }))
		stats, err := db.Stats(t.Context(), dest)
		require.NoError(t, err)
		require.EqualValues(t, len(aside), stats.Aside)
		require.EqualValues(t, len(aside)+len(parked), stats.Parked)
		require.Equal(t, stats.Parked, stats.Depth)
	}
	ack := func(a monitor.Acknowledgement) {
		t.Helper()
		a.Cursor = 6
		require.NoError(t, db.Ack(t.Context(), dest, a))
		now = now.Add(time.Minute)
	}
	ack(monitor.Acknowledgement{Park: []uint64{5, 6}, SetAside: []uint64{1, 2, 3, 4}})
	requireState([]uint64{1, 2, 3, 4}, []uint64{5, 6})
	ack(monitor.Acknowledgement{SetAside: []uint64{1, 5}})
	requireState([]uint64{1, 2, 3, 4, 5}, []uint64{6})
	page, err := db.Aside(t.Context(), dest, 2, 1)
	require.NoError(t, err)
	require.Equal(t, uint64(3), page[0].Seq)
	ack(monitor.Acknowledgement{Unpark: []uint64{1, 3, 5, 6}, Bury: []monitor.DeadLetter{{Dest: dest, Seq: 2}}})
	requireState([]uint64{4}, nil)
}
