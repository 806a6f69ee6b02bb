package bench_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	postRounds = 5
	postTime   = time.Second

	// The goal is for 16 requests at a time, each over a new connection as the plugin makes it.
	postGoalConnections = 16
	postGoalRatio       = 0.60
	postGoalP99         = 10 * time.Millisecond // above the p99 of the bare server
)

// cell is one way to post, with the turns of the two servers.
type cell struct {
	load         load
	bare, bridge []sample
}

// sample is one turn of one server.
type sample struct {
	result
	cpu time.Duration // CPU time of the server per request
}

// benchPost compares the bridge with the bare server.
func benchPost(b *testing.B, r *report) {
	bareURL, barePID := startBare(b)
	bridge := harness.StartBridge(b, harness.BridgeConfig{})
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	var cells []*cell
	for _, keepAlive := range []bool{false, true} {
		for _, connections := range []int{1, 16, 64} {
			cells = append(cells, &cell{load: load{connections: connections, keepAlive: keepAlive, duration: postTime,
				numbers: &numbers}})
		}
	}
	for range postRounds {
		for _, c := range cells {
			c.bare = append(c.bare, c.turn(b, bareURL, barePID))
			c.bridge = append(c.bridge, c.turn(b, bridge.URL, bridge.PID()))
		}
	}
	table := r.add("POST /metrics/: the bridge with fsync, and a bare Gin handler that answers 201",
		"connections", "bare req/s", "p50", "p99", "CPU µs", "bridge req/s", "p50", "p99", "CPU µs", "ratio", "goal", "verdict")
	for _, c := range cells {
		table.row(c.row()...)
	}
	table.note("Medians of %d rounds of %v, in turns. The load runs on the same cores.", postRounds, postTime)
}

func (c *cell) turn(b *testing.B, url string, pid int) sample {
	user, system := cpuTime(b, pid)
	s := sample{result: c.load.run(b, url)}
	userEnd, systemEnd := cpuTime(b, pid)
	s.cpu = (userEnd - user + systemEnd - system) / time.Duration(s.requests)
	return s
}

func (c *cell) row() []string {
	name := "keep-alive"
	if !c.load.keepAlive {
		name = "new"
	}
	row := []string{fmt.Sprintf("%s, %d", name, c.load.connections)}
	row = append(row, summary(c.bare)...)
	row = append(row, summary(c.bridge)...)
	var ratios []float64
	var slower []time.Duration
	for n := range c.bare {
		ratios = append(ratios, c.bridge[n].rate()/c.bare[n].rate())
		slower = append(slower, c.bridge[n].p99-c.bare[n].p99)
	}
	ratio, late := median(ratios), median(slower)
	row = append(row, fmt.Sprintf("%.0f %%", 100*ratio))
	if c.load.keepAlive || c.load.connections != postGoalConnections {
		return append(row, "", "")
	}
	return append(row, fmt.Sprintf("≥ %.0f %%, p99 ≤ bare + %v", 100*postGoalRatio, postGoalP99),
		verdict(ratio >= postGoalRatio && late <= postGoalP99))
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
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000000")
	for path, body := range map[string]string{
		"/contexts/": `{"cpu_count": 2, "cpu_frequency": 2300.0, "cpu_type": "x86_64", "cpu_vendor": "A CPU", ` +
			`"ram_total": 8000, "machine_node": "host", "machine_type": "x86_64", "machine_arch": "64bit", ` +
			`"system_info": "Linux - 6.1", "python_info": "3.13.1", "h": "` + benchContext + `"}`,
		"/sessions/": `{"session_h": "` + benchSession + `", "run_date": "` + now + `", "scm_ref": "", "description": {}}`,
	} {
		resp, err := http.Post(url+path, "application/json", strings.NewReader(body))
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.Equal(b, http.StatusCreated, resp.StatusCode, path)
	}
}
