package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// fillReports stores runs of a branch. Each run has a report with so many suspects. The first result of the first
// report has the status first.
func fillReports(tb testing.TB, db *sqlite.DB, runs, results int, first monitor.Status) {
	tb.Helper()
	var recs []*monitor.Record
	for run := range runs {
		start := arrival.Add(time.Duration(run) * time.Minute)
		s := process(fmt.Sprintf("%032x", run), start)
		s.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: fmt.Sprint("run-", run)}},
			{Name: "branch", Value: monitor.Text{String: "main"}}}
		rec := record(s)
		rec.Received = start
		recs = append(recs, rec)
	}
	for len(recs) > 0 {
		n := min(2000, len(recs))
		require.NoError(tb, db.Append(tb.Context(), recs[:n]))
		recs = recs[n:]
	}
	for run := range runs {
		r := reportOn(fmt.Sprintf("run-%d", run))
		r.Branch, r.Started = "main", arrival.Add(time.Duration(run)*time.Minute)
		for i := range results {
			one := result(fmt.Sprintf("test_%d", i), monitor.StatusSuspect)
			one.ItemPath, one.ItemFSLoc, one.Env = fmt.Sprint("tests.unit.test_module_", i/20), fmt.Sprint("tests/unit/test_module_", i/20, ".py"),
				"Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11"
			one.Value += monitor.Number(run*i) / 7e5
			if run == 0 && i == 0 {
				one.Status = first
			}
			r.Results = append(r.Results, one)
		}
		keep(tb, db, r)
	}
}

// BenchmarkReportsAround reads the reports around the report on the last run. The reports are small or large, few or
// many. No report has a regression, or the first report has one.
func BenchmarkReportsAround(b *testing.B) {
	for _, size := range []struct{ runs, results int }{{33, 1}, {33, 500}, {33, 5000}, {33, 50_000}, {3000, 1}} {
		for _, first := range []monitor.Status{monitor.StatusSuspect, monitor.StatusRegression} {
			b.Run(fmt.Sprintf("runs=%d/results=%d/first=%s", size.runs, size.results, first), func(b *testing.B) {
				db, _ := openNew(b)
				fillReports(b, db, size.runs, size.results, first)
				last := reportOn(fmt.Sprintf("run-%d", size.runs-1))
				last.Branch, last.Started = "main", arrival.Add(time.Duration(size.runs-1)*time.Minute)
				b.ReportAllocs()
				for b.Loop() {
					results := 0
					for r, err := range db.ReportsAround(b.Context(), last, 32) {
						require.NoError(b, err)
						if results += len(r.Results); results > 50_000 {
							break // as judge.Worker does
						}
					}
				}
			})
		}
	}
}
