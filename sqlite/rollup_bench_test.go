package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// BenchmarkRollups keeps the reports on 20 runs of 50,000 tests, and then reads what a judgement reads.
func BenchmarkRollups(b *testing.B) {
	const tests, runs = 50_000, 20 // 500 take minutes, and the reading grows with them
	path := filepath.Join(b.TempDir(), "pymon.db")
	db := dbAt(path, utcZones())
	db.MinFree = 0
	require.NoError(b, db.Open(b.Context()))
	defer db.Close()
	r := &monitor.Report{Project: "shop", Branch: "main", Sessions: []string{}, Suite: monitor.Suite{Machines: []monitor.Machine{}}}
	for i := range tests {
		for _, m := range monitor.JudgedMetrics {
			item := fmt.Sprintf("test_number_%d", i%97)
			r.Results = append(r.Results, monitor.Result{TestID: monitor.TestID{Component: "shop", ItemPath: fmt.Sprintf("tests.unit.part_%d.test_module_%d", i%40, i/97),
				Item: item, ItemVariant: fmt.Sprintf("%s[%d]", item, i), Kind: "function", Env: "Linux-x86_64 8x 32G py3.11"},
				ItemFSLoc: fmt.Sprintf("tests/unit/part_%d/test_module_%d.py", i%40, i/97), Metric: m.Name, Status: monitor.StatusOK})
		}
	}
	keep := func(n int) {
		r.Run, r.ScmRef, r.Started = fmt.Sprint("run", n), fmt.Sprintf("%040d", n), arrival.Add(time.Duration(n)*time.Hour)
		for i := range r.Results {
			r.Results[i].Value = monitor.Number(float64(i%1000+1) * (1 + float64(n)/1000))
		}
		require.NoError(b, db.KeepReport(b.Context(), r))
	}
	size := func() float64 {
		info, err := os.Stat(path)
		require.NoError(b, err)
		return float64(info.Size())
	}
	keep(0)
	first := size()
	began := time.Now()
	for n := 1; n < runs; n++ {
		keep(n)
	}
	took, grown := time.Since(began), size()-first
	own := r.Measured()[r.Results[0].Env]
	for b.Loop() {
		got, _, err := db.Rollups(b.Context(), monitor.RollupQuery{Project: "shop", Branch: "main", Env: r.Results[0].Env, Run: own, MaxRuns: runs})
		require.NoError(b, err)
		require.Len(b, got.Tests, tests)
	}
	b.ReportMetric(took.Seconds()*1000/(runs-1), "ms/keep")
	b.ReportMetric(grown/(runs-1), "B/run")
}
