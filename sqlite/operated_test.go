package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// operated makes a file with which an operator has done everything that commands do. The deletion of a project has ended, if
// deleted is set. Otherwise it has begun.
func operated(t *testing.T, deleted bool) (*sqlite.DB, string) {
	t.Helper()
	db, path := newDB(t, utcZones())
	ctx := t.Context()
	require.NoError(t, db.Open(ctx))
	const n = 300
	fillTwoProjects(t, db, n)
	// Records of a session that clients sent come from a file, and from a destination. The latter arrived last.
	later := arrival.Add(30 * 24 * time.Hour)
	var recs []*monitor.Record
	for i := range 150 {
		from := imported(measured("s", fmt.Sprint("test_file_", i), arrival.Add(time.Duration(i)*time.Second)), paris(t))
		old := placed(measured("old", "test_a", arrival.Add(-time.Duration(i)*time.Hour)))
		old.Metric.At = monitor.Instant{UTC: arrival.Add(-time.Duration(i) * time.Hour).UnixNano()}
		old.Import.Origin = &monitor.Origin{Env: "as it was", Run: "old"}
		back := record(measured("s", fmt.Sprint("test_back_", i%5), later.Add(time.Duration(i)*time.Second)))
		back.Source, back.Received = dest, later.Add(time.Hour)
		back.Metric.At = monitor.Instant{UTC: later.Add(time.Duration(i) * time.Second).UnixNano()}
		recs = append(recs, from, old, back)
	}
	appendAll(t, db, recs...)
	require.NoError(t, db.SetImportPosition(ctx, "metrics", "2026"))

	letter := func(seq uint64) monitor.DeadLetter {
		return monitor.DeadLetter{Dest: dest, Seq: seq, Class: monitor.ClassMetric, Status: 422, Reason: "refused", At: arrival}
	}
	_, err := db.AddReplay(ctx, monitor.Replay{})
	require.NoError(t, err)
	r, err := db.NextReplay(ctx, dest)
	require.NoError(t, err)
	require.NoError(t, db.AckReplay(ctx, r, monitor.ReplayStep{Position: n, Delivered: []uint64{14},
		Refused: []monitor.DeadLetter{letter(15), letter(20)}, SetAside: []monitor.DeadLetter{letter(21), letter(22), letter(23)}}))
	_, err = db.DropLetters(ctx, monitor.LetterQuery{Seqs: []uint64{15}})
	require.NoError(t, err)
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{Cursor: n, Bury: []monitor.DeadLetter{letter(25), letter(26)}}))

	d := deletion(t, db, "gone")
	if deleted {
		require.NoError(t, db.DeleteRecords(ctx, d))
		require.NoError(t, db.SweepDeletion(ctx, d))
		require.NoError(t, db.EndDeletion(ctx, d))
	} else {
		ended, cancel := context.WithCancel(ctx)
		db.Now = func() time.Time { cancel(); return arrival } // is asked in the first transaction
		require.ErrorIs(t, db.DeleteRecords(ended, d), context.Canceled)
	}
	_, err = db.AddReplay(ctx, monitor.Replay{})
	require.NoError(t, err)
	return db, path
}

// What operators do leaves a sound file, and it is all there after a recovery, except what they asked for last. Numbers without
// a record are no damage.
func TestOperatedFilesAreSoundAndRecovered(t *testing.T) {
	db, path := operated(t, true)
	v := verified(t, path)
	assert.True(t, v.Served)
	assert.Empty(t, v.Findings)
	answers := answersOf(t, db, "")
	require.NoError(t, db.Close())
	assert.Empty(t, verified(t, path).Findings)

	result, into, err := recovered(t, path)
	require.NoError(t, err)
	assert.Empty(t, verified(t, into).Findings)
	assert.EqualValues(t, 304, result.Missing, "the numbers of the project that was deleted")
	for _, k := range result.Kinds {
		assert.Zero(t, k.Damaged, k.Kind)
	}
	assert.Len(t, result.Notes, 1, result.Notes)
	before, after := raw(t, path), raw(t, into)
	for table, least := range map[string]int{"not_owed": 2, "parked": 4, "dead_letters": 1, "pinned_origins": 150, "destinations": 1,
		"tokens": 1, "acceptances": 1, "reports": 1, "imports": 1, "sequence": 1, "tallies": 2, "zone_maps": 10, "outcome_tallies": 1} {
		rows := rowsOf(t, before, "SELECT * FROM "+table)
		assert.GreaterOrEqual(t, len(rows), least, table)
		if !strings.HasSuffix(table, "tallies") { // its components have other numbers
			assert.Equal(t, rows, rowsOf(t, after, "SELECT * FROM "+table), table)
		}
	}
	assert.NotEmpty(t, rowsOf(t, before, "SELECT * FROM parked WHERE delivered = 1"))
	assert.NotEmpty(t, rowsOf(t, before, "SELECT * FROM commands WHERE ended = 0"))
	assert.Empty(t, rowsOf(t, after, "SELECT * FROM commands"))
	again := open(t, dbAt(into, utcZones()))
	assert.Equal(t, answers, answersOf(t, again, ""))
}

// Nothing goes on with a deletion after a recovery, so nothing of the project is in the new file.
func TestRecoverEndsADeletion(t *testing.T) {
	db, path := operated(t, false)
	assert.NotEmpty(t, rowsOf(t, raw(t, path), "SELECT * FROM hashes WHERE project LIKE 'deleted %'"))
	assert.Empty(t, verified(t, path).Findings)
	answers := answersOf(t, db, "shop")
	require.NoError(t, db.Close())
	result, into, err := recovered(t, path)
	require.NoError(t, err)
	assert.Empty(t, verified(t, into).Findings)
	assert.True(t, slices.ContainsFunc(result.Notes, func(note string) bool {
		return note == "A project was being deleted. "+
			"The new file has nothing of it, and InfluxDB may have: ask for the deletion again."
	}), result.Notes)
	for _, table := range []string{"hashes", "series", "sessions"} {
		assert.Empty(t, rowsOf(t, raw(t, into), "SELECT * FROM "+table+" WHERE project LIKE 'deleted %'"), table)
	}
	assert.Equal(t, answers, answersOf(t, open(t, dbAt(into, utcZones())), "shop"))
}
