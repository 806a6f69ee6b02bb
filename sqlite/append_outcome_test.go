package sqlite_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// became returns an outcome.
func became(session, nodeID string, started time.Time) *monitor.Outcome {
	return &monitor.Outcome{Metric: *measured(session, "test_pay", started), NodeID: nodeID, Outcome: "failed", Attempts: 2,
		SetupTime: 0.5, TeardownTime: math.Copysign(0, -1), MemPeak: math.NaN(), MemTest: 12.5}
}

func TestOutcomesComeBackAsSent(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	plain, odd := became("s1", "tests/test_shop.py::TestPay::test_pay[a-b]", arrival), became("s1", "odd\x00\xff", arrival)
	odd.ItemVariant, odd.ItemStartTime, odd.TotalTime = "test_pay[<object at 0x7f3a>]", "2026-11-22 12:00", math.NaN()
	appendAll(t, db, record(process("s1", arrival)), record(plain), record(measured("s1", "test_pay", arrival)), record(odd))
	assert.NotEqual(t, plain.At.UTC, odd.At.UTC)
	require.NoError(t, db.Close())

	db = open(t, dbAt(path, utcZones()))
	pending := next(t, db)
	require.Len(t, pending, 4)
	for i, want := range map[int]*monitor.Outcome{1: plain, 3: odd} {
		got := pending[i]
		assert.Equal(t, uint64(i+1), got.Seq)
		assert.Equal(t, "shop", got.Project)
		assert.Equal(t, monitor.ClassOutcome, got.Class())
		assert.True(t, want.Same(&got.Outcome.Metric))
		assert.Equal(t, fmt.Sprintf("%#v", *want), fmt.Sprintf("%#v", *got.Outcome), "absent floats too")
	}
	count, err := db.CountMetrics(t.Context(), monitor.MetricQuery{})
	require.NoError(t, err)
	assert.Equal(t, int64(1), count, "outcomes are not metrics")
}

func TestASessionHasOneOutcomeForEachNodeID(t *testing.T) {
	db, _ := openNew(t)
	first := record(became("s1", "a", arrival))
	appendAll(t, db, first)
	for name, c := range map[string]struct {
		change  func(o *monitor.Outcome)
		differs bool
	}{
		"the same":        {func(*monitor.Outcome) {}, false},
		"another outcome": {func(o *monitor.Outcome) { o.Outcome = "passed" }, true},
		"another value":   {func(o *monitor.Outcome) { o.MemPeak = 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			again := became("s1", "a", arrival)
			c.change(again)
			rec := record(again)
			appendAll(t, db, rec)
			assert.True(t, rec.Repeat)
			assert.Equal(t, c.differs, rec.Differs)
			assert.Equal(t, first.Seq, rec.Seq)
			assert.Equal(t, first.Outcome.At, rec.Outcome.At)
			assert.Len(t, next(t, db), 1)
		})
	}
	other := record(became("s2", "a", arrival))
	appendAll(t, db, other)
	assert.False(t, other.Repeat, "another session has outcomes of its own")
	appendAll(t, db, record(became("s1", "b", arrival)))
	count, err := db.CountOutcomes(t.Context(), monitor.OutcomeQuery{})
	require.NoError(t, err)
	assert.Equal(t, int64(3), count, "repeats are not counted, and transactions add up")
}

// TestOutcomesOfOneMicrosecondGetNanosecondsOfTheirOwn checks that different outcomes are different points.
func TestOutcomesOfOneMicrosecondGetNanosecondsOfTheirOwn(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	first := record(became("s1", "node", arrival))
	appendAll(t, db, first)
	require.NoError(t, db.Close())
	const free, more = 5, 8
	fillMicrosecond(t, path, "outcomes", "node_id", free)

	db = open(t, dbAt(path, utcZones()))
	var recs []*monitor.Record
	for i := range more {
		recs = append(recs, record(became("s1", fmt.Sprint("node", i), arrival)))
	}
	appendAll(t, db, recs...)
	times := make(map[int64]bool)
	for _, p := range next(t, db) {
		times[p.Outcome.At.UTC] = true
		assert.Less(t, p.Outcome.At.UTC-arrival.UnixNano(), int64(2000))
	}
	assert.Len(t, times, 1000-free+more)
}

func TestOutcomesArePinnedAndParked(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(became("s1", "a", arrival)), record(measured("s1", "test_a", arrival)), record(became("s1", "b", arrival)))
	origin := monitor.Origin{Env: "unknown", Run: "s1"}
	require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{1: origin}))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 3, Park: []uint64{1, 2, 3}}))
	parked, err := db.Parked(t.Context(), dest, 0, 100)
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, 3}, []uint64{parked[0].Seq, parked[1].Seq, parked[2].Seq})
	assert.Equal(t, &origin, parked[0].Pinned)
	assert.False(t, parked[2].Since.IsZero())
	stats, err := db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.Equal(t, int64(3), stats.Depth)
	assert.True(t, arrival.Equal(stats.Oldest))
}

func TestSessionsKeepTheirMarks(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	s := process("s1", arrival)
	s.Start.Offset = 20700
	s.Marks = monitor.Marks{Imported: true, StatesOffset: true, Completion: monitor.Partial, Method: "m2"}
	s.Description, s.Tags = `{"machine": "ci-large"}`, []monitor.Tag{{Name: "machine", Value: monitor.Text{String: "ci-large"}}}
	far := measured("s1", "test_a", arrival.Add(-9*time.Hour)) // guessing would find another offset
	appendAll(t, db, record(s), record(machine("machine")), record(far))
	assert.Equal(t, int32(20700), s.Start.Offset, "a stated offset is not guessed")
	assert.Equal(t, int32(20700), far.At.Offset)
	require.NoError(t, db.Close())

	db = open(t, dbAt(path, utcZones()))
	stored, err := db.Session(t.Context(), "shop", "s1")
	require.NoError(t, err)
	assert.Equal(t, s.Marks, stored.Marks)
	again := record(measured("s1", "test_b", arrival.Add(-9*time.Hour)))
	appendAll(t, db, again)
	assert.Equal(t, int32(20700), again.Metric.At.Offset, "also after a restart")
	assert.Equal(t, []string{"ci-large py3.11 m2"}, environments(t, db))
	for _, sample := range samplesOf(t, db) {
		assert.Equal(t, "ci-large py3.11 m2", sample.Env)
	}
}

// TestASessionWithAnOutcomeHasMeasured holds that plain runs that follow each other stay apart, also when no test passed.
func TestASessionWithAnOutcomeHasMeasured(t *testing.T) {
	db, _ := openNew(t)
	next := process("s2", arrival.Add(5*time.Second))
	appendAll(t, db, record(process("s1", arrival)), record(became("s1", "a", arrival)), record(next))
	assert.Equal(t, "s2", next.Run)
}
