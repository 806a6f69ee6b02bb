package sqlite_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
)

// anyText draws texts: plain texts, texts with addresses, and bytes that are not text.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "test[<object object at 0x7f00>]", "<x at 0x…>", "1", "1e5", "a\x00b", "\xed\xa0\x80"}),
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }),
	)
}

func anyFloat() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 2300, math.SmallestNonzeroFloat64, math.MaxFloat64,
			1 << 53, -(1 << 62), math.NaN(), 0.1}),
		rapid.Map(rapid.Uint64(), func(bits uint64) float64 {
			f := math.Float64frombits(bits)
			if math.IsInf(f, 0) {
				return math.NaN() // an infinity from a client counts as absent
			}
			return f
		}),
	)
}

func anyDate() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"1970-01-01", "2026-11-22 12:00:00", "2026-11-22T12:00:00.1234567", "2199-12-31T23:59:59Z",
			"2026-11-22T12:00:00.000000", "2026-11-22T12:00:00+05:30", "2026-03-29T02:30:00.000001"}),
		rapid.Map(rapid.Int64Range(0, 7_258_118_399_999_999), func(micros int64) string {
			return monitor.Instant{UTC: micros * 1000}.LocalText()
		}),
	)
}

func anyMetric(t *rapid.T) *monitor.Metric {
	text := func(name string) string { return anyText().Draw(t, name) }
	float := func(name string) float64 { return anyFloat().Draw(t, name) }
	return &monitor.Metric{
		SessionH: text("session_h"), ContextH: text("context_h"), ItemStartTime: anyDate().Draw(t, "start"),
		ItemPath: text("path"), Item: text("item"), ItemVariant: text("variant"), ItemFSLoc: text("loc"),
		Kind: text("kind"), Component: text("component"), TotalTime: float("total"), UserTime: float("user"),
		KernelTime: float("kernel"), CPUUsage: float("cpu"), MemUsage: float("mem"),
	}
}

func anyContext(t *rapid.T) *monitor.Context {
	text := func(name string) string { return anyText().Draw(t, name) }
	return &monitor.Context{
		H: "h" + text("h"), CPUCount: rapid.Int64().Draw(t, "count"), CPUFrequency: anyFloat().Draw(t, "frequency"),
		CPUType: text("type"), CPUVendor: anyNullable(t), RAMTotal: rapid.Int64().Draw(t, "ram"),
		MachineNode: text("node"), MachineType: text("machine"), MachineArch: text("arch"), SystemInfo: text("system"),
		PythonInfo: text("python"),
	}
}

func anySession(t *rapid.T) *monitor.Session {
	return &monitor.Session{
		SessionH: "h" + anyText().Draw(t, "h"), RunDate: anyDate().Draw(t, "date"), ScmRef: anyNullable(t),
		Description: anyText().Draw(t, "description"),
	}
}

func anyNullable(t *rapid.T) monitor.Text {
	if rapid.Bool().Draw(t, "null") {
		return monitor.Text{Null: true}
	}
	return monitor.Text{String: anyText().Draw(t, "text")}
}

// TestRecordsComeBackBitForBit appends random records and reads them as the courier does. Then it appends the records
// that it has read. All of them must be repeats.
func TestRecordsComeBackBitForBit(t *testing.T) {
	db, _ := openNew(t)
	round, last := 0, uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		round++ // all rounds share a file; each round has a project of its own
		var recs []*monitor.Record
		for range rapid.IntRange(1, 12).Draw(t, "records") {
			recs = append(recs, record(rapid.OneOf(
				rapid.Custom(func(t *rapid.T) any { return anyContext(t) }),
				rapid.Custom(func(t *rapid.T) any { return anySession(t) }),
				rapid.Custom(func(t *rapid.T) any { return anyMetric(t) })).Draw(t, "record")))
		}
		for _, rec := range recs {
			rec.Project = fmt.Sprint("project", round)
		}
		sent := copies(recs)
		require.NoError(t, db.Append(context.Background(), recs))
		bySeq := make(map[uint64]*monitor.Record)
		for i, rec := range recs {
			if !rec.Repeat {
				bySeq[rec.Seq] = sent[i]
			}
		}
		pending, err := db.Next(context.Background(), dest, last, 100)
		require.NoError(t, err)
		require.Len(t, pending, len(bySeq))
		var again []*monitor.Record
		for _, p := range pending {
			requireSame(t, bySeq[p.Seq], p.Record)
			p.Received = p.Received.Add(100 * time.Hour)
			again = append(again, p.Record)
		}
		require.NoError(t, db.Append(context.Background(), again))
		for i, rec := range again {
			require.True(t, rec.Repeat)
			require.False(t, rec.Differs)
			require.Equal(t, last+uint64(i)+1, rec.Seq)
		}
		last += uint64(len(again))
	})
}

func copies(recs []*monitor.Record) []*monitor.Record {
	var out []*monitor.Record
	for _, rec := range recs {
		c := *rec
		switch {
		case rec.Context != nil:
			v := *rec.Context
			c.Context = &v
		case rec.Session != nil:
			v := *rec.Session
			c.Session = &v
		default:
			v := *rec.Metric
			c.Metric = &v
		}
		out = append(out, &c)
	}
	return out
}

// requireSame compares a record that was sent with a record that was read. It compares floats by their bits.
func requireSame(t *rapid.T, sent, got *monitor.Record) {
	t.Helper()
	require.Equal(t, sent.Project, got.Project)
	require.True(t, sent.Received.Equal(got.Received))
	switch {
	case sent.Metric != nil:
		require.NotNil(t, got.Metric)
		require.True(t, sent.Metric.Same(got.Metric), "%#v\n%#v", sent.Metric, got.Metric)
	case sent.Context != nil:
		require.NotNil(t, got.Context)
		a, b := *sent.Context, *got.Context
		require.Equal(t, monitor.Environment(&a), b.Env)
		if !math.IsNaN(a.CPUFrequency) || !math.IsNaN(b.CPUFrequency) {
			require.Equal(t, math.Float64bits(a.CPUFrequency), math.Float64bits(b.CPUFrequency))
		}
		a.CPUFrequency, b.CPUFrequency, b.Env = 0, 0, ""
		require.Equal(t, a, b)
	default:
		require.NotNil(t, got.Session)
		a, b := sent.Session, got.Session
		require.Equal(t, []any{a.SessionH, a.RunDate, a.ScmRef, a.Description},
			[]any{b.SessionH, b.RunDate, b.ScmRef, b.Description})
	}
}
