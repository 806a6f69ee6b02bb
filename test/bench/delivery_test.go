package bench_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

const (
	deliveryRounds = 4
	deliveryGoal   = 0.80
)

// benchDelivery compares a bridge that delivers its backlog to a real InfluxDB with a loop that posts the same lines,
// which were made before. The bridge's time begins with the start of its process.
func benchDelivery(b *testing.B, r *report, folders *backlogs) {
	small, _ := folders.get(b)
	batches, lines := readyMade(b, small)
	server := harness.StartInflux(b)
	var bare, bridged, ratios []float64
	var most int64
	var cpu time.Duration
	for range deliveryRounds {
		took := postBatches(b, server, batches, lines)
		bare = append(bare, float64(lines)/took.Seconds())
		took, peak, busy := drain(b, server, small, lines)
		bridged = append(bridged, float64(lines)/took.Seconds())
		ratios = append(ratios, bridged[len(bridged)-1]/bare[len(bare)-1])
		most, cpu = max(most, peak), busy
	}
	table := r.add(fmt.Sprintf("Delivery of %d metrics to a real InfluxDB", lines), "by", "metrics/s", "ratio", "goal", "verdict")
	table.row(fmt.Sprintf("a loop that posts prepared gzip batches of %d", backlogBatch), fmt.Sprintf("%.0f", median(bare)), "", "", "")
	table.row("the bridge, from its journal", fmt.Sprintf("%.0f", median(bridged)), fmt.Sprintf("%.0f %%", 100*median(ratios)),
		fmt.Sprintf("≥ %.0f %%", 100*deliveryGoal), verdict(median(ratios) >= deliveryGoal))
	table.note("Medians of %d rounds, in turns, each into a new bucket. The bridge takes %d µs of CPU time per metric and at most %s.",
		deliveryRounds, (cpu / time.Duration(lines)).Microseconds(), mebibytes(most))
}

// readyMade returns the lines of all metrics in compressed batches, and the number of lines.
func readyMade(b *testing.B, dir string) (batches [][]byte, lines int) {
	b.Helper()
	metrics(b, dir, func(points []*monitor.Point) {
		var text []byte
		for _, p := range points {
			text = append(influx.AppendLine(text, p), '\n')
		}
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, err := zip.Write(text)
		require.NoError(b, err)
		require.NoError(b, zip.Close())
		batches = append(batches, packed.Bytes())
		lines += len(points)
	})
	return batches, lines
}

func postBatches(b *testing.B, server *harness.Influx, batches [][]byte, lines int) time.Duration {
	b.Helper()
	bucket := server.NewBucket("bare", 0)
	target := server.URL + "/api/v2/write?" + url.Values{"org": {server.Org}, "bucket": {bucket}, "precision": {"ns"}}.Encode()
	begin := time.Now()
	for _, batch := range batches {
		req, err := http.NewRequest(http.MethodPost, target, bytes.NewReader(batch))
		require.NoError(b, err)
		req.Header.Set("Authorization", "Token "+server.Token)
		req.Header.Set("Content-Encoding", "gzip")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(b, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.Equal(b, http.StatusNoContent, resp.StatusCode, string(answer))
	}
	took := time.Since(begin)
	requireStored(b, server, bucket, lines)
	return took
}

// drain starts a bridge on a backlog and waits until it has delivered everything.
func drain(b *testing.B, server *harness.Influx, data string, lines int) (took time.Duration, peak int64, cpu time.Duration) {
	b.Helper()
	bucket, meta := server.NewBucket("bridge", 0), server.NewBucket("meta", 0)
	begin := time.Now()
	// Without this flag the bridge would judge the runs of the backlog at the same time.
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: data, Influx: server, Bucket: bucket, MetaBucket: meta, Args: []string{"--no-judge"}})
	for {
		depth, ok := bridge.Metrics().Sum("pymon_bridge_journal_depth")
		require.True(b, ok)
		if depth == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	took = time.Since(begin)
	_, peak = resident(b, bridge.PID())
	user, system := cpuTime(b, bridge.PID())
	bridge.Stop()
	requireStored(b, server, bucket, lines)
	return took, peak, user + system
}

func requireStored(b *testing.B, server *harness.Influx, bucket string, lines int) {
	b.Helper()
	rows := server.Query(fmt.Sprintf(`from(bucket: %q) |> range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)
		|> filter(fn: (r) => r._field == "total_time") |> group() |> count()`, bucket))
	require.Len(b, rows, 1)
	require.Equal(b, int64(lines), rows[0]["_value"])
}
