package bench_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pymon-bridge/test/harness"
)

const (
	keepRounds = 5
	testTime   = 20 * time.Millisecond // time of an empty test with the plugin
)

// benchKeep measures how long one test waits for its answer. Requests come as from one pytest process: one by one, with a
// test in between. So threads sleep and caches are cold when a request comes. A server that only appends to a file and
// syncs it shows the part of the disk.
func benchKeep(b *testing.B, r *report) {
	bare, _ := startBare(b)
	kept, _ := startBare(b, keepIn+"="+filepath.Join(b.TempDir(), "kept"))
	bridge := harness.StartBridge(b, harness.BridgeConfig{})
	prepare(b, bridge.URL)
	sides := []*struct {
		name, url string
		p50, p99  []time.Duration
	}{{name: "a bare Gin handler", url: bare}, {name: "a Gin handler that appends the body to a file and syncs it", url: kept}, {name: "the bridge", url: bridge.URL}}
	var numbers atomic.Int64
	l := load{connections: 1, duration: 2 * time.Second, pause: testTime, numbers: &numbers}
	for range keepRounds {
		for _, side := range sides {
			res := l.run(b, side.url)
			side.p50, side.p99 = append(side.p50, res.p50), append(side.p99, res.p99)
		}
	}
	table := r.add("One POST every "+testTime.String()+", like one pytest process", "to", "p50", "p99")
	for _, side := range sides {
		table.row(side.name, millis(median(side.p50)), millis(median(side.p99)))
	}
}
