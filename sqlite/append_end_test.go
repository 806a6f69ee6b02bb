package sqlite_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// ended returns a session that has ended for a reason; "" for one that ran the whole suite.
func ended(h string, started time.Time, reason string) *monitor.Session {
	s := process(h, started)
	s.Completion, s.End = monitor.Complete, monitor.End{ExitStatus: 1, Collected: 7, Deselected: 2, Reason: reason}
	if reason != "" {
		s.Completion = monitor.Partial
	}
	return s
}

// pendingOf returns the numbers of the sessions that are owed after a number, with their ends.
func pendingOf(t *testing.T, pending []monitor.Pending) (seqs []uint64, ends []monitor.End) {
	t.Helper()
	for _, p := range pending {
		if p.Session != nil {
			seqs, ends = append(seqs, p.Seq), append(ends, p.Session.End)
		}
	}
	return seqs, ends
}

func TestASessionEndsOnceAndIsOwedAgain(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	first := record(process("s1", arrival))
	appendAll(t, db, first, record(measured("s1", "test_a", arrival)))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 2}))

	end := record(ended("s1", arrival, "-x"))
	end.Received = arrival.Add(time.Hour)
	appendAll(t, db, end)
	want := monitor.End{ExitStatus: 1, Collected: 7, Deselected: 2, Reason: "-x", Ended: arrival.Add(time.Hour)}
	assert.Equal(t, uint64(3), end.Seq)
	assert.False(t, end.Repeat)
	assert.False(t, end.Differs)
	assert.Equal(t, want, end.Session.End)
	assert.Equal(t, first.Session.Run, end.Session.Run, "the stored session with its end")
	stats, err := db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.Equal(t, int64(1), stats.Depth)
	assert.True(t, end.Received.Equal(stats.Oldest), stats.Oldest)
	require.NoError(t, db.Close())

	db = open(t, dbAt(path, utcZones()))
	owed, err := db.Next(t.Context(), dest, 2, 100)
	require.NoError(t, err)
	require.Len(t, owed, 1)
	assert.Equal(t, uint64(3), owed[0].Seq)
	assert.Equal(t, "shop", owed[0].Project)
	assert.Equal(t, end.Session, owed[0].Session)
	assert.True(t, first.Received.Equal(owed[0].Received), "the session arrived when it arrived first")
	stored, err := db.Session(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.Equal(t, end.Session, stored)

	again, other, open := record(ended("s1", arrival, "-x")), record(ended("s1", arrival, "")), record(process("s1", arrival))
	appendAll(t, db, again, other, open)
	for _, rec := range []*monitor.Record{again, other, open} {
		assert.True(t, rec.Repeat)
		assert.Equal(t, want, rec.Session.End, "the first end stays")
	}
	assert.Equal(t, []bool{false, true, false}, []bool{again.Differs, other.Differs, open.Differs})
	seqs, ends := pendingOf(t, next(t, db))
	assert.Equal(t, []uint64{1, 3}, seqs)
	assert.Equal(t, []monitor.End{want, want}, ends)
}

// TestTheEndOfAnUnknownSessionStoresIt holds that the session before its end is a repeat then.
func TestTheEndOfAnUnknownSessionStoresIt(t *testing.T) {
	db, _ := openNew(t)
	end, session := record(ended("s1", arrival, "")), record(process("s1", arrival))
	appendAll(t, db, end, session)
	assert.Equal(t, []uint64{1, 1}, seqs(end, session))
	assert.True(t, session.Repeat)
	assert.Equal(t, arrival, end.Session.Ended)
	assert.Equal(t, monitor.Complete, session.Session.Completion)
	require.Len(t, next(t, db), 1)
}

// TestEndsAreInTheSequence holds that the numbers of ends are found in batches of any size, and are given out only once.
func TestEndsAreInTheSequence(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(process("s1", arrival)), record(process("s2", arrival.Add(time.Minute))), record(ended("s1", arrival, "")),
		record(measured("s1", "test_a", arrival)), record(became("s1", "b", arrival)), record(ended("s2", arrival.Add(time.Minute), "-k")))
	for size := 1; size < 8; size++ {
		var all []uint64
		for after := uint64(0); ; after = all[len(all)-1] {
			part, err := db.Next(t.Context(), dest, after, size)
			require.NoError(t, err)
			for _, p := range part {
				all = append(all, p.Seq)
			}
			if len(part) == 0 {
				break
			}
		}
		assert.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, all)
	}
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 6, SetAside: []uint64{6}}))
	aside, err := db.Aside(t.Context(), dest, 0, 100)
	require.NoError(t, err)
	require.Len(t, aside, 1)
	assert.Equal(t, "-k", aside[0].Session.Reason)
	require.NoError(t, db.Close())

	_, err = raw(t, path).Exec("DELETE FROM sequence")
	require.NoError(t, err)
	db = open(t, dbAt(path, utcZones()))
	later := record(measured("s2", "test_b", arrival))
	appendAll(t, db, later)
	assert.Equal(t, uint64(7), later.Seq, "also after a repair that lost the last number")
}

// TestAnEndThatCannotBeStoredChangesNothing holds that the end and its number are stored together or not at all.
func TestAnEndThatCannotBeStoredChangesNothing(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(process("s1", arrival)))
	db.BreakCommitsUntilReopen(assert.AnError)
	require.Error(t, db.Append(context.Background(), []*monitor.Record{record(ended("s1", arrival, ""))}))
	db.BreakCommits(nil)
	require.NoError(t, db.Reopen())
	stored, err := db.Session(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.Zero(t, stored.End)
	assert.Len(t, next(t, db), 1)

	db.MaxBytes = 1
	db.MeasureSpace()
	err = db.Append(t.Context(), []*monitor.Record{record(ended("s1", arrival, ""))})
	assert.Equal(t, monitor.EFull, monitor.ErrorCode(err))
	appendAll(t, db, record(process("s1", arrival)))
}

// TestAnEndFromADestinationIsNotOwedToIt holds that other destinations get it.
func TestAnEndFromADestinationIsNotOwedToIt(t *testing.T) {
	db, _ := openNew(t)
	end := record(ended("s1", arrival, ""))
	end.Session.Ended, end.Source = arrival.Add(time.Minute), dest
	appendAll(t, db, record(process("s1", arrival)), end)
	assert.Equal(t, arrival.Add(time.Minute), end.Session.Ended)
	assert.Len(t, next(t, db), 1)
	elsewhere, err := db.Next(t.Context(), "another", 0, 100)
	require.NoError(t, err)
	assert.Len(t, elsewhere, 2)
}

// TestASessionThatHasEndedLeadsNoRun holds that runs without a test that follow each other stay apart.
func TestASessionThatHasEndedLeadsNoRun(t *testing.T) {
	db, _ := openNew(t)
	second, third := process("s2", arrival.Add(5*time.Second)), process("s3", arrival.Add(6*time.Second))
	appendAll(t, db, record(process("s1", arrival)), record(ended("s1", arrival, "")), record(second), record(third))
	assert.Equal(t, "s2", second.Run)
	assert.Equal(t, "s2", third.Run, "the second session is open")
}

// TestFailedTestsAreNoMeasurements holds that nothing that runs are judged by, lists or sums has the measurements of an
// outcome.
func TestFailedTestsAreNoMeasurements(t *testing.T) {
	db, _ := openNew(t)
	failed := became("s1", "tests/test_shop.py::test_slow", arrival)
	failed.TotalTime = 1e6
	appendAll(t, db, record(machine("machine")), record(process("s1", arrival)), record(measured("s1", "test_a", arrival)), record(failed))
	samples := samplesOf(t, db)
	require.Len(t, samples, 1)
	assert.Equal(t, 0.25, samples[0].TotalTime)
	runs, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	assert.Equal(t, int64(1), runs[0].Tests)
	sum, err := db.RunSummary(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.Equal(t, 0.25, sum.TotalTime)
	for run, err := range db.Runs(t.Context(), monitor.RunQuery{}, monitor.Page{}) {
		require.NoError(t, err)
		assert.Equal(t, 0.25, run.TotalTime)
	}
}

// TestARunHasEndedWithItsSessions holds what the watcher of runs asks.
func TestARunHasEndedWithItsSessions(t *testing.T) {
	db, _ := openNew(t)
	of := func(s *monitor.Session) *monitor.Record {
		s.Description, s.Tags = `{"run": "r"}`, []monitor.Tag{{Name: "run", Value: monitor.Text{String: "r"}}}
		return record(s)
	}
	second := process("s2", arrival.Add(time.Hour))
	second.Method = "m2"
	check := func(want bool, completion monitor.Completion, partial string) {
		t.Helper()
		ended, err := db.Ended(t.Context(), "shop", "r")
		require.NoError(t, err)
		assert.Equal(t, want, ended)
		sum, err := db.RunSummary(t.Context(), "shop", "r")
		require.NoError(t, err)
		assert.Equal(t, []string{string(completion), partial}, []string{string(sum.Completion), sum.Partial})
		infos, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop", Run: "r"})
		require.NoError(t, err)
		assert.Equal(t, sum.RunEnd, infos[0].RunEnd)
	}
	ended1, err := db.Ended(t.Context(), "shop", "r")
	require.NoError(t, err)
	assert.False(t, ended1, "there is no session")
	appendAll(t, db, of(process("s1", arrival)))
	check(false, monitor.CompletionUnknown, "")
	appendAll(t, db, of(ended("s1", arrival, "")))
	check(true, monitor.Complete, "")
	appendAll(t, db, of(second))
	check(false, monitor.Partial, "has not ended")
	appendAll(t, db, of(ended("s2", arrival.Add(time.Hour), "-k")))
	check(true, monitor.Partial, "-k")
}
