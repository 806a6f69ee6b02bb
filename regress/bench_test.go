package regress_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// BenchmarkJudge judges a run of 50,000 tests by 30 earlier runs: 1.65 million samples.
func BenchmarkJudge(b *testing.B) {
	const tests, n = 50_000, 33
	for _, order := range []string{"by run", "by test"} {
		b.Run(order, func(b *testing.B) {
			runs, samples := synthetic(tests, n, order == "by test")
			d, err := regress.New(regress.Defaults())
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				r, err := d.Judge(past(runs, n-1), samples)
				require.NoError(b, err)
				require.Len(b, r.Results, 3*tests)
			}
		})
	}
}

// TestMemoryOfLargeRuns holds that a measurement of the history takes few bytes while it is judged. It runs by itself, since it
// counts what is allocated.
func TestMemoryOfLargeRuns(t *testing.T) {
	const tests, n = 4_000, 33
	allocated := func(n int) float64 {
		runs, samples := synthetic(tests, n, false)
		d, err := regress.New(regress.Defaults())
		require.NoError(t, err)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = d.Judge(past(runs, n-1), samples)
		require.NoError(t, err)
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	require.Less(t, (allocated(n)-allocated(n/3))/(tests*(n-n/3)), 40.0, "bytes for each measurement")
}

// synthetic gives samples of a suite without any change, with the noise of a shared machine.
func synthetic(tests, n int, byTest bool) ([]*monitor.RunInfo, iter.Seq2[monitor.Sample, error]) {
	random := rand.New(rand.NewPCG(1, 2))
	var runs []*monitor.RunInfo
	for i := range n {
		runs = append(runs, runInfo(i))
	}
	series := make([]*monitor.Series, tests)
	for i := range series {
		item := fmt.Sprintf("test_%05d", i)
		series[i] = &monitor.Series{Project: "p", ItemPath: "tests.module", Item: item, ItemVariant: item, Kind: "function"}
	}
	samples := make([]monitor.Sample, 0, tests*n)
	add := func(run, test int) {
		cpu := 0.1 * (1 + 0.2*random.Float64())
		samples = append(samples, monitor.Sample{Run: runs[run], Session: runs[run].Sessions[0], Series: series[test], Env: "m",
			Start: int64(run)*1e12 + int64(test)*1e6, CPUTime: cpu, TotalTime: 1.4 * cpu, MemUsage: 100 + random.Float64()})
	}
	for i := range tests * n {
		if byTest {
			add(i%n, i/n)
		} else {
			add(i/tests, i%tests)
		}
	}
	return runs, func(yield func(monitor.Sample, error) bool) {
		for _, s := range samples {
			if !yield(s, nil) {
				return
			}
		}
	}
}
