package sqlite_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// The file that reads are measured with has 100 runs of 10,000 tests.
const (
	historyRuns  = 100
	historyTests = 10_000
)

// fillHistory stores a million metrics. As in real histories, each run is one session with a context of its own. The
// measurements of a test lie around a value of its own. Most tests are short, and few are long.
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

type storeQuestion struct {
	name  string
	query monitor.MetricQuery
	lists bool // false for a question without pages
}

// storeQuestions returns the questions for metrics.
func storeQuestions() []storeQuestion {
	where := func(matches ...monitor.Match) monitor.MetricQuery { return monitor.MetricQuery{Where: matches} }
	match := func(f monitor.Field, how monitor.How, text string) monitor.Match {
		return monitor.Match{Field: f, How: how, Text: text}
	}
	component := match(monitor.FieldComponent, monitor.Equals, "component_3")
	main := match(monitor.FieldPipeline, monitor.Equals, "main")
	return []storeQuestion{
		{"all", where(), true},
		{"project", monitor.MetricQuery{Project: "shop"}, true},
		{"item like test_1", where(match(monitor.FieldItem, monitor.Contains, "test_1")), true},
		{"item like test", where(match(monitor.FieldItem, monitor.Contains, "test")), true},
		{"variant like b", where(match(monitor.FieldItemVariant, monitor.Contains, "b")), true},
		{"kind function", where(match(monitor.FieldKind, monitor.Equals, "function")), true},
		{"kind module", where(match(monitor.FieldKind, monitor.Equals, "module")), true},
		{"component", where(component), true},
		{"pipeline", where(main), true},
		{"session", where(match(monitor.FieldSessionH, monitor.Equals, fmt.Sprintf("%032x", 50))), true},
		{"context", where(match(monitor.FieldContextH, monitor.Equals, fmt.Sprintf("c%031x", 50))), true},
		{"scm", where(match(monitor.FieldScmRef, monitor.HasPrefix, fmt.Sprintf("%08x", 50*2654435761))), true},
		{"scm of all", where(match(monitor.FieldScmRef, monitor.HasPrefix, "")), true},
		{"history", where(match(monitor.FieldItem, monitor.Equals, "test_4711")), false},
		{"history of variant in component", where(component, match(monitor.FieldItemVariant, monitor.Equals, "test_4713[a, b]")), false},
		{"build", where(main, match(monitor.FieldPipelineBuild, monitor.Equals, "51")), true},
	}
}

// BenchmarkStore asks a file with 1,000,000 metrics of 10,000 tests in 100 runs the questions of the read API, with
// pages of 500.
func BenchmarkStore(b *testing.B) {
	db, _ := openNew(b)
	fillHistory(b, db)
	component := monitor.Match{Field: monitor.FieldComponent, Text: "component_3"}
	main := monitor.Match{Field: monitor.FieldPipeline, Text: "main"}
	for _, c := range storeQuestions() {
		b.Run("count "+c.name, func(b *testing.B) {
			for b.Loop() {
				_, err := db.CountMetrics(b.Context(), c.query)
				require.NoError(b, err)
			}
		})
		if !c.lists {
			benchPage(b, c.name, c.query, db.Metrics, monitor.Page{})
			continue
		}
		n, err := db.CountMetrics(b.Context(), c.query)
		require.NoError(b, err)
		benchPage(b, "first "+c.name, c.query, db.Metrics, monitor.Page{Limit: 500})
		benchPage(b, "last "+c.name, c.query, db.Metrics, monitor.Page{Offset: n - 500, Limit: 500})
		benchPage(b, "middle "+c.name, c.query, db.Metrics, monitor.Page{Offset: n / 2, Limit: 500})
	}
	for _, of := range []monitor.Measurement{monitor.TotalTime, monitor.KernelTime, monitor.CPUUsage, monitor.MemUsage} {
		for _, smallest := range []bool{false, true} {
			for name, matches := range map[string][]monitor.Match{"all": nil, "component": {component}, "pipeline": {main}} {
				for _, n := range []int64{10, 500} {
					q := monitor.MetricQuery{Where: matches, Top: &monitor.Top{Of: of, Smallest: smallest}}
					benchPage(b, fmt.Sprintf("top %d of %d %t %s", n, of, smallest, name), q, db.Metrics, monitor.Page{Limit: n})
				}
			}
		}
	}
	benchPage(b, "sessions", monitor.SessionQuery{}, db.Sessions, monitor.Page{Limit: 500})
	benchPage(b, "sessions with tag", monitor.SessionQuery{Tags: []monitor.TagMatch{{Name: "pipeline_branch", Value: "main"}}},
		db.Sessions, monitor.Page{Limit: 500})
	benchPage(b, "contexts", monitor.ContextQuery{}, db.Contexts, monitor.Page{Limit: 500})
	benchPage(b, "runs", monitor.RunQuery{}, db.Runs, monitor.Page{Limit: 500})
	benchPage(b, "components", monitor.NameQuery{}, db.Names, monitor.Page{Limit: 500})
	name := "component_3"
	benchPage(b, "pipelines of component", monitor.NameQuery{Of: monitor.Pipelines, Component: &name}, db.Names,
		monitor.Page{Limit: 500})
	benchPage(b, "export", monitor.MetricQuery{}, db.Metrics, monitor.Page{})
}

func benchPage[Q, T any](b *testing.B, name string, q Q, list func(context.Context, Q, monitor.Page) iter.Seq2[T, error],
	p monitor.Page) {
	b.Run(name, func(b *testing.B) {
		n := 0
		for b.Loop() {
			for _, err := range list(b.Context(), q, p) {
				require.NoError(b, err)
				n++
			}
		}
		b.ReportMetric(float64(n)/float64(b.N), "rows")
	})
}
