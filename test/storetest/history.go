package storetest

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// OpenHistory returns what runs are judged by, of the records: see [Open].
type OpenHistory func(tb testing.TB, records []*monitor.Record) monitor.HistoryStore

// RunHistory checks all that a [monitor.HistoryStore] promises.
func RunHistory(t *testing.T, open OpenHistory) {
	t.Run("empty", func(t *testing.T) {
		h := &historySuite{store: open(t, nil), world: &world{}}
		h.checkHeads(t, monitor.RunInfoQuery{Project: "shop"})
		h.checkSamples(t, []*monitor.RunInfo{{Project: "shop", ID: "run", Sessions: []string{"session"}}})
	})
	records := newData(rand.New(rand.NewPCG(77, 88))).history()
	h := &historySuite{store: open(t, records), world: newWorld(records), random: rand.New(rand.NewPCG(99, 11))}
	h.require(t)
	t.Run("heads", h.testHeads)
	t.Run("samples", h.testSamples)
	t.Run("consumers", h.testConsumers)
}

type historySuite struct {
	store  monitor.HistoryStore
	world  *world
	random *rand.Rand
}

// require holds that the data is what the suite is for.
func (h *historySuite) require(t *testing.T) {
	t.Helper()
	heads := h.heads()
	require.Greater(t, len(heads), 40)
	var many, ties, elsewhere int
	for i, head := range heads {
		if len(head.Sessions) > 1 {
			many++
		}
		if i > 0 && heads[i-1].Started == head.Started && heads[i-1].Project == head.Project {
			ties++
		}
		if slices.ContainsFunc(heads, func(o *monitor.RunInfo) bool {
			return o.Project != head.Project && o.ID == head.ID && slices.Contains(o.Sessions, head.Sessions[0])
		}) {
			elsewhere++
		}
	}
	require.Greater(t, many, 10, "runs of several sessions")
	require.Positive(t, ties, "runs of one nanosecond")
	require.Greater(t, elsewhere, 10, "runs and sessions of other projects with the same names")
}

// heads lists the runs of all projects.
func (h *historySuite) heads() (heads []*monitor.RunInfo) {
	for _, project := range projects {
		heads = append(heads, h.world.heads(monitor.RunInfoQuery{Project: project})...)
	}
	return heads
}

func (h *historySuite) testHeads(t *testing.T) {
	for _, project := range append(projects, "nothing", `shop' OR 'a'='a`) {
		h.checkHeads(t, monitor.RunInfoQuery{Project: project})
		h.checkHeads(t, monitor.RunInfoQuery{Project: project, Limit: 3})
	}
	for range 40 {
		h.checkHeads(t, h.headQuery())
	}
	for _, text := range []string{"", "nothing", `' OR 1=1 --`, `" or true or r.run == "`} {
		h.checkHeads(t, monitor.RunInfoQuery{Project: "shop", Branch: &text})
		h.checkHeads(t, monitor.RunInfoQuery{Project: "shop", Run: text + "?"})
		h.checkHeads(t, monitor.RunInfoQuery{Project: "shop", ScmRef: text + "?"})
	}
}

// headQuery returns a query with some conditions that a run fulfils, or nearly.
func (h *historySuite) headQuery() monitor.RunInfoQuery {
	like := pick(h.random, h.heads())
	q := monitor.RunInfoQuery{Project: like.Project}
	if h.random.IntN(3) == 0 {
		q.Project = pick(h.random, projects)
	}
	if h.random.IntN(3) == 0 {
		q.Run = like.ID
	}
	if h.random.IntN(3) == 0 {
		q.ScmRef = like.ScmRef
	}
	if h.random.IntN(2) == 0 {
		q.Branch = &like.Branch
	}
	if h.random.IntN(2) == 0 {
		q.Before = like.Started + int64(h.random.IntN(2))
	}
	q.Limit = h.random.IntN(6)
	return q
}

func (h *historySuite) checkHeads(t *testing.T, q monitor.RunInfoQuery) {
	t.Helper()
	got, err := h.store.RunInfos(t.Context(), q)
	require.NoError(t, err)
	want := h.world.heads(q)
	require.Len(t, got, len(want), "%+v", q)
	for i := range want {
		require.Equal(t, want[i], got[i], "%+v", q)
	}
}

func (h *historySuite) testSamples(t *testing.T) {
	for _, project := range projects {
		heads, err := h.store.RunInfos(t.Context(), monitor.RunInfoQuery{Project: project})
		require.NoError(t, err)
		require.NotEmpty(t, h.checkSamples(t, heads), "all of %s", project)
	}
	heads := h.heads()
	h.checkSamples(t, nil)
	h.checkSamples(t, heads)
	measured := 0
	for range 20 {
		h.random.Shuffle(len(heads), func(i, j int) { heads[i], heads[j] = heads[j], heads[i] })
		measured += len(h.checkSamples(t, heads[:1+h.random.IntN(4)]))
	}
	require.Positive(t, measured)
}

// checkSamples compares what the tests of some runs measured, and returns it.
func (h *historySuite) checkSamples(t *testing.T, heads []*monitor.RunInfo) []monitor.Sample {
	t.Helper()
	got := all(t, h.store.Samples(t.Context(), heads))
	known := make(map[monitor.Series]*monitor.Series)
	for _, s := range got {
		require.Contains(t, heads, s.Run)
		require.True(t, slices.ContainsFunc(heads, func(o *monitor.RunInfo) bool { return o == s.Run }), "one of those asked for")
		require.NotNil(t, s.Series)
		if known[*s.Series] == nil {
			known[*s.Series] = s.Series
		}
		require.Same(t, known[*s.Series], s.Series, "shared")
	}
	want := countSamples(h.world.samples(heads))
	for sample, n := range countSamples(got) {
		require.Equal(t, want[sample], n, "%+v", sample)
		delete(want, sample)
	}
	require.Empty(t, want, "missing")
	return got
}

func (h *historySuite) testConsumers(t *testing.T) {
	heads := h.heads()
	consume(t, func(ctx context.Context) iter.Seq2[monitor.Sample, error] { return h.store.Samples(ctx, heads) })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.store.RunInfos(gone, monitor.RunInfoQuery{Project: "shop"})
	assert.ErrorIs(t, err, context.Canceled)
}

// plainSample is a sample that can be compared.
type plainSample struct {
	project, run, session, env, location string
	series                               monitor.Series
	start                                int64
	floats                               [3]uint64
}

// countSamples counts equal samples.
func countSamples(samples []monitor.Sample) map[plainSample]int {
	found := make(map[plainSample]int)
	for _, s := range samples {
		p := plainSample{project: s.Run.Project, run: s.Run.ID, session: s.Session, env: s.Env, location: s.Location,
			series: *s.Series, start: s.Start}
		for i, f := range [...]float64{s.TotalTime, s.CPUTime, s.MemUsage} {
			if !math.IsNaN(f) { // 0 is no bits of the others but of 0, which absent must not be
				p.floats[i] = math.Float64bits(f) + 1
			}
		}
		found[p]++
	}
	return found
}

// heads answers a query for runs, the one that started last first.
func (w *world) heads(q monitor.RunInfoQuery) []*monitor.RunInfo {
	var found []*monitor.RunInfo
	for _, rec := range w.sessions { // in the order of time, then hash
		s := rec.Session
		if rec.Project != q.Project {
			continue
		}
		i := slices.IndexFunc(found, func(r *monitor.RunInfo) bool { return r.ID == s.Run })
		if i < 0 {
			i = len(found)
			found = append(found, &monitor.RunInfo{Project: rec.Project, ID: s.Run, ScmRef: s.ScmRef.String, Branch: s.Branch,
				Build: s.Build, Started: s.Start.UTC})
		}
		found[i].Sessions = append(found[i].Sessions, s.SessionH)
	}
	found = slices.DeleteFunc(found, func(r *monitor.RunInfo) bool {
		return q.Run != "" && r.ID != q.Run || q.ScmRef != "" && r.ScmRef != q.ScmRef ||
			q.Branch != nil && r.Branch != *q.Branch || q.Before != 0 && r.Started >= q.Before
	})
	slices.SortFunc(found, laterFirst)
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	return found
}

// samples lists what the tests of some runs measured.
func (w *world) samples(heads []*monitor.RunInfo) (found []monitor.Sample) {
	for _, m := range w.metrics {
		if m.session == nil || m.metric.Kind != "function" {
			continue
		}
		i := slices.IndexFunc(heads, func(r *monitor.RunInfo) bool { return r.Project == m.project && r.ID == m.session.Run })
		if i < 0 {
			continue
		}
		series := m.metric.Series(m.project)
		found = append(found, monitor.Sample{
			Run: heads[i], Session: m.metric.SessionH, Series: &series, Location: m.metric.ItemFSLoc, Start: m.metric.At.UTC,
			Env:       monitor.OriginOf(m.metric.SessionH, m.context, m.session).Env,
			TotalTime: m.metric.TotalTime, CPUTime: m.metric.UserTime + m.metric.KernelTime, MemUsage: m.metric.MemUsage,
		})
	}
	return found
}
