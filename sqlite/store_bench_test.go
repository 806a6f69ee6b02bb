package sqlite_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// The history that reads are measured on: 100 runs of 10,000 tests.
const (
	historyRuns  = 100
	historyTests = 10_000
)

// fillHistory stores a million metrics: each run is one session with a context of its own, as real histories have, and
// a test's measurements lie around a value of its own, most short and few long.
func fillHistory(tb testing.TB, db *sqlite.DB) {
	tb.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	typical := make([]float64, historyTests)
	for i := range typical {
		typical[i] = 0.01 * math.Exp(2*random.NormFloat64())
	}
	for run := range historyRuns {
		start := arrival.Add(time.Duration(run) * 8 * time.Hour)
		session, context := fmt.Sprintf("%032x", run), fmt.Sprintf("c%031x", run)
		s := process(session, start)
		s.ScmRef.String = fmt.Sprintf("%08x%032x", run*2654435761, run)
		branch := []string{"main", "main", "release"}[run%3]
		s.Description = fmt.Sprintf(`{"pipeline_branch": %q, "pipeline_build_no": "%d"}`, branch, run)
		recs := []*monitor.Record{record(machine(context)), record(s)}
		at := start
		for test := range historyTests {
			noise := func() float64 { return math.Exp(0.1 * random.NormFloat64()) }
			m := measured(session, fmt.Sprintf("test_%d", test), at)
			m.ContextH, m.Component = context, fmt.Sprintf("component_%d", test%10)
			m.ItemPath = fmt.Sprintf("tests.test_%d", test/20)
			m.ItemFSLoc = fmt.Sprintf("tests/test_%d.py", test/20)
			if test%20 == 0 {
				m.Kind, m.ItemVariant = "module", ""
			}
			m.TotalTime = typical[test] * noise()
			m.UserTime, m.KernelTime = math.Round(m.TotalTime*80)/100, 0
			m.CPUUsage, m.MemUsage = m.UserTime/m.TotalTime, math.Round(100*noise())/10
			at = at.Add(time.Duration(m.TotalTime*1e9) + time.Millisecond)
			recs = append(recs, record(m))
		}
		for _, rec := range recs {
			rec.Received = start.Add(time.Second)
		}
		for len(recs) > 0 {
			n := min(2000, len(recs))
			require.NoError(tb, db.Append(tb.Context(), recs[:n]))
			recs = recs[n:]
		}
	}
}
