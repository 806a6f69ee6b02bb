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
	busyBacklog      = 5_000_000 // records to deliver; a twentieth of them without BENCH_FULL
	busyDeliveryGoal = 0.90
	busyDelivered    = 2000 // records that wait when the backlog counts as delivered: those of a few seconds
)

// benchBusyDelivery measures how fast a bridge delivers a large backlog while clients post about 500 records a second, beside
// the loop that posts prepared batches. While the loop runs, the same clients post to a bridge that delivers nothing. So both
// sides have the same work beside them.
func benchBusyDelivery(b *testing.B, r *report) {
	records := busyBacklog / 20
	if os.Getenv("BENCH_FULL") != "" {
		records = busyBacklog
	}
	dir := benchDir(b)
	b.Cleanup(func() { _ = os.RemoveAll(dir) }) // a file that stays in the temporary folder does no harm
	data := filepath.Join(dir, "data")
	fill(b, data, 0, records)
	batches, lines := readyMade(b, data)
	server := harness.StartInflux(b)
	posts := load{connections: postGoalConnections, pause: testTime, duration: time.Second, numbers: new(atomic.Int64)}

	bridge := harness.StartBridge(b, harness.BridgeConfig{Args: []string{"--no-judge"}})
	prepare(b, bridge.URL)
	bucket, ended := server.NewBucket("bare", 0), make(chan error, 1)
	begin, influxd := time.Now(), cpuTime(b, server.PID())
	go func() { ended <- postAll(server, bucket, batches) }()
	var alone []time.Duration
	for len(ended) == 0 {
		alone = append(alone, posts.run(b, bridge.URL).p99)
	}
	bare := passage{took: time.Since(begin), influxd: cpuTime(b, server.PID()) - influxd}
	require.NoError(b, <-ended)
	requireStored(b, server, bucket, lines)
	bridge.Stop()

	begin, influxd = time.Now(), cpuTime(b, server.PID())
	bridge = harness.StartBridge(b, harness.BridgeConfig{Data: data, Influx: server, Bucket: server.NewBucket("bridge", 0),
		MetaBucket: server.NewBucket("meta", 0), Args: []string{"--no-judge"}})
	prepare(b, bridge.URL)
	var beside []time.Duration
	first := posts.numbers.Load()
	waiting := func() float64 {
		beside = append(beside, posts.run(b, bridge.URL).p99)
		depth, ok := bridge.Metrics().Sum("pymon_bridge_journal_depth")
		require.True(b, ok)
		return depth
	}
	left := waiting()
	for left > busyDelivered {
		left = waiting()
	}
	bridged := passage{took: time.Since(begin), own: cpuTime(b, bridge.PID()), influxd: cpuTime(b, server.PID()) - influxd}
	bridged.peak = harness.MemoryOf(bridge.PID())["VmHWM"]
	delivered := lines + int(posts.numbers.Load()-first) - int(left)
	most := 0.0
	for range 10 {
		most = max(most, waiting())
	}
	posted := posts.run(b, bridge.URL)
	bridge.Stop()

	rate := func(lines int, took time.Duration) float64 { return float64(lines) / took.Seconds() }
	ratio := rate(delivered, bridged.took) / rate(lines, bare.took)
	table := r.add(fmt.Sprintf("Delivery of a backlog of %d records while clients post %.0f a second", records, posted.rate()),
		"what", "a loop that posts prepared gzip batches", "the bridge", "ratio", "goal", "verdict")
	table.row("metrics/s", fmt.Sprintf("%.0f", rate(lines, bare.took)), fmt.Sprintf("%.0f", rate(delivered, bridged.took)),
		fmt.Sprintf("%.0f %%", 100*ratio), fmt.Sprintf("≥ %.0f %%", 100*busyDeliveryGoal), verdict(ratio >= busyDeliveryGoal))
	table.row("p99 of posts, median of seconds", millis(median(alone)), millis(median(beside)), "", "", "")
	table.row("CPU time of influxd, µs a metric", passages{bare}.busy(lines)[1], passages{bridged}.busy(delivered)[1], "", "", "")
	table.row("CPU time of the bridge with the posts, µs a metric", "", passages{bridged}.busy(delivered)[0], "", "", "")
	table.row("most memory of the bridge", "", mebibytes(bridged.peak), "", "", "")
	table.row("lag of new records after the backlog", "", fmt.Sprintf("≤ %.1f s", most/posted.rate()), "", "", "")
	table.note("New records wait for the backlog before them, which took %s. While the loop runs, the same clients post to a bridge that delivers nothing.",
		seconds(bridged.took))
}
