package setup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// suite is the history that the queries are asked about: a run on each of 12 days, and on some days on a second class
// of machine.
type suite struct {
	tests []suiteTest
}

type suiteTest struct {
	component, path, variant string
	seconds                  float64 // usually
	adds                     float64 // MiB
	noise                    float64 // by how much the second run of a day takes longer, as a ratio
}

const (
	runs      = 12
	slowSince = 7 // from this run on slowTest takes three times as long
	slowTest  = "test_pay_by_card[visa]"
	large     = "ci-large py3.11"
	small     = "ci-small py3.11"
)

func newSuite() suite {
	s := suite{tests: []suiteTest{
		{"checkout", "tests.checkout.test_payment", slowTest, 0.5, 4, 1.1},
		{"checkout", "tests.checkout.test_payment", "test_refund", 0.25, 1, 1},
		{"search", "tests.search.test_index", "test_rebuild", 4, 60, 1.2},
		{"search", "tests.search.test_index", "test_flaky", 0.2, 2, 5},
		{"(none)", "tests.test_smoke", "test_health", 0.01, 0, 30}, // noisy, but nothing
	}}
	for n := range 12 {
		s.tests = append(s.tests, suiteTest{"catalog", "tests.catalog.test_api", fmt.Sprintf("test_endpoint_%02d", n), 0.1 + 0.01*float64(n), 0.5, 1.05})
	}
	return s
}

// in returns the seconds that a test took in a run on the large machine.
func (t suiteTest) in(run int) float64 {
	if t.variant == slowTest && run >= slowSince {
		return 3 * t.seconds
	}
	return t.seconds
}

// rare is how many tests were retried once, in the first run. They have one node id, so the query adds them up.
const rare = 120

func started(run int) time.Time {
	return time.Date(2026, time.March, run+1, 10, 0, 0, 0, time.UTC)
}

func commit(run int) string { return fmt.Sprintf("c0ffee%02d", run) }

func tags(t suiteTest, env string) string {
	item, _, _ := strings.Cut(t.variant, "[")
	return fmt.Sprintf(`component=%s,env=%s,item=%s,item_path=%s,item_variant=%s,kind=function,project=webshop`,
		t.component, strings.ReplaceAll(env, " ", `\ `), item, t.path, t.variant)
}

// outcome returns what became of a test in a run, and at which attempt. Two runs have each commit in outcomes. One test is
// retried in each fourth run. Another fails in three runs, whose commits pass, only one on the same machine. A third always
// fails.
func (t suiteTest) outcome(run int) (outcome string, attempts int) {
	switch {
	case t.variant == "test_flaky" && run%4 == 1:
		return "passed", 2
	case t.variant == "test_flaky" && run == 2:
		return "skipped", 1
	case t.variant == "test_refund" && (run == 3 || run == 4 || run == 6):
		return "failed", 1
	case t.variant == "test_health":
		return "error", 3
	}
	return "passed", 1
}

// store writes the history as docs/data-model.md describes it, and its rollup.
func (s suite) store(server *harness.Influx) (metrics, rollup string) {
	metrics, rollup = server.NewBucket("metrics", 0), server.NewBucket("daily", 0)
	var lines, daily []string
	for run := range runs {
		env, factor := large, 1.0
		at, day := started(run), started(run).Truncate(24*time.Hour).UnixNano()
		if run%4 == 3 {
			env, factor = small, 2
		}
		memory := 0.0
		for n, t := range s.tests {
			memory += t.adds
			seconds := factor * t.in(run)
			lines = append(lines, fmt.Sprintf(`test_metrics,%s total_time=%v,mem_usage=%v,run="run-%d",scm_ref="%s",branch="main" %d`,
				tags(t, env), seconds, memory, run, commit(run), at.Add(time.Duration(n+1)*time.Second).UnixNano()))
			outcome, attempts := t.outcome(run)
			lines = append(lines, fmt.Sprintf(`test_outcomes,%s outcome="%s",attempts=%di,nodeid="%s::%s",scm_ref="%s" %d`,
				tags(t, env), outcome, attempts, t.path, t.variant, commit(run-run%2), at.Add(time.Duration(n+1)*time.Second).UnixNano()))
			daily = append(daily, fmt.Sprintf(`test_daily,%s total_time_count=2i,total_time_median=%v,total_time_max=%v %d`,
				tags(t, env), seconds, seconds*t.noise, day))
		}
		lines = append(lines,
			fmt.Sprintf(`runs,project=webshop run="run-%d",scm_ref="%s",branch="main",suite="ok" %d`, run, commit(run), at.UnixNano()+417),
			fmt.Sprintf(`machines,env=%s,project=webshop run="run-%d",offset_cpu_time=%v,offset_total_time=%v %d`,
				strings.ReplaceAll(env, " ", `\ `), run, 1+0.01*float64(run), 1+0.02*float64(run), at.UnixNano()+417))
	}
	for n := range rare {
		test := suiteTest{"rare", "tests.test_rare", fmt.Sprintf("test_rare_%03d", n), 1, 0, 1}
		lines = append(lines, fmt.Sprintf(`test_outcomes,%s outcome="passed",attempts=2i,nodeid="rare",scm_ref="%s" %d`,
			tags(test, large), commit(0), started(0).UnixNano()))
	}
	for n, v := range []struct {
		status, level string
		ratio         float64
	}{{"regression", "crit", 3}, {"regression", "warn", 1.4}, {"suspect", "(none)", 9}, {"ok", "(none)", 1}, {"not_judged", "(none)", 7}} {
		lines = append(lines, fmt.Sprintf(`regressions,%s,metric=total_time status="%s",level="%s",baseline=0.5,value=%v,ratio=%v,branch="main",last_good="%s",first_bad="%s" %d`,
			tags(s.tests[n], large), v.status, v.level, 0.5*v.ratio, v.ratio, commit(6), commit(7), started(9).UnixNano()+417))
	}
	server.Write(metrics, strings.Join(lines, "\n"))
	server.Write(rollup, strings.Join(daily, "\n"))
	return metrics, rollup
}

// queries returns the Flux of docs/queries.md by the title above it.
func queries(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "queries.md"))
	require.NoError(t, err)
	found := map[string]string{}
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		blocks := regexp.MustCompile("(?s)```flux\n(.*?)```").FindAllStringSubmatch(text, -1)
		require.Len(t, blocks, 1, title)
		found[title] = blocks[0][1]
	}
	return found
}

// Each documented query gives the answer that follows from the history.
func TestDocumentedQueries(t *testing.T) {
	t.Parallel()
	server, s := harness.SharedInflux(t), newSuite()
	metrics, rollup := s.store(server)
	answers := map[string]func(t *testing.T, rows []harness.Row){
		"Trend of a test": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, runs)
			for _, r := range rows {
				run := r["_time"].(time.Time).Day() - 1
				want := s.tests[0].in(run)
				if run%4 == 3 {
					want *= 2
				}
				assert.InDelta(t, want, r["_value"], 1e-9)
			}
		},
		"Slowest tests": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 10)
			assert.Equal(t, "test_rebuild", rows[0]["item_variant"])
			assert.InDelta(t, 4.0, rows[0]["_value"], 1e-9)
			assert.Equal(t, slowTest, rows[1]["item_variant"])
			assert.InDelta(t, (6*0.5+3*1.5)/9, rows[1]["_value"], 1e-9, "6 runs before, 3 after on this machine")
		},
		"Growth since a commit": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 10)
			for n, want := range []struct {
				env           string
				before, since float64
			}{{small, 1, 3}, {large, 0.5, 1.5}} {
				assert.Equal(t, slowTest, rows[n]["item_variant"])
				assert.Equal(t, want.env, rows[n]["env"])
				assert.InDelta(t, want.before, rows[n]["before"], 1e-9)
				assert.InDelta(t, want.since, rows[n]["since"], 1e-9)
				assert.InDelta(t, 3.0, rows[n]["ratio"], 1e-9)
			}
			assert.InDelta(t, 0, rows[2]["growth"], 1e-9)
		},
		"Compare two commits": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, len(s.tests))
			assert.Equal(t, slowTest, rows[0]["item_variant"])
			assert.InDelta(t, 0.5, rows[0]["old"], 1e-9)
			assert.InDelta(t, 1.5, rows[0]["new"], 1e-9)
			for _, r := range rows[1:] {
				assert.InDelta(t, 1.0, r["ratio"], 1e-9)
			}
		},
		"Memory hogs": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 10)
			for n, want := range []struct {
				test string
				adds float64
			}{{"test_rebuild", 60}, {"test_flaky", 2}, {"test_refund", 1}} {
				assert.Equal(t, want.test, rows[n]["item_variant"])
				assert.InDelta(t, want.adds, rows[n]["_value"], 1e-9)
			}
		},
		"Pass rates": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 4, "two tests on two machines")
			for n, want := range []struct {
				test, env string
				rate      float64
			}{{"test_health", "", 0}, {"test_health", "", 0}, {"test_refund", small, 2.0 / 3}, {"test_refund", large, 7.0 / 9}} {
				assert.Equal(t, want.test, rows[n]["item_variant"])
				assert.InDelta(t, want.rate, rows[n]["rate"], 1e-9)
				if want.env != "" {
					assert.Equal(t, want.env, rows[n]["env"])
				}
			}
		},
		"Flaky tests": func(t *testing.T, rows []harness.Row) {
			assert.Equal(t, harness.Row{"nodeid": "rare", "passed": int64(97), "retried": int64(97)}, harness.Row{"nodeid": rows[0]["nodeid"],
				"passed": rows[0]["passed"], "retried": rows[0]["retried"]}, "of 100 tests with failures or retries three have more")
			rows = rows[1:]
			require.Len(t, rows, 2)
			for n, want := range []harness.Row{
				{"nodeid": "tests.search.test_index::test_flaky", "passed": int64(8), "failed": int64(0), "retried": int64(3), "mixed": int64(0)},
				{"nodeid": "tests.checkout.test_payment::test_refund", "passed": int64(7), "failed": int64(2), "retried": int64(0), "mixed": int64(1)},
			} {
				for name, value := range want {
					assert.Equal(t, value, rows[n][name], name)
				}
				assert.Equal(t, large, rows[n]["env"], "on the other machine nothing contradicts")
			}
			assert.InDelta(t, 5.0/8, rows[0]["rate"], 1e-9)
		},
		"Noisy tests": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 10)
			for _, r := range rows[:2] {
				assert.Equal(t, "test_flaky", r["item_variant"])
				assert.InDelta(t, 5.0, r["noise"], 1e-9)
			}
			assert.NotEqual(t, rows[0]["env"], rows[1]["env"])
			assert.Equal(t, "test_rebuild", rows[2]["item_variant"])
		},
		"What regressed lately": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 2)
			for n, want := range []harness.Row{
				{"item_variant": slowTest, "level": "crit", "ratio": 3.0, "value": 1.5, "baseline": 0.5, "last_good": commit(6), "first_bad": commit(7), "branch": "main"},
				{"item_variant": "test_refund", "level": "warn", "ratio": 1.4, "metric": "total_time"},
			} {
				for name, value := range want {
					assert.Equal(t, value, rows[n][name], name)
				}
			}
		},
		"Machines' offsets": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 2*runs)
			for _, r := range rows {
				run := r["_time"].(time.Time).Day() - 1
				assert.InDelta(t, 1+map[string]float64{"offset_cpu_time": 0.01, "offset_total_time": 0.02}[r["_field"].(string)]*float64(run), r["_value"], 1e-9)
			}
		},
		"A component over the years": func(t *testing.T, rows []harness.Row) {
			require.Len(t, rows, 4*9, "four components, nine days on this machine")
			for _, r := range rows {
				if run := r["_time"].(time.Time).Day() - 1; r["component"] == "checkout" {
					assert.InDelta(t, s.tests[0].in(run)+0.25, r["_value"], 1e-9)
				}
			}
		},
	}
	documented := queries(t)
	require.Len(t, answers, len(documented))
	for title, flux := range documented {
		t.Run(title, func(t *testing.T) {
			require.Contains(t, answers, title)
			named := strings.NewReplacer(`"pytest"`, fmt.Sprintf("%q", metrics), `"pytest_daily"`, fmt.Sprintf("%q", rollup)).Replace(flux)
			answers[title](t, server.Query(named))
		})
	}
}
