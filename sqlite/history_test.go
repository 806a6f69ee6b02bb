package sqlite_test

import (
	"fmt"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/storetest"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	storetest.RunHistory(t, func(tb testing.TB, records []*monitor.Record) monitor.HistoryStore {
		db, _ := openNew(tb)
		appendAll(tb, db, records...)
		return db
	})
}

// samplesOf reads the samples of all runs.
func samplesOf(t *testing.T, db *sqlite.DB) (samples []monitor.Sample) {
	t.Helper()
	runs, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	for s, err := range db.Samples(t.Context(), monitor.Tests, runs) {
		require.NoError(t, err)
		samples = append(samples, s)
	}
	return samples
}

// TestSamplesHaveTheMachineThatWasDelivered checks that the file and InfluxDB have the same class of machine for a
// metric.
func TestSamplesHaveTheMachineThatWasDelivered(t *testing.T) {
	db, _ := openNew(t)
	recs := []*monitor.Record{record(process("s", arrival))}
	for i := range 3 {
		recs = append(recs, record(measured("s", fmt.Sprint("test_", i), arrival.Add(time.Duration(i)*time.Second))))
	}
	appendAll(t, db, recs...)
	require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{3: {Env: "elsewhere"}}))
	appendAll(t, db, record(machine("machine")))

	envs := make(map[string]string)
	for _, s := range samplesOf(t, db) {
		envs[s.Series.Item] = s.Env
	}
	own := monitor.Environment(machine("machine"))
	assert.Equal(t, map[string]string{"test_0": own, "test_1": "elsewhere", "test_2": own}, envs)
}

// environments returns the classes of machine of the project's only run.
func environments(t *testing.T, db *sqlite.DB) (found []string) {
	t.Helper()
	for run, err := range db.Runs(t.Context(), monitor.RunQuery{Project: "shop"}, monitor.Page{}) {
		require.NoError(t, err)
		require.Nil(t, found)
		found = run.Environments
	}
	return found
}

// TestContextsOfOtherProjects checks that a metric in the file has the class of machine that it is delivered with. The
// plugin does not post a context that the bridge knows from another project.
func TestContextsOfOtherProjects(t *testing.T) {
	db, _ := openNew(t)
	context := func(project string, cpus int64) *monitor.Record {
		c := machine("machine")
		c.CPUCount = cpus
		rec := record(c)
		rec.Project = project
		return rec
	}
	holds := func(want, why string) {
		t.Helper()
		for _, s := range samplesOf(t, db) {
			assert.Equal(t, want, s.Env, why)
		}
		assert.Equal(t, []string{want}, environments(t, db), why)
	}
	env := func(rec *monitor.Record) string { return monitor.Environment(rec.Context) }

	appendAll(t, db, record(process("s", arrival)), record(measured("s", "test", arrival)))
	holds(monitor.UnknownEnv, "no project has the context")
	elsewhere, later, own := context("zoo", 2), context("art", 4), context("shop", 64)
	appendAll(t, db, elsewhere, later)
	holds(env(elsewhere), "the context that was accepted first")
	id, err := db.AddToken(t.Context(), monitor.Token{Project: "shop", Label: "ci", Hash: [32]byte{1}})
	require.NoError(t, err)
	holds(monitor.UnknownEnv, "tokens separate projects")
	require.NoError(t, db.RevokeToken(t.Context(), id))
	holds(monitor.UnknownEnv, "also after the last token is revoked")
	appendAll(t, db, own)
	holds(env(own), "the project's own context comes before others")
}

// TestSamplesOfManyParts reads a session that fills exactly one part, and a session that is larger than one part.
func TestSamplesOfManyParts(t *testing.T) {
	const part = 100
	for _, n := range []int{part, part + 1, 3*part + 50} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			db, _ := openNew(t)
			db.ReadSamples(part)
			recs := []*monitor.Record{record(process("s", arrival))}
			for i := range n {
				at := arrival.Add(time.Duration(i%37) * time.Microsecond)
				recs = append(recs, record(measured("s", fmt.Sprint("test_", i), at)))
			}
			appendAll(t, db, recs...)
			seen := make(map[string]bool)
			for _, s := range samplesOf(t, db) {
				seen[s.Series.Item] = true
			}
			assert.Len(t, seen, n)
			assert.Len(t, samplesOf(t, db), n)
		})
	}
}

// TestSamplesOfSessionsThatMix reads a session whose metrics have neighbouring numbers, and sessions between whose metrics are few or
// many of others.
func TestSamplesOfSessionsThatMix(t *testing.T) {
	for _, tc := range []struct{ others, contexts int }{{0, 1}, {1, 1}, {9, 1}, {20, 1}, {0, 2}, {1, 2}, {9, 2}, {20, 2}} {
		for _, pinned := range []bool{false, true} {
			t.Run(fmt.Sprint(tc, pinned), func(t *testing.T) {
				db, _ := openNew(t)
				db.ReadSamples(30)
				contexts := []*monitor.Context{machine("a"), machine("b")}
				contexts[1].CPUCount = 2
				recs := []*monitor.Record{record(contexts[0]), record(contexts[1]), record(process("s", arrival)), record(process("o", arrival))}
				want := map[string]monitor.Sample{}
				var own []*monitor.Record
				for i := range 100 {
					m := measured("s", fmt.Sprint("test_", i), arrival.Add(time.Duration(100-i)*time.Second))
					m.ContextH, m.ItemFSLoc = contexts[i%tc.contexts].H, fmt.Sprint("file ", i/7)
					m.TotalTime, m.UserTime, m.MemUsage = float64(i), float64(2*i), float64(3*i)
					own = append(own, record(m))
					recs = append(recs, own[i])
					for n := range tc.others {
						recs = append(recs, record(measured("o", fmt.Sprint("other_", i, n), arrival)))
					}
				}
				appendAll(t, db, recs...)
				for i, rec := range own {
					m := rec.Metric
					want[m.Item] = monitor.Sample{Session: "s", Env: monitor.Environment(contexts[i%tc.contexts]), Location: m.ItemFSLoc, Start: arrival.Add(time.Duration(100-i) * time.Second).UnixMicro(),
						TotalTime: m.TotalTime, CPUTime: m.UserTime + m.KernelTime, MemUsage: m.MemUsage}
				}
				if pinned {
					require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{own[50].Seq: {Env: "pinned"}}))
					sample := want["test_50"]
					sample.Env = "pinned"
					want["test_50"] = sample
				}
				got := map[string]monitor.Sample{}
				for s, err := range db.Samples(t.Context(), monitor.Tests, []*monitor.RunInfo{{Project: "shop", Sessions: []string{"s"}}}) {
					require.NoError(t, err)
					assert.NotContains(t, got, s.Series.Item)
					item := s.Series.Item
					s.Run, s.Series, s.Start = nil, nil, s.Start/1000 // the digits below a microsecond are of a hash
					got[item] = s
				}
				assert.Equal(t, want, got)
			})
		}
	}
}

// TestPausedSamplesHoldNoConnection pauses more consumers than there are connections. Meanwhile records are added, and
// the log is copied into the file and used again.
func TestPausedSamplesHoldNoConnection(t *testing.T) {
	db, path := openNew(t)
	db.ReadSamples(50)
	l := newLoad()
	appendAll(t, db, l.records(1000)...)
	runs, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	runs = append(runs, &monitor.RunInfo{Project: "shop", ID: "later", Sessions: []string{fmt.Sprintf("%032x", 1), "never seen"}})
	var resume []func() (monitor.Sample, error, bool)
	for range 6 {
		next, stop := iter.Pull2(db.Samples(t.Context(), monitor.Tests, runs))
		defer stop()
		_, err, ok := next()
		require.NoError(t, err)
		require.True(t, ok)
		resume = append(resume, next)
	}
	var most int64
	for range 16 {
		appendAll(t, db, l.records(125)...)
		require.NoError(t, db.CopyLog())
		most = max(most, size(path+"-wal"))
	}
	assert.Less(t, most, int64(400*2*4120), "the log only grows")
	count := func(run *monitor.RunInfo) (n int) {
		for _, err := range db.Samples(t.Context(), monitor.Tests, []*monitor.RunInfo{run}) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	assert.Equal(t, 999, count(runs[0]))
	assert.Equal(t, 999, count(runs[1]))

	read := 1
	for _, err, ok := resume[0](); ok; _, err, ok = resume[0]() {
		require.NoError(t, err)
		read++
	}
	assert.GreaterOrEqual(t, read, 999)
}

func TestSamplesKeepAbsentFloats(t *testing.T) {
	db, _ := openNew(t)
	m := measured("s", "test", arrival)
	m.TotalTime, m.KernelTime, m.MemUsage = math.NaN(), math.NaN(), math.NaN()
	appendAll(t, db, record(process("s", arrival)), record(m))
	samples := samplesOf(t, db)
	require.Len(t, samples, 1)
	assert.True(t, math.IsNaN(samples[0].TotalTime) && math.IsNaN(samples[0].CPUTime) && math.IsNaN(samples[0].MemUsage))
}

func TestSamplesOfAClosedFileFailOnce(t *testing.T) {
	db, _ := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	require.NoError(t, db.Close())
	_, err := db.RunInfos(t.Context(), monitor.RunInfoQuery{Project: "shop"})
	assert.Error(t, err)
	n := 0
	for _, err := range db.Samples(t.Context(), monitor.Tests, []*monitor.RunInfo{{Project: "shop", ID: "r", Sessions: []string{"s", "s2"}}}) {
		assert.Error(t, err)
		n++
	}
	assert.Equal(t, 1, n)
}
