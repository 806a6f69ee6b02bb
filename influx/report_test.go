package influx_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

var _ monitor.ReportSink = (*influx.Writer)(nil)

// judgedTest is the test that these reports are about.
var judgedTest = monitor.TestID{Component: "", ItemPath: "tests.unit", Item: "test_a, b", ItemVariant: "test_a, b[<X at 0x7f01>, 100%]",
	Kind: "function", Env: "Linux-x86_64 8x"}

// report makes a report on a run with some results.
func report(results ...monitor.Result) *monitor.Report {
	nan := monitor.Number(math.NaN())
	return &monitor.Report{
		Project: "webshop", Run: "ci-17", ScmRef: "c0ffee", Branch: "main", Build: "", Against: "main", BaselineRuns: 12,
		Sessions: []string{"s1", "s2"}, Started: start,
		Suite: monitor.Suite{Status: monitor.StatusRegression, Offset: map[string]monitor.Number{"cpu_time": 1.25, "total_time": nan},
			Machines: []monitor.Machine{
				{Env: "Linux-x86_64 8x", Status: monitor.StatusOK, Tests: 3, TotalTime: 1.5, CPUTime: 1.25,
					Offset: map[string]monitor.Number{"total_time": 1.5}},
				{Env: "ci, large", Status: monitor.StatusLearning, Tests: 2, TotalTime: 0.5, CPUTime: 0.25},
			}},
		Results: results,
		Summary: monitor.Summary{Tests: 5, Learning: 1, OK: 2, NotJudged: 3, Suspects: 4, Regressions: 5, Improvements: 6},
	}
}

func regression() monitor.Result {
	return monitor.Result{TestID: judgedTest, ItemFSLoc: "tests/unit.py", Metric: monitor.MetricCPUTime,
		Status: monitor.StatusRegression, Level: monitor.LevelCrit, Baseline: 0.5, Limit: 0.625, Value: 1, Ratio: 2, Delta: 0.5,
		P: 1e-9, Q: 1e-6, N: 12, LastGood: "900d", FirstBad: "bad"}
}

// The lines are those of docs/data-model.md.
func TestReportLines(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	unknown := monitor.Result{TestID: judgedTest, Metric: monitor.MetricTotalTime, Status: monitor.StatusSuspect,
		Baseline: monitor.Number(math.NaN()), Limit: monitor.Number(math.NaN()), Value: 0, Ratio: monitor.Number(math.Inf(1)),
		Delta: monitor.Number(math.NaN()), P: monitor.Number(math.NaN()), Q: monitor.Number(math.NaN())}
	learning, mute := unknown, unknown
	learning.Status, mute.Status = monitor.StatusLearning, monitor.StatusNotJudged
	v := mustOpen(t, s.settings()).DeliverReport(t.Context(), report(regression(), unknown, learning, mute))
	require.Equal(t, monitor.Reply{Kind: monitor.Delivered, Status: 204}, v)
	at := start.UnixMicro()*1000 + monitor.HashMod(monitor.HashOf("webshop", "ci-17"), 1000)
	tags := `component=(none),env=Linux-x86_64\ 8x,item=test_a\,\ b,item_path=tests.unit,` +
		`item_variant=test_a\,\ b[<X\ at\ 0x…>\,\ 100%25],kind=function,`
	run := `run="ci-17",scm_ref="c0ffee",branch="main",build="(none)"`
	raw := `,item_variant_raw="test_a, b[<X at 0x7f01>, 100%25]"`
	require.Equal(t, []string{
		`regressions,` + tags + `metric=cpu_time,project=webshop status="regression",level="crit",baseline=0.5,limit=0.625,` +
			`value=1,delta=0.5,ratio=2,p=1e-09,q=1e-06,n=12i,` + run +
			`,against="main",last_good="900d",first_bad="bad",item_fs_loc="tests/unit.py"` + raw,
		`regressions,` + tags + `metric=total_time,project=webshop status="suspect",level="(none)",value=0,n=0i,` + run +
			`,against="main",last_good="(none)",first_bad="(none)",item_fs_loc="(none)"` + raw,
		`machines,env=Linux-x86_64\ 8x,project=webshop ` + run + `,status="ok",tests=3i,total_time=1.5,cpu_time=1.25,offset_total_time=1.5`,
		`machines,env=ci\,\ large,project=webshop ` + run + `,status="learning",tests=2i,total_time=0.5,cpu_time=0.25`,
		`runs,project=webshop ` + run + `,against="main",suite="regression",sessions=2i,baseline_runs=12i,tests=5i,learning=1i,` +
			`ok=2i,not_judged=3i,suspects=4i,regressions=5i,drifts=0i,accepted=0i,improvements=6i,total_time=2,cpu_time=1.5,offset_cpu_time=1.25`,
	}, linesAt(t, s.delivered(), at))
}

// Where people reach the pages, the points of results and runs have their addresses.
func TestReportPages(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	settings := s.settings()
	settings.BridgeURL = "https://ci.example.org/pymon/"
	long := regression()
	long.ItemVariant = "test_" + strings.Repeat("x", 2000)
	require.Equal(t, monitor.Delivered, mustOpen(t, settings).DeliverReport(t.Context(), report(regression(), long)).Kind)
	lines := strings.Split(s.delivered()[0], "\n")
	require.Contains(t, lines[0], `,page="https://ci.example.org/pymon/p/webshop/test?env=Linux-x86_64+8x&`+
		`name=test_a%2C+b%5B%3CX+at+0x7f01%3E%2C+100%25%5D&path=tests.unit"`)
	require.NotContains(t, lines[1], "page=", "too long for browsers")
	require.NotContains(t, lines[2]+lines[3], "page=", "a machine has none")
	require.Contains(t, lines[4], `,page="https://ci.example.org/pymon/p/webshop/runs/ci-17" `)
}

// What a report takes back is written beside its results.
func TestReportRetracted(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	back := regression()
	back.Item, back.Status, back.Level = "test_back", monitor.StatusOK, ""
	r := report(regression())
	r.Retracted = []monitor.Result{back}
	require.Equal(t, monitor.Delivered, mustOpen(t, s.settings()).DeliverReport(t.Context(), r).Kind)
	lines := strings.Split(s.delivered()[0], "\n")
	require.Contains(t, lines[0], ` status="regression",`)
	require.Contains(t, lines[1], `,item=test_back,`)
	require.Contains(t, lines[1], ` status="ok",level="(none)",baseline=0.5,`)
	require.True(t, strings.HasPrefix(lines[2], "machines,"), lines[2])
}

// linesAt returns the lines of all bodies without their time, which has to be the given one.
func linesAt(t *testing.T, bodies []string, at int64) (all []string) {
	t.Helper()
	for _, body := range bodies {
		for line := range strings.Lines(body) {
			before, found := strings.CutSuffix(line, fmt.Sprintf(" %d\n", at))
			require.True(t, found, "%q is not at %d", line, at)
			all = append(all, before)
		}
	}
	return all
}

// Tests of one id in one run are points of their own, in the microsecond of the run.
func TestReportOccurrences(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	results := make([]monitor.Result, 1000)
	for i := range results {
		results[i] = regression()
		results[i].Occurrence = i
	}
	require.Equal(t, monitor.Delivered, mustOpen(t, s.settings()).DeliverReport(t.Context(), report(results...)).Kind)
	times := map[string]bool{}
	for line := range strings.Lines(s.delivered()[0]) {
		if strings.HasPrefix(line, "regressions") {
			at := line[strings.LastIndexByte(line, ' ')+1:]
			require.Equal(t, fmt.Sprint(start.UnixMicro()), at[:16])
			times[at] = true
		}
	}
	require.Len(t, times, 1000)
}

// What is judged again overwrites, also what is taken back.
func TestReportAgain(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	for range 2 {
		require.Equal(t, monitor.Delivered, w.DeliverReport(t.Context(), report(regression())).Kind)
	}
	back := regression()
	back.Status, back.Level, back.Value = monitor.StatusOK, "", 0.25
	again := report(back)
	again.Suite.Status, again.Summary.Regressions = monitor.StatusOK, 0
	again.Suite.Machines[0].Tests = 4
	require.Equal(t, monitor.Delivered, w.DeliverReport(t.Context(), again).Kind)

	results := server.Points(cfg.Bucket, influx.RegressionMeasurement)
	require.Len(t, results, 1)
	require.Equal(t, "ok", results[0]["status"])
	require.Equal(t, "(none)", results[0]["level"])
	require.InDelta(t, 0.25, results[0]["value"], 0)
	runs := server.Points(cfg.Bucket, influx.RunMeasurement)
	require.Len(t, runs, 1)
	require.Equal(t, "ok", runs[0]["suite"])
	require.Equal(t, int64(0), runs[0]["regressions"])
	machines := server.Points(cfg.Bucket, influx.MachineMeasurement)
	require.Len(t, machines, 2)
	require.Equal(t, int64(4), machines[0]["tests"])
}

// manyResults makes results of different tests.
func manyResults(n int) []monitor.Result {
	results := make([]monitor.Result, n)
	for i := range results {
		results[i] = regression()
		results[i].Item = fmt.Sprintf("test_%d", i)
	}
	return results
}

func TestReportInBatches(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	require.Equal(t, monitor.Delivered, mustOpen(t, s.settings()).DeliverReport(t.Context(), report(manyResults(25_000)...)).Kind)
	var counts []int
	for _, body := range s.delivered() {
		counts = append(counts, strings.Count(body, "\n"))
	}
	require.Equal(t, []int{10_000, 10_000, 5_003}, counts)
	require.Contains(t, s.delivered()[2], "\nruns,", "the summary comes last")
}

// Fewer points go at a time where InfluxDB takes fewer.
func TestReportTooLarge(t *testing.T) {
	s := mustScript(t, nil)
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		if bodies := s.delivered(); strings.Count(bodies[len(bodies)-1], "\n") > 3 {
			status(http.StatusRequestEntityTooLarge, "too big")(w, r)
			return
		}
		status(http.StatusNoContent, "")(w, r)
	}
	require.Equal(t, monitor.Delivered, mustOpen(t, s.settings()).DeliverReport(t.Context(), report(manyResults(7)...)).Kind)
	taken := 0
	for _, body := range s.delivered() {
		if n := strings.Count(body, "\n"); n <= 3 {
			taken += n
		}
	}
	require.Equal(t, 10, taken)
}

func TestReportReplies(t *testing.T) {
	for _, c := range []struct {
		name    string
		report  http.HandlerFunc
		want    monitor.ReplyKind
		message string
	}{
		{"refused for what it is", status(422, "partial write: x"), monitor.Refused, "partial write: x"},
		{"one point is too large", status(413, "too big"), monitor.Refused, "too big"},
		{"denied", status(401, "unauthorized access"), monitor.Denied, "unauthorized access"},
		{"away", status(503, "busy", "Retry-After", "7"), monitor.Unavailable, "busy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustScript(t, c.report)
			v := mustOpen(t, s.settings()).DeliverReport(t.Context(), report(regression()))
			require.Equal(t, c.want, v.Kind, "%+v", v)
			require.Equal(t, c.message, v.Message)
			if c.name == "away" {
				require.Equal(t, 7*time.Second, v.RetryAfter)
			}
		})
	}
}

// What is refused in one batch does not keep the other batches from being stored.
func TestReportRefusedInPart(t *testing.T) {
	codes := make(chan int, 2)
	s := mustScript(t, func(w http.ResponseWriter, r *http.Request) { status(<-codes, "partial write")(w, r) })
	codes <- 422
	codes <- 204
	v := mustOpen(t, s.settings()).DeliverReport(t.Context(), report(manyResults(10_000)...))
	require.Equal(t, monitor.Reply{Kind: monitor.Refused, Status: 422, Message: "partial write"}, v)
	require.Len(t, s.delivered(), 2)
}

// A point above a limit is left out, and the reply says so.
func TestReportWithinLimits(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	long := regression()
	long.ItemFSLoc = strings.Repeat("x", 1_048_577)
	v := w.DeliverReport(t.Context(), report(long, manyResults(1)[0]))
	require.Equal(t, monitor.Reply{Kind: monitor.Refused,
		Message: "string too long: item_fs_loc has 1048577 bytes when encoded, InfluxDB takes 1048576"}, v)
	require.Len(t, server.Points(cfg.Bucket, influx.RegressionMeasurement), 1)
	require.Len(t, server.Points(cfg.Bucket, influx.RunMeasurement), 1)
}

func TestReportOutsideRetention(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Bucket = server.NewBucket("short", time.Hour)
	w := mustOpen(t, cfg)
	old := report(regression())
	old.Started = time.Now().Add(-2 * time.Hour)
	v := w.DeliverReport(t.Context(), old)
	require.Equal(t, monitor.Refused, v.Kind)
	require.Contains(t, v.Message, "outside retention")
	old.Started = time.Now()
	require.Equal(t, monitor.Delivered, w.DeliverReport(t.Context(), old).Kind)
}

// A point of slow growth has the first level where others have the usual value.
func TestSlowGrowthAsAPoint(t *testing.T) {
	s := mustScript(t, status(http.StatusNoContent, ""))
	v := regression()
	v.Status, v.Level, v.LastGood, v.FirstBad = monitor.StatusDrift, "", "", ""
	v.Drift = &monitor.Drift{Since: monitor.RunMark{ScmRef: "1a2b"}, Runs: 43, First: 0.5, Now: 0.75, Ratio: 1.5, Rate: 0.01, P: 1e-9, Q: 1e-6}
	r := report(v)
	r.Summary.Drifts = 1
	require.Equal(t, monitor.Delivered, mustOpen(t, s.settings()).DeliverReport(t.Context(), r).Kind)
	lines := linesAt(t, s.delivered(), start.UnixMicro()*1000+monitor.HashMod(monitor.HashOf("webshop", "ci-17"), 1000))
	require.Contains(t, lines[0], ` status="drift",level="(none)",rate=0.01,since="1a2b",baseline=0.5,limit=0.625,value=0.75,delta=0.25,ratio=1.5,p=1e-09,q=1e-06,n=43i,`)
	require.Contains(t, lines[len(lines)-1], "regressions=5i,drifts=1i,")
}
