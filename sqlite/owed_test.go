package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestRecordsAreNotOwedToTheirSource appends records of all classes from several sources. Each destination is owed all
// records that were not read from it.
func TestRecordsAreNotOwedToTheirSource(t *testing.T) {
	db, _ := openNew(t)
	random := rand.New(rand.NewPCG(1, 2))
	sources := []monitor.Destination{"", dest, "elsewhere"}
	var all []*monitor.Record
	var source monitor.Destination
	for i := range 160 {
		if random.IntN(5) == 0 { // ranges of few and of many records
			source = sources[random.IntN(len(sources))]
		}
		name := fmt.Sprint(i)
		rec := record([]any{machine(name), process(name, arrival), measured("s", name, arrival), became("s", name, arrival)}[random.IntN(4)])
		rec.Source, rec.Received = source, arrival.Add(time.Duration(i)*time.Second)
		appendAll(t, db, rec)
		all = append(all, rec)
	}
	for _, to := range []monitor.Destination{dest, "elsewhere", "a third"} {
		var want []uint64
		for _, rec := range all {
			if rec.Source != to {
				want = append(want, rec.Seq)
			}
		}
		for _, max := range []int{3, 1000} {
			requireOwed(t, db, to, max, want)
		}
		for _, cursor := range []uint64{0, 1, 57, 100, 159, 160} {
			if cursor > 0 {
				require.NoError(t, db.Ack(t.Context(), to, monitor.Acknowledgement{Cursor: cursor}))
			}
			stats, err := db.Stats(t.Context(), to)
			require.NoError(t, err)
			i, _ := slices.BinarySearch(want, cursor+1)
			require.Equal(t, int64(len(want)-i), stats.Depth, "%s behind %d", to, cursor)
			if i < len(want) {
				require.True(t, all[want[i]-1].Received.Equal(stats.Oldest))
			} else {
				require.Zero(t, stats.Oldest)
			}
		}
	}
}

// requireOwed reads all records that are owed to a destination, and compares their sequence numbers.
func requireOwed(t *testing.T, db monitor.Journal, to monitor.Destination, max int, want []uint64) {
	t.Helper()
	var got []uint64
	for after := uint64(0); len(got) < len(want); after = got[len(got)-1] {
		pending, err := db.Next(t.Context(), to, after, max)
		require.NoError(t, err)
		require.Len(t, pending, min(max, len(want)-len(got)))
		for _, p := range pending {
			got = append(got, p.Seq)
		}
	}
	require.Equal(t, want, got, "%s, %d at a time", to, max)
	pending, err := db.Next(t.Context(), to, got[len(got)-1], max)
	require.NoError(t, err)
	require.Empty(t, pending)
}

// TestMetricsFromADestinationKeepTheirOffset checks that the offset of such a metric is not guessed again.
func TestMetricsFromADestinationKeepTheirOffset(t *testing.T) {
	db, _ := openNew(t)
	m := measured("s", "test_a", arrival)
	m.At.Offset = -34200
	rec := record(m)
	rec.Source = dest
	appendAll(t, db, rec)
	assert.Equal(t, int32(-34200), m.At.Offset)
	assert.Equal(t, arrival.Add(9*time.Hour+30*time.Minute).UnixMicro(), m.At.Micros())
	again := record(measured("s", "test_a", arrival))
	again.Metric.At.Offset, again.Source = -34200, dest
	appendAll(t, db, again)
	assert.True(t, again.Repeat)
}

// TestNumbersAreGivenOutOnce checks that the sequence number of a removed record is not given out again.
func TestNumbersAreGivenOutOnce(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(machine("m")), record(process("s", arrival)))
	require.NoError(t, db.Close())
	_, err := raw(t, path).Exec("DELETE FROM tags; DELETE FROM sessions")
	require.NoError(t, err)
	db = open(t, dbAt(path, utcZones()))
	rec := record(machine("another"))
	appendAll(t, db, rec)
	assert.Equal(t, uint64(3), rec.Seq)
}
