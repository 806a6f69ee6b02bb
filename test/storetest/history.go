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

// OpenHistory returns a store that has the records: see [Open].
type OpenHistory func(tb testing.TB, records []*monitor.Record) monitor.HistoryStore

// RunHistory checks all that a [monitor.HistoryStore] promises.
func RunHistory(t *testing.T, open OpenHistory) {
	t.Run("empty", func(t *testing.T) {
		h := &historySuite{store: open(t, nil), world: &world{}}
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: "shop"})
		h.checkSamples(t, monitor.Tests, []*monitor.RunInfo{{Project: "shop", ID: "run", Sessions: []string{"session"}}})
	})
	records := newData(rand.New(rand.NewPCG(77, 88))).history()
	records = append(records, outcomesOf(records)...)
	h := &historySuite{store: open(t, records), world: newWorld(records), random: rand.New(rand.NewPCG(99, 11))}
	h.require(t)
	t.Run("run infos", h.testRunInfos)
	t.Run("samples", h.testSamples)
	t.Run("consumers", h.testConsumers)
}

type historySuite struct {
	store  monitor.HistoryStore
	world  *world
	random *rand.Rand
}

// require checks that the data has all cases that the suite is for.
func (h *historySuite) require(t *testing.T) {
	t.Helper()
	runs := h.runInfos()
	require.Greater(t, len(runs), 40)
	var many, ties, elsewhere, empty, failed int
	ends := map[monitor.Completion]int{}
	for i, run := range runs {
		if len(run.Sessions) > 1 {
			many++
		}
		if !run.Measured() {
			empty++
		}
		if run.Failed > 0 {
			failed++
		}
		ends[run.Completion]++
		if i > 0 && runs[i-1].Started == run.Started && runs[i-1].Project == run.Project {
			ties++
		}
		if slices.ContainsFunc(runs, func(o *monitor.RunInfo) bool {
			return o.Project != run.Project && o.ID == run.ID && slices.Contains(o.Sessions, run.Sessions[0])
		}) {
			elsewhere++
		}
	}
	require.Greater(t, many, 10, "runs of several sessions")
	require.Positive(t, ties, "runs of one nanosecond")
	require.Positive(t, empty, "runs that measured nothing")
	require.Greater(t, failed, 10, "runs with failed tests")
	for _, end := range []monitor.Completion{monitor.CompletionUnknown, monitor.Complete, monitor.Partial} {
		require.Greater(t, ends[end], 5, "%q", end)
	}
	require.Greater(t, elsewhere, 10, "runs and sessions of other projects with the same names")
}

// runInfos lists the runs of all projects.
func (h *historySuite) runInfos() (runs []*monitor.RunInfo) {
	for _, project := range projects {
		runs = append(runs, h.world.runInfos(monitor.RunInfoQuery{Project: project})...)
	}
	return runs
}

func (h *historySuite) testRunInfos(t *testing.T) {
	for _, project := range append(projects, "nothing", `shop' OR 'a'='a`) {
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: project})
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: project, Limit: 3})
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: project, Measured: true})
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: project, Whole: true})
	}
	for range 40 {
		h.checkRunInfos(t, h.runInfoQuery())
	}
	for _, text := range []string{"", "nothing", `' OR 1=1 --`, `" or true or r.run == "`} {
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: "shop", Branch: &text})
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: "shop", Run: text + "?"})
		h.checkRunInfos(t, monitor.RunInfoQuery{Project: "shop", ScmRef: text + "?"})
	}
}

// runInfoQuery returns a query with random conditions. Most conditions hold for the run like.
func (h *historySuite) runInfoQuery() monitor.RunInfoQuery {
	like := pick(h.random, h.runInfos())
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
	q.Measured, q.Whole = h.random.IntN(2) == 0, h.random.IntN(2) == 0
	q.Like, q.Live, q.Imported = like.Partial, h.random.IntN(3) == 0, h.random.IntN(4) == 0
	q.Limit = h.random.IntN(6)
	return q
}

func (h *historySuite) checkRunInfos(t *testing.T, q monitor.RunInfoQuery) {
	t.Helper()
	got, err := h.store.RunInfos(t.Context(), q)
	require.NoError(t, err)
	want := h.world.runInfos(q)
	require.Len(t, got, len(want), "%+v", q)
	for i := range want {
		require.Equal(t, want[i], got[i], "%+v", q)
	}
}

func (h *historySuite) testSamples(t *testing.T) {
	for _, project := range projects {
		runs, err := h.store.RunInfos(t.Context(), monitor.RunInfoQuery{Project: project})
		require.NoError(t, err)
		require.NotEmpty(t, h.checkSamples(t, monitor.Tests, runs), "all runs of %s", project)
		require.NotEmpty(t, h.checkSamples(t, monitor.Modules, runs), "all runs of %s", project)
	}
	runs := h.runInfos()
	h.checkSamples(t, monitor.Tests, nil)
	h.checkSamples(t, monitor.Tests, runs)
	measured := 0
	for range 20 {
		h.random.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
		measured += len(h.checkSamples(t, monitor.Sort(h.random.IntN(2)), runs[:1+h.random.IntN(4)]))
	}
	require.Positive(t, measured)
}

// checkSamples compares the samples of some runs, and returns them.
func (h *historySuite) checkSamples(t *testing.T, of monitor.Sort, runs []*monitor.RunInfo) []monitor.Sample {
	t.Helper()
	got := all(t, h.store.Samples(t.Context(), of, runs))
	known := make(map[monitor.Series]*monitor.Series)
	for _, s := range got {
		require.True(t, slices.Contains(runs, s.Run), "a pointer of the list that was asked for")
		require.NotNil(t, s.Series)
		if known[*s.Series] == nil {
			known[*s.Series] = s.Series
		}
		require.Same(t, known[*s.Series], s.Series, "samples of one series have the same pointer")
	}
	want := countSamples(h.world.samples(of, runs))
	for sample, n := range countSamples(got) {
		require.Equal(t, want[sample], n, "%+v", sample)
		delete(want, sample)
	}
	require.Empty(t, want, "missing")
	return got
}

func (h *historySuite) testConsumers(t *testing.T) {
	runs := h.runInfos()
	consume(t, func(ctx context.Context) iter.Seq2[monitor.Sample, error] {
		return h.store.Samples(ctx, monitor.Tests, runs)
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.store.RunInfos(gone, monitor.RunInfoQuery{Project: "shop"})
	assert.ErrorIs(t, err, context.Canceled)
}

// plainSample is a sample without pointers, so that samples can be compared.
type plainSample struct {
	project, run, session, env, location string
	series                               monitor.Series
	start                                int64
	floats                               [3]uint64 // bits + 1; 0 for an absent float
}

// countSamples counts equal samples.
func countSamples(samples []monitor.Sample) map[plainSample]int {
	found := make(map[plainSample]int)
	for _, s := range samples {
		p := plainSample{project: s.Run.Project, run: s.Run.ID, session: s.Session, env: s.Env, location: s.Location,
			series: *s.Series, start: s.Start}
		for i, f := range [...]float64{s.TotalTime, s.CPUTime, s.MemUsage} {
			if !math.IsNaN(f) {
				p.floats[i] = math.Float64bits(f) + 1
			}
		}
		found[p]++
	}
	return found
}

// runInfos answers a query for runs. The run that started last comes first.
func (w *world) runInfos(q monitor.RunInfoQuery) []*monitor.RunInfo {
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
				Build: s.Build, Imported: s.Imported, Started: s.Start.UTC})
		}
		found[i].Sessions = append(found[i].Sessions, s.SessionH)
		found[i].Add(s)
	}
	for _, r := range found {
		sum := w.runs(monitor.RunQuery{Project: r.Project, Run: r.ID})[0]
		r.Tests, r.Modules, r.Environments = sum.Tests, sum.Modules, sum.Environments
		r.Failed = sum.Outcomes["failed"] + sum.Outcomes["error"]
	}
	found = slices.DeleteFunc(found, func(r *monitor.RunInfo) bool {
		return q.Live && r.Imported || q.Imported && !r.Imported || q.Measured && r.Tests+r.Modules == 0 || q.Whole && !r.Whole && (q.Like == "" || r.Partial != q.Like) || q.Run != "" && r.ID != q.Run || q.ScmRef != "" && r.ScmRef != q.ScmRef ||
			q.Branch != nil && r.Branch != *q.Branch || q.Before != 0 && r.Started >= q.Before
	})
	slices.SortFunc(found, laterFirst)
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	return found
}

// samples lists the samples of some runs.
func (w *world) samples(of monitor.Sort, runs []*monitor.RunInfo) (found []monitor.Sample) {
	for _, m := range w.metrics {
		if m.session == nil || (m.metric.Kind == "function") != (of == monitor.Tests) {
			continue
		}
		i := slices.IndexFunc(runs, func(r *monitor.RunInfo) bool { return r.Project == m.project && r.ID == m.session.Run })
		if i < 0 {
			continue
		}
		series := m.metric.Series(m.project)
		found = append(found, monitor.Sample{
			Run: runs[i], Session: m.metric.SessionH, Series: &series, Location: m.metric.ItemFSLoc, Start: m.metric.At.UTC,
			Env:       monitor.OriginOf(m.metric.SessionH, m.context, m.session).Env,
			TotalTime: m.metric.TotalTime, CPUTime: m.metric.UserTime + m.metric.KernelTime, MemUsage: m.metric.MemUsage,
		})
	}
	return found
}
