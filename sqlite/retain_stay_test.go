package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// A replay that is asked for while runs go keeps the others. So does a loss that is found then.
func TestARoundEndsWhenTheDestinationLacksRuns(t *testing.T) {
	for name, undo := range map[string]func(db *sqlite.DB) error{
		"replay": func(db *sqlite.DB) error {
			_, err := db.AddReplay(t.Context(), monitor.Replay{})
			return err
		},
		"loss": func(db *sqlite.DB) error {
			_, err := db.NoteLoss(t.Context(), dest, "the bucket was missing", ofTests)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			db.Now = func() time.Time { return arrival }
			open(t, db)
			policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: fillAged(t, db, 6, 5), Newest: 1}
			var once sync.Once
			round, err := db.Retain(t.Context(), policy, func() { once.Do(func() { require.NoError(t, undo(db)) }) })
			require.NoError(t, err)
			assert.EqualValues(t, 1, round.Runs)
			assert.NotEmpty(t, round.Waits)
			requireConsistent(t, path)
		})
	}
}

// The destination has yet to delete a project. What is imported of it meanwhile goes there with the rest, and is delivered again
// from the file. So its runs stay until then.
func TestRunsOfAProjectWhoseDeletionIsOwedStay(t *testing.T) {
	db, _ := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: fillAged(t, db, 5, 2), Newest: 1}
	require.NoError(t, db.NoteDeleted(t.Context(), dest, "shop", "403 forbidden"))
	round, err := db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 4}, []int{int(round.Runs), round.Undelivered})
	require.NoError(t, db.NoteDeleted(t.Context(), dest, "shop", ""))
	round, err = db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.EqualValues(t, 4, round.Runs)
}

// However many old runs have to stay, the others go: of sessions that the file knows, and of others.
func TestRunsThatStayDoNotHoldOthers(t *testing.T) {
	for _, known := range []bool{true, false} {
		db, _ := newDB(t, utcZones())
		db.Now = func() time.Time { return arrival }
		open(t, db)
		recs := []*monitor.Record{placed(machine("machine"))}
		var ack monitor.Acknowledgement
		for i := range 1101 {
			start := arrival.Add(time.Duration(i-2000) * time.Hour)
			s, m := process(fmt.Sprint("s", i), start), measured(fmt.Sprint("s", i), "test_a", start)
			s.Run, s.Branch, s.Start.UTC, m.At.UTC = fmt.Sprint("run", i), "main", start.UnixNano(), start.UnixNano()
			if known {
				recs = append(recs, placed(s))
			}
			recs = append(recs, placed(m))
		}
		appendAll(t, db, recs...)
		for _, rec := range recs {
			if m := rec.Measured(); m != nil && len(ack.Bury) < 1050 {
				ack.Bury = append(ack.Bury, monitor.DeadLetter{Dest: dest, Seq: rec.Seq, Class: rec.Class()})
			}
			ack.Cursor = rec.Seq
		}
		require.NoError(t, db.Ack(t.Context(), dest, ack))
		round, err := db.Retain(t.Context(), monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: ack.Cursor, Newest: 1}, nothing)
		require.NoError(t, err)
		want := []int{51, 1050}
		if known {
			want[0]-- // the newest
		}
		assert.Equal(t, want, []int{int(round.Runs), round.Undelivered})
	}
}

// What a destination lacks stays: where nothing was delivered to it, where a replay is under way, and where it lost what it had.
func TestNothingUndeliveredGoes(t *testing.T) {
	for name, undo := range map[string]func(t *testing.T, db *sqlite.DB) func(){
		"replay": func(t *testing.T, db *sqlite.DB) func() {
			_, err := db.AddReplay(t.Context(), monitor.Replay{})
			require.NoError(t, err)
			return func() { require.NoError(t, db.RefuseReplays(t.Context(), "no")) }
		},
		"loss": func(t *testing.T, db *sqlite.DB) func() {
			noteLoss(t, db, "the bucket was missing")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := newDB(t, utcZones())
			db.Now = func() time.Time { return arrival }
			open(t, db)
			policy := monitor.Retention{Keep: 36 * time.Hour, Dest: dest, UpTo: fillAged(t, db, 3, 1), Newest: 1}
			other := policy
			other.Dest = "another"
			round, err := db.Retain(t.Context(), other, nothing)
			require.NoError(t, err)
			assert.Equal(t, []int{0, 2}, []int{int(round.Runs), round.Undelivered}, "this one got nothing")
			end := undo(t, db)
			round, err = db.Retain(t.Context(), policy, nothing)
			require.NoError(t, err)
			assert.Zero(t, round.Runs)
			assert.NotEmpty(t, round.Waits)
			if end != nil {
				end()
				round, err = db.Retain(t.Context(), policy, nothing)
				require.NoError(t, err)
				assert.EqualValues(t, 2, round.Runs)
			}
		})
	}
}

// A run that got something a moment ago may still be under way.
func TestARunThatGotSomethingStays(t *testing.T) {
	db, _ := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	last := fillAged(t, db, 3, 1)
	policy := monitor.Retention{Keep: 36 * time.Hour, UpTo: last, Newest: 1}
	late := placed(measured("s1", "test_late", arrival))
	late.Metric.At.UTC = arrival.UnixNano()
	appendAll(t, db, late)
	round, err := db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1}, []int{int(round.Runs), round.UnderWay})
	ids, _, _ := runsIn(t, db)
	assert.Equal(t, []string{"run1", "run2"}, ids)
}

// measuring stores another metric of the session s0 each time that somebody asks whether it is over. A write of retention does that when
// nobody else can write any more.
type measuring struct {
	context.Context
	file *sql.DB
}

func (c measuring) Err() error {
	const session = "(SELECT id FROM hashes WHERE h = 's0' AND project = 'shop')"
	// It fails within a transaction of retention.
	_, _ = c.file.Exec(`BEGIN IMMEDIATE; INSERT INTO metrics SELECT (SELECT max(seq) FROM metrics) + 1, series, session, context, location,
			utc_ns + 1, utc_offset, received, total_time, user_time, kernel_time, cpu_usage, mem_usage FROM metrics
			WHERE session = ` + session + ` ORDER BY utc_ns DESC LIMIT 1;
		UPDATE tallies SET metrics = metrics + 1 WHERE session = ` + session + `; COMMIT`)
	return nil
}

// A run that gets something after it was counted, and before it is hidden, stays.
func TestARunThatGetsSomethingMeanwhileStays(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	fillAged(t, db, 3, 1)
	policy := monitor.Retention{Keep: 36 * time.Hour, UpTo: math.MaxInt64, Newest: 1}
	round, err := db.Retain(measuring{t.Context(), raw(t, path)}, policy, nothing)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1}, []int{int(round.Runs), round.UnderWay})
	ids, _, _ := runsIn(t, db)
	assert.Equal(t, []string{"run0", "run2"}, ids)
	round, err = db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.EqualValues(t, 1, round.Runs)
}

// The records that arrived before a time end before the first record that arrived later, in any table.
func TestArrivedBefore(t *testing.T) {
	db, _ := newDB(t, utcZones())
	open(t, db)
	before := func(t0 time.Time) uint64 {
		n, err := db.ArrivedBefore(t.Context(), t0)
		require.NoError(t, err)
		return n
	}
	assert.Zero(t, before(arrival))
	s, m, o := record(process("s", arrival)), record(measured("s", "test_a", arrival)), record(became("s", "tests/test_shop.py::test_b", arrival))
	for i, rec := range []*monitor.Record{record(machine("machine")), s, m, o} {
		rec.Received = arrival.Add(time.Duration(i) * time.Minute)
		appendAll(t, db, rec)
	}
	for i := range 5 {
		assert.EqualValues(t, i, before(arrival.Add(time.Duration(i)*time.Minute-time.Second)))
	}
}

// No pytest sends a session with the hash of a context. Such a run stays, since nobody would see the context any more either.
func TestARunWithTheHashOfAMachineStays(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.Now = func() time.Time { return arrival }
	open(t, db)
	policy := monitor.Retention{Keep: 36 * time.Hour, UpTo: fillAged(t, db, 4, 1), Newest: 1}
	appendAll(t, db, placed(machine("s1")))
	round, err := db.Retain(t.Context(), policy, nothing)
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1}, []int{int(round.Runs), round.Mixed})
	ids, _, _ := runsIn(t, db)
	assert.Equal(t, []string{"run1", "run3"}, ids)
	requireConsistent(t, path)
}
