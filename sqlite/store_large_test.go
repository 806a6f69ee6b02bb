package sqlite_test

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/sqlite"
)

// largeItems is how many sessions, contexts, metrics and outcomes fillLarge stores. Each has a text of largeText bytes, so
// each list has about 6 MiB.
const largeItems, largeText = 48, 128 << 10

func fillLarge(t *testing.T, db *sqlite.DB) {
	t.Helper()
	large := func(i int) string { return fmt.Sprintf("%02d", i) + strings.Repeat("x", largeText) }
	for i := range largeItems {
		at := arrival.Add(time.Duration(i) * time.Minute)
		s, c := process(fmt.Sprintf("s%02d", i), at), machine(fmt.Sprintf("c%02d", i))
		s.Description = fmt.Sprintf(`{"run": "run%02d", "pipeline_branch": %q}`, i, large(i))
		s.Tags = wire.ParseDescription(s.Description)
		c.SystemInfo = large(i)
		recs := []*monitor.Record{record(s), record(c)}
		m := measured(s.SessionH, "test", at)
		m.TotalTime = float64(largeItems - i)
		switch i % 4 { // a large text in each place where a file keeps texts
		case 0:
			m.ItemPath = large(i)
		case 1:
			m.ItemFSLoc = large(i)
		case 2:
			m.ItemVariant = "<object at 0x7f3a>" + strings.Repeat(" at 0x1>", largeText/8)
		default:
			m.ContextH = large(i)
		}
		o := became(s.SessionH, large(i), at)
		o.Outcome = monitor.Passed // at the second attempt
		recs = append(recs, record(m), record(o))
		for _, rec := range recs {
			rec.Received = at
		}
		appendAll(t, db, recs...)
	}
}

// TestListsOfLargeItems checks that a list has only a few items in memory while its consumer waits, when its items are
// large. The list must still be complete.
func TestListsOfLargeItems(t *testing.T) {
	db, _ := openNew(t)
	db.HoldBytes(1 << 20)
	fillLarge(t, db)
	ctx, page := t.Context(), monitor.Page{}
	metric := func(m *monitor.Metric) string { return m.SessionH }
	session := func(s *monitor.Session) string { return s.SessionH }
	var sessions, contexts, runs, branches []string
	for i := range largeItems {
		sessions, contexts = append(sessions, fmt.Sprintf("s%02d", i)), append(contexts, fmt.Sprintf("c%02d", i))
		runs, branches = append(runs, fmt.Sprintf("run%02d", i)), append(branches, fmt.Sprintf("%02d", i))
	}
	holdsLittle(t, "metrics", db.Metrics(ctx, monitor.MetricQuery{}, page), metric, sessions)
	holdsLittle(t, "slowest", db.Metrics(ctx, monitor.MetricQuery{Top: &monitor.Top{}}, page), metric, sessions)
	holdsLittle(t, "outcomes", db.Outcomes(ctx, monitor.OutcomeQuery{}, page),
		func(o *monitor.Outcome) string { return o.SessionH }, sessions)
	newestFirst := slices.Clone(sessions)
	slices.Reverse(newestFirst)
	holdsLittle(t, "flaky tests", db.FlakyTests(ctx, monitor.FlakyQuery{}, page),
		func(f *monitor.FlakyTest) string { return f.Seen.SessionH }, newestFirst)
	holdsLittle(t, "page", db.Metrics(ctx, monitor.MetricQuery{}, monitor.Page{Offset: 3, Limit: 40}), metric, sessions[3:43])
	holdsLittle(t, "sessions", db.Sessions(ctx, monitor.SessionQuery{Project: "shop"}, page), session, sessions)
	holdsLittle(t, "page of sessions", db.Sessions(ctx, monitor.SessionQuery{}, monitor.Page{Offset: 3, Limit: 40}), session,
		sessions[3:43])
	holdsLittle(t, "contexts", db.Contexts(ctx, monitor.ContextQuery{}, page),
		func(c *monitor.Context) string { return c.H }, contexts)
	holdsLittle(t, "page of contexts", db.Contexts(ctx, monitor.ContextQuery{}, monitor.Page{Offset: 3, Limit: 40}),
		func(c *monitor.Context) string { return c.H }, contexts[3:43])
	holdsLittle(t, "runs", db.Runs(ctx, monitor.RunQuery{}, page), func(r *monitor.Run) string { return r.ID }, runs)
	holdsLittle(t, "names", db.Names(ctx, monitor.NameQuery{Of: monitor.Pipelines}, page),
		func(name string) string { return name[:2] }, branches)
}

// holdsLittle reads a list and measures the heap meanwhile.
func holdsLittle[T any](t *testing.T, name string, list iter.Seq2[T, error], label func(T) string, want []string) {
	t.Run(name, func(t *testing.T) {
		before := heap()
		var got []string
		most := int64(0)
		for item, err := range list {
			require.NoError(t, err)
			got = append(got, strings.Clone(label(item)))
			if len(got)%10 == 1 {
				most = max(most, heap()-before)
			}
		}
		assert.Equal(t, want, got)
		assert.Less(t, most, int64(3<<20))
		t.Logf("%.1f MiB", float64(most)/(1<<20))
	})
}

// TestPausedConsumersHoldLittle has consumers wait in the middle of a long list, as slow clients do.
func TestPausedConsumersHoldLittle(t *testing.T) {
	db, _ := openNew(t)
	l := newLoad()
	appendAll(t, db, l.records(6000)...)
	before := heap()
	const consumers = 8
	for range consumers {
		next, stop := iter.Pull2(db.Metrics(t.Context(), monitor.MetricQuery{}, monitor.Page{}))
		defer stop()
		for range 1500 {
			_, err, ok := next()
			require.NoError(t, err)
			require.True(t, ok)
		}
	}
	held := (heap() - before) / consumers
	assert.Less(t, held, int64(512<<10))
	t.Logf("%.2f MiB", float64(held)/(1<<20))
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
