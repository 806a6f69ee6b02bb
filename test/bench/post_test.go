package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	postRounds = 5
	postTime   = time.Second

	// The goals are for new connections, as pytest-monitor makes them.
	postGoalConnections = 16
	postGoalRatio       = 0.75 // of the bare server's rate, 16 at a time
	postGoalSyncs       = 1.5  // times an append with its sync, above the p50 of the bare server, one at a time
	postGoalMost        = 64   // connections at which the p99 is below that of the bare server
)

// cell is one way to post, with the turns of the servers. kept is the bare server that appends each body to a file and syncs
// it: no server that keeps its promise can do less.
type cell struct {
	load               load
	bare, kept, bridge []sample
	syncs              []time.Duration // an append with its sync, beside each turn
}

// sample is one turn of one server.
type sample struct {
	result
	cpu time.Duration // CPU time of the server per request
}

// benchPost compares the bridge with the bare server.
func benchPost(b *testing.B, r *report) {
	bareURL, barePID := startBare(b)
	keptURL, keptPID := startBare(b, keepIn+"="+filepath.Join(b.TempDir(), "kept"))
	bridge := harness.StartBridge(b, harness.BridgeConfig{})
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	var cells []*cell
	for _, keepAlive := range []bool{false, true} {
		for _, connections := range []int{1, postGoalConnections, postGoalMost} {
			cells = append(cells, &cell{load: load{connections: connections, keepAlive: keepAlive, duration: postTime,
				numbers: &numbers}})
		}
	}
	for range postRounds {
		for _, c := range cells {
			c.bare = append(c.bare, c.turn(b, bareURL, barePID))
			c.kept = append(c.kept, c.turn(b, keptURL, keptPID))
			c.bridge = append(c.bridge, c.turn(b, bridge.URL, bridge.PID()))
			c.syncs = append(c.syncs, appendAndSync(b))
		}
	}
	table := r.add("POST /metrics/: a bare Gin handler that answers 201, one that appends the body to a file and syncs it, and the bridge",
		"connections", "bare req/s", "p50", "p99", "CPU µs", "synced req/s", "p50", "p99", "CPU µs", "bridge req/s", "p50", "p99", "CPU µs",
		"of bare", "of synced", "goal", "verdict")
	for _, c := range cells {
		table.row(c.row()...)
	}
	table.note("Medians of %d rounds of %v, in turns. The load runs on the same cores. An append of 600 bytes with its sync: %v.",
		postRounds, postTime, median(cells[0].syncs).Round(time.Microsecond))
}

// appendAndSync returns how long the machine takes to append a body to a file and to sync it.
func appendAndSync(b *testing.B) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "synced"))
	require.NoError(b, err)
	defer f.Close()
	var took []time.Duration
	for range 200 {
		start := time.Now()
		_, err := f.Write(make([]byte, 600))
		require.NoError(b, err)
		require.NoError(b, f.Sync())
		took = append(took, time.Since(start))
	}
	return median(took)
}

func (c *cell) turn(b *testing.B, url string, pid int) sample {
	before := cpuTime(b, pid)
	s := sample{result: c.load.run(b, url)}
	s.cpu = (cpuTime(b, pid) - before) / time.Duration(s.requests)
	return s
}

func (c *cell) row() []string {
	name := "keep-alive"
	if !c.load.keepAlive {
		name = "new"
	}
	row := []string{fmt.Sprintf("%s, %d", name, c.load.connections)}
	for _, samples := range [][]sample{c.bare, c.kept, c.bridge} {
		row = append(row, summary(samples)...)
	}
	ratio := c.ratio(c.bare)
	row = append(row, percent(ratio), percent(c.ratio(c.kept)))
	if c.load.keepAlive {
		return append(row, "", "")
	}
	switch c.load.connections {
	case postGoalConnections:
		return append(row, "≥ "+percent(postGoalRatio)+" of bare", verdict(ratio >= postGoalRatio))
	case postGoalMost:
		late := c.later(func(r result) time.Duration { return r.p99 })
		return append(row, "p99 < bare", verdict(late < 0))
	default:
		most := time.Duration(postGoalSyncs * float64(median(c.syncs)))
		late := c.later(func(r result) time.Duration { return r.p50 })
		return append(row, fmt.Sprintf("p50 ≤ bare + %v syncs: %s more", postGoalSyncs, millis(most)), verdict(late <= most))
	}
}

func percent(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*ratio) }

// ratio returns the rate of the bridge as a part of that of another server.
func (c *cell) ratio(other []sample) float64 {
	var ratios []float64
	for n := range other {
		ratios = append(ratios, c.bridge[n].rate()/other[n].rate())
	}
	return median(ratios)
}

// later returns how much longer clients of the bridge wait than those of the bare server.
func (c *cell) later(wait func(result) time.Duration) time.Duration {
	var later []time.Duration
	for n := range c.bare {
		later = append(later, wait(c.bridge[n].result)-wait(c.bare[n].result))
	}
	return median(later)
}

// summary returns the medians of a server: requests per second, both latencies, and CPU time.
func summary(samples []sample) []string {
	var rates []float64
	var p50, p99, cpu []time.Duration
	for _, s := range samples {
		rates, p50, p99, cpu = append(rates, s.rate()), append(p50, s.p50), append(p99, s.p99), append(cpu, s.cpu)
	}
	return []string{fmt.Sprintf("%.0f", median(rates)), millis(median(p50)), millis(median(p99)),
		fmt.Sprint(median(cpu).Microseconds())}
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// prepare posts the context and the session of the load.
func prepare(b *testing.B, url string) {
	b.Helper()
	now := time.Now().UTC().Format(harness.Isoformat)
	posts := harness.NewPoster(url)
	posts.MustPost(b, "/contexts/", harness.ContextJSON(benchContext))
	posts.MustPost(b, "/sessions/", `{"session_h": "`+benchSession+`", "run_date": "`+now+`", "scm_ref": "", "description": {}}`)
}
