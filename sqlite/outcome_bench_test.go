package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// fillOutcomes stores runs of a suite, one session each. Three in a hundred outcomes are skipped tests. A few of each
// fiftieth test failed, or passed at a second attempt.
func fillOutcomes(tb testing.TB, db *sqlite.DB, runs, tests int) {
	tb.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	for run := range runs {
		start := arrival.Add(time.Duration(run) * 4 * time.Hour)
		session := fmt.Sprintf("%032x", run)
		s := process(session, start)
		s.ScmRef.String = fmt.Sprintf("%040x", run/2) // two runs on each commit
		recs := []*monitor.Record{record(s)}
		if run == 0 {
			recs = append(recs, record(machine("machine")))
		}
		for test := range tests {
			m := measured(session, fmt.Sprintf("test_%d", test), start.Add(time.Duration(test)*20*time.Millisecond))
			m.ItemPath = fmt.Sprintf("tests.test_%d", test/20)
			o := &monitor.Outcome{Metric: *m, NodeID: nodeOf(test), Outcome: monitor.Passed, Attempts: 1}
			switch n := random.IntN(1000); {
			case n < 30:
				o.Outcome = "skipped"
			case n < 32 && test%50 == 0:
				o.Outcome = monitor.OutcomeFailed
			case n < 34 && test%50 == 0:
				o.Attempts = 2
			}
			recs = append(recs, record(o))
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

func nodeOf(test int) string { return fmt.Sprintf("tests/test_%d.py::test_%d", test/20, test) }

// BenchmarkOutcomes asks a file with a million outcomes of 5,000 tests in 200 runs the questions of the read API, with
// pages of 500.
func BenchmarkOutcomes(b *testing.B) {
	db, _ := openNew(b)
	fillOutcomes(b, db, 200, 5000)
	match := func(f monitor.Field, text string) monitor.Match { return monitor.Match{Field: f, Text: text} }
	failed := match(monitor.FieldOutcome, monitor.OutcomeFailed)
	run := match(monitor.FieldRun, fmt.Sprintf("%032x", 150))
	for name, where := range map[string][]monitor.Match{
		"all": nil, "failed": {failed}, "skipped": {match(monitor.FieldOutcome, "skipped")}, "run": {run}, "failed in run": {run, failed},
		"context": {match(monitor.FieldContextH, "machine")}, "item": {match(monitor.FieldItem, "test_4711")},
	} {
		q := monitor.OutcomeQuery{Where: where}
		var n int64
		b.Run("count "+name, func(b *testing.B) {
			for b.Loop() {
				var err error
				n, err = db.CountOutcomes(b.Context(), q)
				require.NoError(b, err)
			}
		})
		benchPage(b, "first "+name, q, db.Outcomes, monitor.Page{Limit: 500})
		benchPage(b, "middle "+name, q, db.Outcomes, monitor.Page{Offset: n / 2, Limit: 500})
		benchPage(b, "last "+name, q, db.Outcomes, monitor.Page{Offset: max(0, n-500), Limit: 500})
	}
	benchPage(b, "runs", monitor.RunQuery{}, db.Runs, monitor.Page{Limit: 500})
}

// BenchmarkFlakyTests looks for flaky tests in the same file. Then it looks again after a run in which a fifth of the tests
// were retried, so that the history of all these tests is read.
func BenchmarkFlakyTests(b *testing.B) {
	db, _ := openNew(b)
	fillOutcomes(b, db, 200, 5000)
	for _, flaky := range []string{"few", "many"} {
		for _, last := range []int64{50, 100, 200} {
			q := monitor.FlakyQuery{Project: "shop", Last: last}
			benchPage(b, fmt.Sprintf("%s in %d runs", flaky, last), q, db.FlakyTests, monitor.Page{Limit: 500})
		}
		start := arrival.Add(1000 * time.Hour)
		recs := []*monitor.Record{record(process("last", start))}
		for test := range 1000 {
			m := measured("last", fmt.Sprintf("test_%d", test), start)
			m.ItemPath = fmt.Sprintf("tests.test_%d", test/20)
			recs = append(recs, record(&monitor.Outcome{Metric: *m, NodeID: nodeOf(test), Outcome: monitor.Passed, Attempts: 2}))
		}
		for _, rec := range recs {
			rec.Received = start.Add(time.Second)
		}
		require.NoError(b, db.Append(b.Context(), recs))
	}
}
