package sqlite_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// The runs that are read to judge a run of a large suite: 33 runs of 50,000 tests.
const (
	judgedRuns  = 33
	judgedTests = 50_000
)

// fillSuite stores the runs of a large suite. Each run has a context of its own. Four processes run its tests in turns,
// like the workers of pytest-xdist.
func fillSuite(tb testing.TB, db *sqlite.DB) {
	tb.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	const workers = 4
	for run := range judgedRuns {
		start := arrival.Add(time.Duration(run) * 8 * time.Hour)
		context := fmt.Sprintf("c%031x", run)
		recs := []*monitor.Record{record(machine(context))}
		for w := range workers {
			s := process(fmt.Sprintf("%030x%02x", run, w), start)
			s.Description = fmt.Sprintf(`{"run": "run-%d", "branch": "main"}`, run)
			recs = append(recs, record(s))
		}
		for i, test := range random.Perm(judgedTests) {
			m := measured(fmt.Sprintf("%030x%02x", run, i%workers), fmt.Sprintf("test_%d", test),
				start.Add(time.Duration(i)*10*time.Millisecond))
			m.ContextH = context
			m.ItemPath, m.ItemFSLoc = fmt.Sprintf("tests.test_%d", test/20), fmt.Sprintf("tests/test_%d.py", test/20)
			m.TotalTime, m.UserTime, m.KernelTime, m.MemUsage = random.Float64(), random.Float64(), random.Float64(), random.Float64()
			recs = append(recs, record(m))
		}
		for i, rec := range recs {
			rec.Received = start.Add(time.Duration(i) * 10 * time.Millisecond)
		}
		for len(recs) > 0 {
			n := min(2000, len(recs))
			require.NoError(tb, db.Append(tb.Context(), recs[:n]))
			recs = recs[n:]
		}
	}
}

// BenchmarkSamples reads the metrics that a run of 50,000 tests is judged by: 1,650,000 metrics.
func BenchmarkSamples(b *testing.B) {
	db, _ := openNew(b)
	fillSuite(b, db)
	b.Run("runs", func(b *testing.B) {
		for b.Loop() {
			runs, err := db.RunInfos(b.Context(), monitor.RunInfoQuery{Project: "shop", Limit: judgedRuns})
			require.NoError(b, err)
			require.Len(b, runs, judgedRuns)
		}
	})
	b.Run("samples", func(b *testing.B) {
		runs, err := db.RunInfos(b.Context(), monitor.RunInfoQuery{Project: "shop"})
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for _, err := range db.Samples(b.Context(), monitor.Tests, runs) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			require.Equal(b, judgedRuns*judgedTests, n)
		}
	})
}

// BenchmarkSamplesOfManyClients reads runs whose metrics lie between those of 200 clients that post at the same time.
func BenchmarkSamplesOfManyClients(b *testing.B) {
	db, _ := openNew(b)
	random := rand.New(rand.NewPCG(1, 2))
	const clients, tests = 200, 500
	var recs []*monitor.Record
	for c := range clients {
		s := process(fmt.Sprintf("%032x", c), arrival)
		s.Description = fmt.Sprintf(`{"run": "run-%d", "branch": "main"}`, c)
		recs = append(recs, record(s))
	}
	for test := range tests {
		for _, c := range random.Perm(clients) {
			m := measured(fmt.Sprintf("%032x", c), fmt.Sprintf("test_%d", test), arrival.Add(time.Duration(test)*time.Second))
			m.TotalTime, m.UserTime, m.KernelTime, m.MemUsage = random.Float64(), random.Float64(), random.Float64(), random.Float64()
			recs = append(recs, record(m))
		}
	}
	for part := range slices.Chunk(recs, 2000) {
		require.NoError(b, db.Append(b.Context(), part))
	}
	runs, err := db.RunInfos(b.Context(), monitor.RunInfoQuery{Project: "shop", Limit: 30})
	require.NoError(b, err)
	for b.Loop() {
		n := 0
		for _, err := range db.Samples(b.Context(), monitor.Tests, runs) {
			require.NoError(b, err)
			n++
		}
		require.Equal(b, 30*tests, n)
	}
}

// fillMatrix stores a long history: pipelines of 32 jobs, each of which is a run of a branch of its own. Each run is one
// session with one test.
func fillMatrix(tb testing.TB, db *sqlite.DB, sessions int) {
	tb.Helper()
	recs := []*monitor.Record{record(machine("machine"))}
	for i := range sessions {
		start := arrival.Add(time.Duration(i) * 20 * time.Second)
		s := process(fmt.Sprintf("%032x", i), start)
		s.ScmRef.String = fmt.Sprintf("%040x", i/matrixJobs)
		s.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: fmt.Sprint("run-", i)}},
			{Name: "branch", Value: monitor.Text{String: fmt.Sprint("job ", i%matrixJobs)}}}
		for _, class := range []any{s, measured(s.SessionH, "test_a", start)} {
			rec := record(class)
			rec.Received = start.Add(time.Second)
			recs = append(recs, rec)
		}
	}
	for part := range slices.Chunk(recs, 2000) {
		require.NoError(tb, db.Append(tb.Context(), part))
	}
}

const matrixJobs = 32

// BenchmarkRunInfos asks what a report asks, of a project with 50,000 sessions.
func BenchmarkRunInfos(b *testing.B) {
	db, _ := openNew(b)
	const sessions = 50_000
	fillMatrix(b, db, sessions)
	branch, gone := "job 0", "gone"
	commit := func(n int) string { return fmt.Sprintf("%040x", n) }
	for _, tt := range []struct {
		name  string
		query monitor.RunInfoQuery
		found int
	}{
		{"newest", monitor.RunInfoQuery{Measured: true, Limit: 1}, 1},
		{"newest of a branch", monitor.RunInfoQuery{Branch: &branch, Measured: true, Limit: 1}, 1},
		{"branch that is gone", monitor.RunInfoQuery{Branch: &gone, Limit: 1}, 0},
		{"project that is gone", monitor.RunInfoQuery{Project: "gone", Limit: 1}, 0},
		{"run", monitor.RunInfoQuery{Run: "run-77"}, 1},
		{"oldest commit", monitor.RunInfoQuery{ScmRef: commit(0), Limit: 1000}, matrixJobs},
		{"oldest commit of a branch", monitor.RunInfoQuery{ScmRef: commit(0), Branch: &branch, Measured: true, Limit: 1}, 1},
		{"no such commit", monitor.RunInfoQuery{ScmRef: "gone", Measured: true, Limit: 1}, 0},
		{"baseline", monitor.RunInfoQuery{Branch: &branch, Before: arrival.Add(sessions * 10 * time.Second).UnixNano(),
			Measured: true, Limit: 120}, 120},
	} {
		b.Run(tt.name, func(b *testing.B) {
			tt.query.Project = cmp.Or(tt.query.Project, "shop")
			for b.Loop() {
				runs, err := db.RunInfos(b.Context(), tt.query)
				require.NoError(b, err)
				require.Len(b, runs, tt.found)
			}
		})
	}
}
