package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// carryOut carries out a replay in steps of a few records, and returns the numbers of the records and the versions of the
// reports that it chose.
func carryOut(t *testing.T, db monitor.ReplayQueue, max int) (seqs []uint64, versions []int64) {
	t.Helper()
	r, err := db.NextReplay(t.Context(), dest)
	require.NoError(t, err)
	for !r.State.RecordsDone() {
		recs, position, err := db.ReplayRecords(t.Context(), r, max)
		require.NoError(t, err)
		require.LessOrEqual(t, len(recs), max)
		var step monitor.ReplayStep
		for _, rec := range recs {
			step.Delivered = append(step.Delivered, rec.Seq)
		}
		step.Position = position
		require.NoError(t, db.AckReplay(t.Context(), r, step))
		seqs = append(seqs, step.Delivered...)
		if r.State.Ended.IsZero() { // as after a restart
			again, err := db.NextReplay(t.Context(), dest)
			require.NoError(t, err)
			require.Equal(t, r, again)
		}
	}
	for r.State.Ended.IsZero() {
		reports, err := db.ReplayReports(t.Context(), r, 1)
		require.NoError(t, err)
		if len(reports) == 0 {
			reports = []monitor.PendingReport{{Version: r.State.ReportsUpTo}}
		}
		if reports[0].Report != nil {
			versions = append(versions, reports[0].Version)
		}
		require.NoError(t, db.AckReplayReport(t.Context(), r, reports[0], ""))
	}
	return seqs, versions
}

// A replay has what the destination got, between its times and of its project. Contexts and sessions go with it. What is
// parked or set aside is delivered anyway. What was read from the destination is there only when it is asked for.
func TestReplayChoosesRecords(t *testing.T) {
	db, _ := openNew(t)
	hour := func(n int) time.Time { return arrival.Add(time.Duration(n-10) * time.Hour) }
	at := func(n int, rec *monitor.Record) *monitor.Record { rec.Received = hour(n).Add(time.Second); return rec }
	of := func(project string, rec *monitor.Record) *monitor.Record { rec.Project = project; return rec }
	imported := at(5, record(measured("s", "test_imported", hour(5))))
	imported.Source, imported.Metric.At = dest, monitor.Instant{UTC: hour(5).UnixNano()}
	appendAll(t, db,
		record(machine("m")),                                              // 1
		at(0, record(process("s", hour(0)))),                              // 2
		at(1, record(measured("s", "test_a", hour(1)))),                   // 3
		at(2, record(became("s", "test_a", hour(2)))),                     // 4
		at(3, record(measured("s", "test_b", hour(3)))),                   // 5
		of("other", record(machine("theirs"))),                            // 6
		of("other", record(machine("machine"))),                           // 7: metrics of shop have it too
		of("other", at(3, record(process("theirs", hour(3))))),            // 8
		of("other", at(3, record(measured("theirs", "test_x", hour(3))))), // 9
		imported, // 10
		at(4, record(measured("s", "test_c", hour(4)))), // 11: parked
		at(4, record(measured("s", "test_d", hour(4)))), // 12: set aside
		at(4, record(measured("s", "test_e", hour(4)))), // 13: a dead letter
		at(4, record(measured("s", "test_f", hour(4)))), // 14: not delivered yet
	)
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 13, Park: []uint64{11}, SetAside: []uint64{12},
		Bury: []monitor.DeadLetter{{Dest: dest, Seq: 13, Class: monitor.ClassMetric, Status: 422, Reason: "outside retention"}}}))
	for version, rep := range []*monitor.Report{{Project: "shop", Run: "1", Started: hour(1)}, {Project: "shop", Run: "2", Started: hour(3)},
		{Project: "other", Run: "1", Started: hour(3)}, {Project: "shop", Run: "new", Started: hour(4)}} {
		require.NoError(t, db.KeepReport(t.Context(), rep))
		if version < 3 {
			require.NoError(t, db.AckReport(t.Context(), dest, monitor.PendingReport{Report: rep, Version: int64(version + 1)}))
		}
	}
	for _, tt := range []struct {
		name    string
		replay  monitor.Replay
		seqs    []uint64
		reports []int64
	}{
		{"everything", monitor.Replay{}, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 13}, []int64{1, 2, 3}},
		{"imported too", monitor.Replay{Imported: true}, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13}, []int64{1, 2, 3}},
		{"since", monitor.Replay{Since: hour(3)}, []uint64{1, 2, 5, 6, 7, 8, 9, 13}, []int64{2, 3}},
		{"until", monitor.Replay{Until: hour(3)}, []uint64{1, 2, 3, 4, 6, 7, 8}, []int64{1}},
		{"a project", monitor.Replay{Project: "shop"}, []uint64{1, 2, 3, 4, 5, 7, 13}, []int64{1, 2}},
		{"another project", monitor.Replay{Project: "other"}, []uint64{6, 7, 8, 9}, []int64{3}},
		{"dead letters", monitor.Replay{Dead: &monitor.LetterQuery{Class: monitor.ClassMetric, Project: "shop", Reason: "retention"}}, []uint64{13}, nil},
		{"dead letters of another class", monitor.Replay{Dead: &monitor.LetterQuery{Class: monitor.ClassContext}}, nil, nil},
		{"one dead letter", monitor.Replay{Dead: &monitor.LetterQuery{Seqs: []uint64{13, 14}}}, []uint64{13}, nil},
	} {
		for _, max := range []int{1, 2, 100} {
			id, err := db.AddReplay(t.Context(), tt.replay)
			require.NoError(t, err)
			seqs, versions := carryOut(t, db, max)
			assert.Equal(t, tt.seqs, seqs, tt.name)
			assert.Equal(t, tt.reports, versions, tt.name)
			s, err := db.ReplayState(t.Context(), id)
			require.NoError(t, err)
			assert.False(t, s.Ended.IsZero())
			assert.EqualValues(t, len(tt.seqs), s.Sent)
			require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 13,
				Bury: []monitor.DeadLetter{{Dest: dest, Seq: 13, Class: monitor.ClassMetric, Status: 422, Reason: "outside retention"}}}))
		}
	}
	next, err := db.NextReplay(t.Context(), dest)
	require.NoError(t, err)
	assert.Nil(t, next)
}

// A refused record that is a dead letter gets the new words. Another one is counted, and is no dead letter. What is set
// aside waits, and the journal knows which of it was delivered before.
func TestAckReplayBuriesNothing(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(machine("m")), record(measured("s", "test_a", arrival)), record(measured("s", "test_b", arrival)),
		record(measured("s", "test_c", arrival)), record(measured("s", "test_d", arrival)))
	letter := func(seq uint64, words string) monitor.DeadLetter {
		return monitor.DeadLetter{Dest: dest, Seq: seq, Class: monitor.ClassMetric, Status: 422, Reason: words, At: arrival}
	}
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 5,
		Bury: []monitor.DeadLetter{letter(2, "old"), letter(3, "old"), letter(4, "old")}}))
	_, err := db.AddReplay(t.Context(), monitor.Replay{})
	require.NoError(t, err)
	r, err := db.NextReplay(t.Context(), dest)
	require.NoError(t, err)
	require.NoError(t, db.AckReplay(t.Context(), r, monitor.ReplayStep{Position: 5, Delivered: []uint64{3},
		Refused:  []monitor.DeadLetter{letter(2, "new"), letter(1, "new")},
		SetAside: []monitor.DeadLetter{letter(4, "too large"), letter(5, "too large")},
		Reasons:  map[string]int64{"new": 2}, Incomplete: 7}))
	s := r.State
	assert.Equal(t, []int64{1, 1, 1, 2, 7}, []int64{s.Sent, s.Refused, s.StillDead, s.SetAside, s.Incomplete})
	letters, err := db.DeadLetters(t.Context(), dest, 10)
	require.NoError(t, err)
	assert.Equal(t, []monitor.DeadLetter{letter(2, "new")}, letters)
	aside, err := db.Aside(t.Context(), dest, 0, 10)
	require.NoError(t, err)
	require.Len(t, aside, 2)
	assert.Equal(t, []bool{false, true}, []bool{aside[0].Delivered, aside[1].Delivered}, "the first one was a dead letter")
	stats, err := db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.EqualValues(t, 1, stats.DeadLetters)
}

// One replay is carried out after the other. A bridge with another destination ends what the first one began.
func TestReplaysTakeTheirTurns(t *testing.T) {
	db, path := openNew(t)
	appendAll(t, db, record(machine("m")))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 1}))
	other := dbAt(path, utcZones())
	require.NoError(t, other.OpenShared(t.Context()))
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	require.True(t, other.Served())
	first, err := other.AddReplay(t.Context(), monitor.Replay{})
	require.NoError(t, err)
	second, err := other.AddReplay(t.Context(), monitor.Replay{Project: "shop", Since: arrival})
	require.NoError(t, err)
	r, err := db.NextReplay(t.Context(), dest)
	require.NoError(t, err)
	assert.Equal(t, first, r.ID)
	r, err = db.NextReplay(t.Context(), "another")
	require.NoError(t, err)
	assert.Nil(t, r)
	s, err := other.ReplayState(t.Context(), second)
	require.NoError(t, err)
	assert.False(t, s.Ended.IsZero(), "this destination has got nothing yet, so there is nothing to do")
	assert.Empty(t, s.Error)
	s, err = other.ReplayState(t.Context(), first)
	require.NoError(t, err)
	assert.Contains(t, s.Error, "another destination")
	_, err = other.ReplayState(t.Context(), 99)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
	_, err = other.NextReplay(t.Context(), dest)
	assert.Error(t, err, "only the process that serves the file carries it out")

	third, err := other.AddReplay(t.Context(), monitor.Replay{})
	require.NoError(t, err)
	require.NoError(t, db.RefuseReplays(t.Context(), "no destination"))
	s, err = other.ReplayState(t.Context(), third)
	require.NoError(t, err)
	assert.Equal(t, "no destination", s.Error)
	for range 150 {
		id, err := other.AddReplay(t.Context(), monitor.Replay{})
		require.NoError(t, err)
		require.NoError(t, db.RefuseReplays(t.Context(), "no destination"))
		third = id
	}
	_, err = other.ReplayState(t.Context(), third-110)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "old commands do not stay")
}

// An older bridge knows no commands, so the command says so and does nothing.
func TestCommandsAreRefusedBesideAnOlderBridge(t *testing.T) {
	old, path := newDB(t, utcZones())
	old.KnowVersions(1)
	open(t, old)
	for _, statement := range []string{
		"INSERT INTO hashes VALUES (1, 's1', 'shop'), (2, 'machine', 'shop')",
		`INSERT INTO sessions VALUES (1, 1, 'shop', '2026-11-22T12:00:00', 'c0ffee', '', '', 1763812800000000000, 0, 's1', 1, '', '', '', 0, 0, '', '', 5)`,
		"INSERT INTO series VALUES (1, 'shop', '', 'tests', 'test_a', 'test_a', 'function')",
		"INSERT INTO locations VALUES (1, 'a.py')",
		"INSERT INTO metrics VALUES (2, 1, 1, 2, 1, 1763812801000000000, 0, 5, 0.5, 0.25, 0.0, 0.5, NULL)",
	} {
		_, err := raw(t, path).Exec(statement)
		require.NoError(t, err, statement)
	}
	db := dbAt(path, utcZones())
	require.NoError(t, db.OpenShared(t.Context()))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err := db.AddReplay(t.Context(), monitor.Replay{})
	assert.ErrorContains(t, err, "is older and does not know this command")
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	err = db.EachLetter(t.Context(), monitor.LetterQuery{}, func(monitor.Letter) error { return nil })
	assert.ErrorContains(t, err, "is older")

	// What needs no commands works.
	projects, err := db.ProjectStatus(t.Context(), arrival)
	require.NoError(t, err)
	assert.Len(t, projects, 1)
}

// Letters of all kinds are listed with their project and name, and dropped in small steps.
func TestLettersAreReadAndDropped(t *testing.T) {
	db, _ := openNew(t)
	const n = 1200
	recs := []*monitor.Record{record(machine("m")), record(process("s", arrival)), record(became("s", "test_a", arrival))}
	for i := range n {
		recs = append(recs, record(measured("s", fmt.Sprint("test_", i), arrival)))
	}
	appendAll(t, db, recs...)
	var bury []monitor.DeadLetter
	for _, rec := range recs {
		bury = append(bury, monitor.DeadLetter{Dest: dest, Seq: rec.Seq, Class: rec.Class(), Reason: "x"})
	}
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: n + 3, Bury: bury}))
	require.NoError(t, db.Ack(t.Context(), "another", monitor.Acknowledgement{Cursor: n + 3, Bury: bury[:1]}))
	var names []string
	require.NoError(t, db.EachLetter(t.Context(), monitor.LetterQuery{Project: "shop"}, func(l monitor.Letter) error {
		names = append(names, string(l.Class)+" "+l.Name)
		return nil
	}))
	require.Len(t, names, n+4)
	assert.Equal(t, []string{"context m", "context m", "session s"}, names[:3])
	rec, err := db.Record(t.Context(), 3)
	require.NoError(t, err)
	assert.Equal(t, "outcome "+rec.Outcome.NodeID, names[3])
	_, err = db.Record(t.Context(), n+4)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
	dropped, err := db.DropLetters(t.Context(), monitor.LetterQuery{Class: monitor.ClassMetric})
	require.NoError(t, err)
	assert.EqualValues(t, n, dropped)
	stats, err := db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.EqualValues(t, 3, stats.DeadLetters)
	assert.Len(t, next(t, db), n+3, "the records stay")
}
