package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// imported returns a record from a file whose clock was in the zone.
func imported(class any, zone *time.Location) *monitor.Record {
	rec := record(class)
	rec.Client, rec.Import = "", &monitor.Import{Zone: zone}
	return rec
}

// placed returns a record that another bridge has accepted.
func placed(class any) *monitor.Record {
	rec := record(class)
	rec.Import = &monitor.Import{Placed: true}
	return rec
}

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	return zone
}

func TestImportedSessionsAreMarkedAndHaveTheirOwnDates(t *testing.T) {
	db, _ := openNew(t)
	years := arrival.AddDate(-3, 0, 0)
	s := imported(process("s1", years), paris(t))
	m := imported(measured("s1", "a", years.Add(time.Second)), paris(t))
	appendAll(t, db, s, m)
	assert.True(t, s.Session.Imported)
	assert.Equal(t, years.Add(-time.Hour), s.Session.Start.Time())
	assert.Equal(t, years.Add(time.Second-time.Hour), m.Metric.At.Time())
	assert.Equal(t, int32(3600), m.Metric.At.Offset)
	stored, err := db.Session(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.True(t, stored.Imported)
	assert.Len(t, next(t, db), 2, "they are delivered like all")
}

// TestAZoneOfTheBridgeIsForImportsToo holds that the operator's zone counts before the one of the machine.
func TestAZoneOfTheBridgeIsForImportsToo(t *testing.T) {
	db, _ := newDB(t, monitor.Zones{Server: time.UTC, Fixed: paris(t)})
	open(t, db)
	fixed, stated := imported(process("s1", arrival), nil), imported(process("s2", arrival), time.FixedZone("", 1800))
	appendAll(t, db, fixed, stated)
	assert.Equal(t, []int32{3600, 1800}, []int32{fixed.Session.Start.Offset, stated.Session.Start.Offset})
}

func TestImportsNeverMoveTheZoneOfAProject(t *testing.T) {
	for _, restart := range []bool{false, true} {
		db, path := newDB(t, utcZones())
		require.NoError(t, db.Open(t.Context()))
		live := record(process("s1", arrival.Add(2*time.Hour))) // +02:00
		appendAll(t, db, live)
		appendAll(t, db, imported(process("s2", arrival), time.FixedZone("", -5*3600)))
		if restart {
			require.NoError(t, db.Close())
			db = dbAt(path, utcZones())
			require.NoError(t, db.Open(t.Context()))
		}
		late := record(process("s3", arrival.Add(2*time.Hour-17*time.Minute))) // no offset fits, so the last one counts
		appendAll(t, db, late)
		assert.Equal(t, int32(7200), late.Session.Start.Offset)
		require.NoError(t, db.Close())
	}
}

func TestImportedAndLiveSessionsAreNeverOneRun(t *testing.T) {
	db, _ := openNew(t)
	of := func(rec *monitor.Record, client string) string {
		rec.Client = client
		appendAll(t, db, rec)
		return rec.Session.Run
	}
	at := func(h string, seconds int) *monitor.Session {
		return process(h, arrival.Add(time.Duration(seconds)*time.Second))
	}
	assert.Equal(t, "i1", of(imported(at("i1", 0), time.UTC), ""))
	assert.Equal(t, "l1", of(record(at("l1", 1)), ""), "an imported session leads no live one")
	assert.Equal(t, "i1", of(imported(at("i2", 2), time.UTC), ""), "imported sessions lead each other, and join no live one")
	assert.Equal(t, "l1", of(record(at("l2", 3)), ""))
	appendAll(t, db, imported(measured("i1", "a", arrival), time.UTC))
	assert.Equal(t, "i3", of(imported(at("i3", 4), time.UTC), ""), "the leader has measured something")
}

// TestATagPutsNoImportedSessionIntoALiveRun holds in any order of arrival, and for records of a file and of another bridge.
func TestATagPutsNoImportedSessionIntoALiveRun(t *testing.T) {
	tagged := func(h string) *monitor.Session {
		s := process(h, arrival)
		s.Description, s.Tags = `{"run": "42"}`, []monitor.Tag{{Name: "run", Value: monitor.Text{String: "42"}}}
		return s
	}
	elsewhere := func(h, run string) *monitor.Record {
		rec := placed(tagged(h))
		rec.Session.Run = run
		return rec
	}
	for _, liveFirst := range []bool{true, false} {
		db, _ := openNew(t)
		live := []*monitor.Record{record(tagged("l1")), record(tagged("l2"))}
		files := []*monitor.Record{imported(tagged("i1"), time.UTC), imported(tagged("i2"), time.UTC), elsewhere("b1", "42"), elsewhere("b2", "42-imported")}
		if liveFirst {
			appendAll(t, db, append(live, files...)...)
		} else {
			appendAll(t, db, append(files, live...)...)
		}
		for _, rec := range live {
			assert.Equal(t, "42", rec.Session.Run)
		}
		for _, rec := range files {
			assert.Equal(t, "42-imported", rec.Session.Run, "those of one tag stay together, also when they are imported from file to file")
		}
	}
}

// TestAWorkerOfAnotherBridgeJoinsNoLiveRun is about the file of a bridge that has a session more of the same `pytest -n`.
func TestAWorkerOfAnotherBridgeJoinsNoLiveRun(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(process("leader", arrival)))
	for _, h := range []string{"w1", "w2"} {
		worker := placed(process(h, arrival))
		worker.Session.Run = "leader"
		appendAll(t, db, worker)
		assert.Equal(t, "leader-imported", worker.Session.Run)
	}
}

// TestARunThatIsBroughtBackKeepsItsID holds for a file that is made again from InfluxDB.
func TestARunThatIsBroughtBackKeepsItsID(t *testing.T) {
	db, _ := openNew(t)
	for h, mark := range map[string]bool{"s1": false, "s2": true} {
		rec := record(process(h, arrival))
		rec.Source, rec.Session.Run, rec.Session.Imported = dest, "r-"+h, mark
		rec.Session.Description = `{"run": "r-` + h + `"}`
		appendAll(t, db, rec)
		assert.Equal(t, "r-"+h, rec.Session.Run)
		assert.Equal(t, mark, rec.Session.Imported)
	}
}

// TestRowsOfAKnownSessionAreRepeats holds for any zone that the import states.
func TestRowsOfAKnownSessionAreRepeats(t *testing.T) {
	db, _ := openNew(t)
	offset := 5*time.Hour + 30*time.Minute
	sent := func(item string, seconds int) *monitor.Metric {
		m := measured("s1", item, arrival.Add(time.Duration(seconds)*time.Second))
		m.ItemStartTime = local(arrival.Add(time.Duration(seconds)*time.Second), offset)
		return m
	}
	session := process("s1", arrival)
	session.RunDate = local(arrival, offset)
	live := record(sent("a", 1))
	live.Received = arrival.Add(2 * time.Second)
	appendAll(t, db, record(session), live)
	for _, zone := range []*time.Location{nil, time.UTC, paris(t), time.FixedZone("", int(offset.Seconds()))} {
		s, again := imported(process("s1", arrival), zone), imported(sent("a", 1), zone)
		s.Session.RunDate = session.RunDate
		appendAll(t, db, s, again)
		assert.True(t, s.Repeat && again.Repeat, zone)
		assert.False(t, s.Session.Imported, "what is there stays as it is")
	}
	missing := imported(sent("b", 2), paris(t))
	appendAll(t, db, missing)
	assert.False(t, missing.Repeat)
	assert.Equal(t, int32(offset.Seconds()), missing.Metric.At.Offset, "the session's own offset")
	assert.Equal(t, arrival.Add(2*time.Second), missing.Metric.At.Time())
}

// TestImportedMetricsFollowDaylightSaving holds for a run through the night in which the clocks of Paris change.
func TestImportedMetricsFollowDaylightSaving(t *testing.T) {
	for name, night := range map[string]struct {
		began string
		rows  map[string]int32 // offset in hours by start
	}{
		"spring": {"2026-03-29T01:50:00", map[string]int32{"2026-03-29T01:59:00": 1, "2026-03-29T03:01:00": 2}},
		"autumn": {"2026-10-25T02:50:00", map[string]int32{"2026-10-25T02:55:00": 2, "2026-10-25T02:10:00": 1, "2026-10-25T03:10:00": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			s := process("s1", arrival)
			s.RunDate = night.began
			appendAll(t, db, imported(s, paris(t)))
			for range 2 {
				for start, hours := range night.rows {
					m := measured("s1", "test "+start, arrival)
					m.ItemStartTime = start
					rec := imported(m, paris(t))
					appendAll(t, db, rec)
					assert.Equal(t, hours*3600, rec.Metric.At.Offset, start)
				}
			}
			assert.Len(t, next(t, db), 1+len(night.rows), "twice is no more than once")
		})
	}
}

func TestRecordsOfAnotherBridgeStayAsTheyAre(t *testing.T) {
	db, _ := openNew(t)
	c, s, m := placed(machine("machine")), placed(ended("s1", arrival, "-x")), placed(measured("s1", "a", arrival))
	c.Context.Env = "as it was decided elsewhere"
	s.Session.Start = monitor.Instant{UTC: arrival.UnixNano() + 5000, Offset: 19800}
	s.Session.Run, s.Session.Branch, s.Session.Build, s.Session.Machine = "r", "b", "17", "m"
	s.Session.Ended = arrival.Add(time.Hour)
	m.Metric.At = monitor.Instant{UTC: arrival.UnixNano() + 7000, Offset: 3600}
	m.Import.Origin = &monitor.Origin{Env: "unknown", Run: "s1"}
	appendAll(t, db, c, s, m)
	pending := next(t, db)
	require.Len(t, pending, 3)
	assert.Equal(t, "as it was decided elsewhere", pending[0].Context.Env)
	got := pending[1].Session
	assert.Equal(t, []string{"r", "b", "17", "m"}, []string{got.Run, got.Branch, got.Build, got.Machine})
	assert.Equal(t, s.Session.End, got.End)
	assert.Equal(t, arrival.Add(5*time.Microsecond), got.Start.Time())
	assert.Equal(t, arrival.Add(7*time.Microsecond), pending[2].Metric.At.Time())
	assert.Equal(t, m.Import.Origin, pending[2].Pinned)
	again := placed(measured("s1", "a", arrival))
	again.Metric.At = monitor.Instant{UTC: arrival.UnixNano(), Offset: 0}
	appendAll(t, db, again)
	assert.True(t, again.Repeat, "another bridge guessed another offset")
}

// TestAnImportAddsAMissingEnd holds for a later copy of a bridge's file. The first end stays.
func TestAnImportAddsAMissingEnd(t *testing.T) {
	for name, first := range map[string]func(any) *monitor.Record{"live": record, "imported": placed} {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			open := first(process("s1", arrival))
			appendAll(t, db, open)
			end := placed(ended("s1", arrival, "-x"))
			end.Session.Ended = arrival.Add(time.Hour)
			want := end.Session.End
			other := placed(ended("s1", arrival, ""))
			appendAll(t, db, end, placed(process("s1", arrival)), other)
			assert.Equal(t, []bool{false, true}, []bool{end.Repeat, other.Repeat})
			assert.Equal(t, []bool{false, true}, []bool{end.Differs, other.Differs})
			stored, err := db.Session(t.Context(), "shop", "s1")
			require.NoError(t, err)
			assert.Equal(t, monitor.Partial, stored.Completion)
			assert.Equal(t, want, stored.End)
			assert.Equal(t, open.Session.Imported, stored.Imported)
			seqs, _ := pendingOf(t, next(t, db))
			assert.Equal(t, []uint64{1, 2}, seqs, "it is owed again")
		})
	}
}

func TestImportedRunsAreNotToBeJudged(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, imported(process("s1", arrival), time.UTC), imported(measured("s1", "a", arrival), time.UTC),
		record(process("s2", arrival.Add(time.Minute))), record(measured("s2", "a", arrival.Add(time.Minute))))
	runs, err := db.Unjudged(t.Context(), arrival.Add(-time.Hour), arrival.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	assert.Equal(t, "s2", runs[0].ID)
	branch := ""
	history, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop", Branch: &branch, Measured: true, Whole: true})
	require.NoError(t, err)
	require.Len(t, history, 2, "they are history of later runs")
	assert.Equal(t, "s2", history[0].ID, "the last run")
}

// TestRowsThatAnImportAddsToALiveSessionAreNotToBeJudged holds for rows of a file and of another bridge. A verification finds
// nothing wrong with the file.
func TestRowsThatAnImportAddsToALiveSessionAreNotToBeJudged(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(process("s1", arrival)), record(measured("s1", "a", arrival)))
	later := imported(measured("s1", "b", arrival), time.UTC)
	elsewhere := placed(measured("s1", "c", arrival))
	elsewhere.Metric.At = monitor.Instant{UTC: arrival.UnixNano()}
	for _, rec := range []*monitor.Record{later, elsewhere} {
		rec.Received = arrival.Add(time.Hour)
		appendAll(t, db, rec)
		require.False(t, rec.Repeat)
	}
	unjudged := func(from time.Time) []*monitor.RunInfo {
		runs, err := db.Unjudged(t.Context(), from, arrival.Add(24*time.Hour), 10)
		require.NoError(t, err)
		return runs
	}
	assert.Empty(t, unjudged(arrival.Add(time.Minute)))
	assert.Len(t, unjudged(arrival.Add(-time.Minute)), 1, "what was sent before is still to be judged")
	end := placed(ended("s1", arrival, ""))
	end.Session.Ended = arrival.Add(time.Hour)
	appendAll(t, db, end)
	require.False(t, end.Repeat)
	assert.Empty(t, unjudged(arrival.Add(time.Minute)), "no client sent the end")
	assert.Len(t, unjudged(arrival.Add(-time.Minute)), 1)
	appendAll(t, db, placed(process("s2", arrival)), placed(measured("s2", "a", arrival)))
	require.NoError(t, db.Close())
	assert.Empty(t, verified(t, path).Findings)
}

func TestAnImportedRecordIsNoOldBacklog(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, imported(process("s1", arrival), time.UTC), imported(measured("s1", "a", arrival), time.UTC))
	for _, cursor := range []uint64{0, 1} {
		require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: cursor}))
		stats, err := db.Stats(t.Context(), dest)
		require.NoError(t, err)
		assert.Equal(t, int64(2-cursor), stats.Depth)
		assert.True(t, stats.Oldest.IsZero(), stats.Oldest)
	}
}

func TestProjectOfASessionOrAContext(t *testing.T) {
	db, _ := openNew(t)
	first, second := record(process("s1", arrival)), record(process("s1", arrival))
	second.Project = "depot"
	context := record(machine("c1"))
	context.Project = "depot"
	appendAll(t, db, first, second, context)
	for _, tt := range []struct {
		class           monitor.Class
		h, prefer, want string
	}{
		{monitor.ClassSession, "s1", "", "shop"}, {monitor.ClassSession, "s1", "depot", "depot"}, {monitor.ClassSession, "s1", "other", "shop"},
		{monitor.ClassSession, "s2", "shop", ""}, {monitor.ClassContext, "c1", "shop", "depot"}, {monitor.ClassContext, "s1", "shop", ""},
		{monitor.ClassSession, "c1", "depot", ""},
	} {
		project, err := db.ProjectOf(t.Context(), tt.class, tt.h, tt.prefer)
		require.NoError(t, err)
		assert.Equal(t, tt.want, project, tt)
	}
}

func TestTryStoresNothing(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(process("s1", arrival)))
	known, m := imported(process("s1", arrival), time.UTC), imported(measured("s1", "a", arrival), time.UTC)
	require.NoError(t, db.Try(t.Context(), []*monitor.Record{known, m}))
	assert.Equal(t, []bool{true, false}, []bool{known.Repeat, m.Repeat})
	assert.Zero(t, m.Seq)
	assert.Len(t, next(t, db), 1)
	appendAll(t, db, m)
	assert.Equal(t, uint64(2), m.Seq)
}
