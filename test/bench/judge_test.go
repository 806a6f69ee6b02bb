package bench_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
)

const (
	judgedTests  = 50_000
	judgedRuns   = 33 // 30 runs of the baseline, two runs of the window, and the judged run
	judgeGoal    = 5 * time.Second
	judgeRatio   = 1.35 // CPU time of the report to that of SQL which reads its measurements; it was twice as much once
	judgeRounds  = 3
	judgedPeriod = 2 * time.Hour // time between two runs
)

// benchJudge measures how long a report on a large run takes from the local file, and how much it delays clients.
func benchJudge(b *testing.B, r *report) {
	dir := b.TempDir()
	fillRuns(b, dir, judgedRuns)
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: dir, Args: []string{"--no-judge"}})
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	posts := load{connections: 4, duration: 2 * time.Second, pause: testTime, numbers: &numbers}
	var took, quiet, beside, used, bare []time.Duration
	for range judgeRounds {
		quiet = append(quiet, posts.run(b, bridge.URL).p99)
		before := cpuTime(b, bridge.PID())
		took = append(took, askForReport(b, bridge.URL))
		used = append(used, cpuTime(b, bridge.PID())-before)
		bare = append(bare, readBySQL(b, dir))
		during := make(chan result, 1)
		go func() { during <- posts.run(b, bridge.URL) }()
		askForReport(b, bridge.URL)
		beside = append(beside, (<-during).p99)
	}
	table := r.add(fmt.Sprintf("Judging a run of %d tests by %d earlier runs, from the local file", judgedTests, judgedRuns-regress.Defaults().WindowRuns),
		"what", "measured", "goal", "verdict")
	table.row("the report, from request to answer", seconds(median(took)), "≤ "+judgeGoal.String(), verdict(median(took) <= judgeGoal))
	table.row("CPU time of the report", seconds(median(used)), "", "")
	table.row("CPU time of SQL alone that reads the same measurements", seconds(median(bare)), "", "")
	ratio := median(used).Seconds() / median(bare).Seconds()
	table.row("ratio of the two", fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≤ %.2f", judgeRatio), verdict(ratio <= judgeRatio))
	table.row("p99 of a POST; 4 clients, each with a test between two posts", millis(median(quiet)), "", "")
	table.row("the same p99 during a report", millis(median(beside)), "", "")
	table.row("peak memory", mebibytes(harness.MemoryOf(bridge.PID())["VmHWM"]), "", "")
}

// readBySQL returns the CPU time that SQL alone takes to read the measurements of the report.
func readBySQL(b *testing.B, dir string) time.Duration {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, sqlite.FileName)+"?mode=ro")
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	before := cpuTime(b, os.Getpid())
	askSQL(b, db, `SELECT session, series, context, location, utc_ns, total_time, user_time + kernel_time, mem_usage
		FROM metrics WHERE session <> ?`, "")
	return cpuTime(b, os.Getpid()) - before
}

// askForReport requests the report on the last run of 50,000 tests, and returns the time that it took.
func askForReport(b *testing.B, url string) time.Duration {
	b.Helper()
	begin := time.Now()
	resp, err := http.Get(url + "/api/v1/regressions?scm_ref=" + judgedCommit(judgedRuns-1))
	require.NoError(b, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(b, http.StatusOK, resp.StatusCode)
	var report monitor.Report
	require.NoError(b, json.NewDecoder(resp.Body).Decode(&report))
	took := time.Since(begin)
	require.Equal(b, judgedTests, report.Summary.Tests)
	require.Equal(b, judgedRuns-regress.Defaults().WindowRuns, report.BaselineRuns)
	return took
}

func judgedCommit(run int) string { return fmt.Sprintf("%040x", run) }

// fillRuns stores the runs. A test takes about the same time in every run.
func fillRuns(b *testing.B, dir string, runs int) {
	b.Helper()
	db := openBacklog(b, dir)
	begin := time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Duration(runs) * judgedPeriod)
	random := rand.New(rand.NewPCG(1, 2))
	require.NoError(b, db.Append(b.Context(), []*monitor.Record{backlogRecord(0)}))
	for run := range runs {
		start := begin.Add(time.Duration(run) * judgedPeriod)
		session := fmt.Sprintf("%032x", run)
		recs := []*monitor.Record{{Project: monitor.DefaultProject, Received: start, Client: "10.0.0.1",
			Session: &monitor.Session{SessionH: session, RunDate: start.Format(harness.Isoformat), Description: `{}`,
				ScmRef: monitor.Text{String: judgedCommit(run)}}}}
		for test := range judgedTests {
			recs = append(recs, judgedRecord(test, session, start.Add(time.Duration(test+1)*50*time.Millisecond), random))
			if len(recs) == backlogBatch || test == judgedTests-1 {
				require.NoError(b, db.Append(b.Context(), recs))
				recs = recs[:0:0]
			}
		}
	}
	require.NoError(b, db.Close())
}

func judgedRecord(test int, session string, start time.Time, random *rand.Rand) *monitor.Record {
	usual := 0.05 + float64(test%100)/100
	noise := 1 + 0.05*random.NormFloat64()
	return &monitor.Record{Project: monitor.DefaultProject, Received: start.Add(50 * time.Millisecond), Client: "10.0.0.1",
		Metric: &monitor.Metric{SessionH: session, ContextH: benchContext, ItemStartTime: start.Format(harness.Isoformat),
			ItemPath: fmt.Sprintf("tests.shop.test_%d", test/20), Item: fmt.Sprintf("test_total_%d", test/4),
			ItemVariant: fmt.Sprintf("test_total_%d[%d, EUR]", test/4, test%4), ItemFSLoc: fmt.Sprintf("tests/shop/test_%d.py", test/20),
			Kind: "function", TotalTime: 1.1 * usual * noise, UserTime: usual * noise, KernelTime: 0.01, CPUUsage: 0.9,
			MemUsage: 10 + float64(test)/1000 + 0.1*random.Float64()}}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
