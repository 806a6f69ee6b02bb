package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// TestMetricsFromADestinationKeepTheirInstant checks that the offset of such a metric is not guessed again.
func TestMetricsFromADestinationKeepTheirInstant(t *testing.T) {
	db, _ := openNew(t)
	m := measured("s", "test_a", arrival)
	m.At = monitor.Instant{UTC: arrival.Add(9*time.Hour + 30*time.Minute).UnixNano(), Offset: -34200}
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

// TestRepeatsFromElsewhereAreFound holds that an equal metric is a repeat, whatever offset another bridge, or the client
// itself, says.
func TestRepeatsFromElsewhereAreFound(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(process("s1", arrival)), record(machine("machine")), record(measured("s1", "test_a", arrival)))
	imported := record(measured("s1", "test_a", arrival))
	imported.Metric.At.Offset, imported.Source = 3600, dest
	appendAll(t, db, imported)
	assert.True(t, imported.Repeat, "another bridge guessed another offset")

	guessed := measured("s2", "test_b", arrival.Add(-9*time.Hour))
	stated := process("s2", arrival)
	stated.StatesOffset, stated.Start.Offset = true, -31500
	appendAll(t, db, record(guessed), record(stated))
	again := record(measured("s2", "test_b", arrival.Add(-9*time.Hour)))
	appendAll(t, db, again)
	assert.True(t, again.Repeat, "the session stated its offset later")
}

// TestRepairedFilesAreUsed holds that a file whose tables were saved in part is still a journal.
func TestRepairedFilesAreUsed(t *testing.T) {
	for name, damage := range map[string]string{
		"the sequence is lost":      "DELETE FROM sequence",
		"the sequence is too small": "UPDATE sequence SET last = 1",
		"a parked record is lost":   "DELETE FROM metrics WHERE seq = 2",
		"a report cannot be read":   "UPDATE reports SET content = x'1f8b00' WHERE run = 'a'",
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			require.NoError(t, db.Open(t.Context()))
			appendAll(t, db, record(process("s", arrival)), record(measured("s", "test_a", arrival)), record(measured("s", "test_b", arrival)))
			require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 3, Park: []uint64{2, 3}}))
			keep(t, db, reportOn("a"), reportOn("b"))
			require.NoError(t, db.Close())
			_, err := raw(t, path).Exec(damage)
			require.NoError(t, err)

			db = open(t, dbAt(path, utcZones()))
			parked, err := db.Parked(t.Context(), dest, 0, 100)
			require.NoError(t, err)
			last := parked[len(parked)-1]
			assert.Equal(t, uint64(3), last.Seq)
			assert.False(t, last.Since.IsZero())
			rec := record(measured("s", "test_c", arrival))
			appendAll(t, db, rec)
			assert.Equal(t, uint64(4), rec.Seq)
			stats, err := db.Stats(t.Context(), dest)
			require.NoError(t, err)
			assert.Equal(t, int64(1), stats.Depth-stats.Parked, "the number is stored again")
			keep(t, db, reportOn("a", result("x", monitor.StatusSuspect)))
			pending := nextReports(t, db, dest, 1)
			assert.Equal(t, "b", pending[0].Run)
		})
	}
}

// TestNextIsBoundedAcrossRanges holds that ranges of records that are not owed do not make an answer larger.
func TestNextIsBoundedAcrossRanges(t *testing.T) {
	db, _ := openNew(t)
	for i := range 9 {
		large := measured("s", fmt.Sprint(i), arrival)
		large.ItemPath = strings.Repeat(fmt.Sprint(i%10), 3<<20)
		between := record(machine(fmt.Sprint(i)))
		between.Source = dest
		appendAll(t, db, record(large), between)
	}
	bytes := 0
	for _, p := range next(t, db) {
		bytes += p.Size()
	}
	assert.Less(t, bytes, 20<<20)
}
