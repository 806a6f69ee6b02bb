package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// The classes of records of each bucket.
var (
	ofTests    = []monitor.Class{monitor.ClassMetric, monitor.ClassOutcome}
	ofSessions = []monitor.Class{monitor.ClassContext, monitor.ClassSession}
)

// noteLoss has a bucket of measurements lost that had some.
func noteLoss(t *testing.T, db *sqlite.DB, what string) {
	t.Helper()
	noted, err := db.NoteLoss(t.Context(), dest, what, ofTests)
	require.NoError(t, err)
	require.True(t, noted)
}

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
	noteLoss(t, db, "bucket a")
	require.NoError(t, db.Close())
	db = open(t, dbAt(path, utcZones()))
	noteLoss(t, db, "bucket b")
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
	noteLoss(t, db, "bucket c")
	require.NoError(t, db.AckReplay(t.Context(), r, monitor.ReplayStep{Position: 1, Delivered: []uint64{1}}))
	noteLoss(t, db, "bucket d")
	carryOut(t, db, 1)
	assert.Equal(t, []string{"bucket d"}, lost())
}

// A bucket has lost nothing that it never had: what is not delivered, what it refused, what goes to another bucket, and what is removed.
func TestABucketLosesOnlyWhatItHad(t *testing.T) {
	for _, tt := range []struct {
		name            string
		ack             monitor.Acknowledgement
		tests, sessions bool
	}{
		{"nothing", monitor.Acknowledgement{}, false, false},
		{"a machine and a session", monitor.Acknowledgement{Cursor: 2}, false, true},
		{"everything", monitor.Acknowledgement{Cursor: 4}, true, true},
		{"all but a test", monitor.Acknowledgement{Cursor: 4, Park: []uint64{3}}, true, true},
		{"no measurement", monitor.Acknowledgement{Cursor: 4, Park: []uint64{3}, Bury: []monitor.DeadLetter{{Seq: 4, Class: monitor.ClassOutcome}}}, false, true},
		{"dead letters alone", monitor.Acknowledgement{Cursor: 2, Bury: []monitor.DeadLetter{{Seq: 1}}, SetAside: []uint64{2}}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, _ := openNew(t)
			appendAll(t, db, record(machine("m")), record(process("s", arrival)), record(measured("s", "test_a", arrival)), record(became("s", "test_a.py::test_a", arrival)))
			require.NoError(t, db.Ack(t.Context(), dest, tt.ack))
			for _, bucket := range []struct {
				had  []monitor.Class
				lost bool
			}{{ofTests, tt.tests}, {ofSessions, tt.sessions}} {
				for _, of := range []struct {
					dest monitor.Destination
					lost bool
				}{{dest, bucket.lost}, {"another", false}} {
					noted, err := db.NoteLoss(t.Context(), of.dest, "a bucket", bucket.had)
					require.NoError(t, err)
					assert.Equal(t, of.lost, noted, bucket.had)
				}
			}
		})
	}
}

// With the last record that a bucket had its loss goes too, since no replay could mend anything. What is being removed was not lost.
func TestALossGoesWithTheLastProject(t *testing.T) {
	db, _ := openNew(t)
	fillTwoProjects(t, db, 20)
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 60}))
	noteLoss(t, db, "a bucket")
	losses := func() int {
		stats, err := db.Stats(t.Context(), dest)
		require.NoError(t, err)
		return len(stats.Lost)
	}
	for i, project := range []string{"gone", "shop"} {
		_, err := db.AddDeletion(t.Context(), project)
		require.NoError(t, err)
		require.True(t, removeSome(t, db, 1))
		noted, err := db.NoteLoss(t.Context(), dest, "another bucket", ofSessions)
		require.NoError(t, err)
		require.Equal(t, i == 0, noted, "nobody sees the last project any more")
		require.False(t, removeSome(t, db, 1000))
		if i == 0 {
			require.Equal(t, 2, losses(), "the other project has records")
		}
	}
	assert.Zero(t, losses())
}
