package bench_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// history is one case: the runs to read back. Each run has some of the suite's tests.
type history struct {
	name  string
	tests int // distinct tests of the suite
	runs  int
	each  int           // tests of a run; they differ from run to run
	apart time.Duration // time between two runs
}

// histories returns the cases. Without BENCH_FULL each case has a tenth of the tests.
func histories() []history {
	const day = 24 * time.Hour
	tenth := 10
	if os.Getenv("BENCH_FULL") != "" {
		tenth = 1
	}
	return []history{
		{"100 runs of all of 10,000 tests in 25 days", 10_000 / tenth, 100, 10_000 / tenth, 6 * time.Hour},
		{"a year, each day 2,000 of 50,000 tests", 50_000 / tenth, 365, 2000 / tenth, day},
		{"a year, once a week 2,000 of 50,000 tests", 50_000 / tenth, 52, 2000 / tenth, 7 * day},
	}
}

// benchRead reads back all points of a real server, in the order of time, after a restart of the server.
func benchRead(b *testing.B, r *report) {
	// The points should be stored as after a night: in few files, which the server has compacted.
	b.Setenv("INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION", "1s")
	b.Setenv("INFLUXD_STORAGE_COMPACT_FULL_WRITE_COLD_DURATION", "1s")
	table := r.add("Reading back from a real InfluxDB", "case (a tenth of the tests without BENCH_FULL)", "metrics", "metrics/s",
		"influxd's CPU time", "per metric", "bridge's CPU time", "influxd's memory before", "peak")
	for _, h := range histories() {
		server := harness.StartInflux(b)
		cfg := influx.Config{URL: server.URL, Token: server.Token, Org: server.Org}
		h.write(b, cfg)
		settle(b, server.PID())
		server.Stop()
		server.Start()
		table.row(h.read(b, cfg, server.PID())...)
		server.Stop()
	}
	table.note("The memory is influxd's anonymous memory, without mapped files.")
}

// write delivers the runs. Each run has its own session and context.
func (h history) write(b *testing.B, cfg influx.Config) {
	b.Helper()
	w, err := influx.Open(cfg, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	for run := range h.runs {
		points := h.run(run)
		for len(points) > 0 {
			n := min(len(points), backlogBatch)
			reply := w.Prepare(points[:n])(b.Context())
			require.Equal(b, monitor.Delivered, reply.Kind, reply.Message)
			points = points[n:]
		}
	}
	require.NoError(b, w.Close())
}

// run returns the points of a run.
func (h history) run(n int) []*monitor.Point {
	hash := fmt.Sprintf("%032x", n)
	at := time.Date(2026, time.January, 5, 1, 0, 0, 0, time.UTC).Add(time.Duration(n) * h.apart)
	origin := monitor.Origin{Env: "Linux-x86_64 8x A CPU 32G py3.13", Run: hash, ScmRef: fmt.Sprintf("%040x", n), Branch: "main", Build: fmt.Sprint(n)}
	record := func() *monitor.Record { return &monitor.Record{Project: monitor.DefaultProject, Received: at} }
	session, machine := record(), record()
	session.Session = &monitor.Session{SessionH: hash, RunDate: at.Format(time.RFC3339), Description: "{}", Run: hash, Start: monitor.Instant{UTC: at.UnixNano()}}
	machine.Context = &monitor.Context{H: hash, CPUCount: 8, MachineNode: "host", PythonInfo: "3.13.1"}
	points := []*monitor.Point{{Record: session}, {Record: machine}}
	random := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range h.each {
		test := (n*1777 + i*h.tests/h.each) % h.tests
		at := at.Add(time.Duration(i) * 20 * time.Millisecond)
		rec := record()
		rec.Metric = &monitor.Metric{SessionH: hash, ContextH: hash, ItemStartTime: at.Format("2006-01-02T15:04:05.000000"),
			ItemPath: fmt.Sprintf("tests.shop.test_%d", test/50), Item: fmt.Sprintf("test_total_%d", test/4),
			ItemVariant: fmt.Sprintf("test_total_%d[%d, EUR]", test/4, test%4), ItemFSLoc: fmt.Sprintf("tests/shop/test_%d.py", test/50),
			Kind: "function", Component: "shop", TotalTime: random.Float64(), UserTime: random.Float64(),
			KernelTime: random.Float64(), CPUUsage: random.Float64(), MemUsage: 10 * random.Float64(), At: monitor.Instant{UTC: at.UnixNano()}}
		points = append(points, &monitor.Point{Record: rec, Origin: origin})
	}
	return points
}

// settle waits until a process has been idle for about five seconds.
func settle(b *testing.B, pid int) {
	b.Helper()
	for idle := 0; idle < 5; idle++ {
		before := cpuTime(b, pid)
		time.Sleep(time.Second)
		if cpuTime(b, pid)-before > 100*time.Millisecond {
			idle = 0
		}
	}
}

// read reads all points back, and returns the cells of the case's row.
func (h history) read(b *testing.B, cfg influx.Config, pid int) []string {
	b.Helper()
	reader, err := influx.NewReader(cfg)
	require.NoError(b, err)
	settle(b, pid)
	memory, peak := harness.MemoryOf(pid)["RssAnon"], peakAnonymous(pid)
	begin, theirs, ours := time.Now(), cpuTime(b, pid), cpuTime(b, os.Getpid())
	counts := map[monitor.Class]int{}
	for p, err := range reader.Points(b.Context(), time.Time{}, time.Time{}) {
		require.NoError(b, err)
		counts[p.Class()]++
	}
	took := time.Since(begin)
	theirs, ours = cpuTime(b, pid)-theirs, cpuTime(b, os.Getpid())-ours
	n := h.runs * h.each
	require.Equal(b, map[monitor.Class]int{monitor.ClassContext: h.runs, monitor.ClassSession: h.runs, monitor.ClassMetric: n}, counts)
	return []string{h.name, fmt.Sprint(n), fmt.Sprintf("%.0f", float64(n)/took.Seconds()), fmt.Sprintf("%.1f s", theirs.Seconds()),
		fmt.Sprintf("%d µs", (theirs / time.Duration(n)).Microseconds()), fmt.Sprintf("%.1f s", ours.Seconds()), mebibytes(memory), mebibytes(peak())}
}
