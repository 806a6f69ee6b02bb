package bench_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

const (
	deliveryRounds = 4
	deliveryGoal   = 0.90
)

// passage is how one side brought all lines to InfluxDB.
type passage struct {
	took         time.Duration
	own, influxd time.Duration // CPU time
	peak         int64         // of resident memory
}

// benchDelivery compares a bridge that delivers its backlog to a real InfluxDB with a loop that posts the same lines,
// which were made before. The bridge's time begins with the start of its process.
func benchDelivery(b *testing.B, r *report, folders *backlogs) {
	small := folders.first(b)
	batches, lines := readyMade(b, small)
	server := harness.StartInflux(b)
	var bare, bridged passages
	for range deliveryRounds {
		bare = append(bare, postBatches(b, server, batches, lines))
		bridged = append(bridged, drain(b, server, small, lines))
	}
	ratios := make([]float64, deliveryRounds)
	for i := range ratios {
		ratios[i] = bare[i].took.Seconds() / bridged[i].took.Seconds()
	}
	table := r.add(fmt.Sprintf("Delivery of %d metrics to a real InfluxDB", lines), "by", "metrics/s", "ratio", "goal", "verdict",
		"its CPU time, µs a metric", "influxd's")
	table.row(append([]string{fmt.Sprintf("a loop that posts prepared gzip batches of %d", backlogBatch), bare.rate(lines), "", "", ""},
		bare.busy(lines)...)...)
	table.row(append([]string{"the bridge, from its journal", bridged.rate(lines), fmt.Sprintf("%.0f %%", 100*median(ratios)),
		fmt.Sprintf("≥ %.0f %%", 100*deliveryGoal), verdict(median(ratios) >= deliveryGoal)}, bridged.busy(lines)...)...)
	table.note("Medians of %d rounds, in turns, each into a new bucket. The bridge takes at most %s.", deliveryRounds, mebibytes(bridged.peak()))
}

type passages []passage

func (all passages) rate(lines int) string {
	return fmt.Sprintf("%.0f", median(each(all, func(p passage) float64 { return float64(lines) / p.took.Seconds() })))
}

// busy returns the CPU time of a metric: of the side itself, and of influxd.
func (all passages) busy(lines int) []string {
	of := func(cpu func(p passage) time.Duration) string {
		micros := median(each(all, func(p passage) float64 { return float64(cpu(p).Nanoseconds()) / 1000 / float64(lines) }))
		return fmt.Sprintf("%.1f", micros)
	}
	return []string{of(func(p passage) time.Duration { return p.own }), of(func(p passage) time.Duration { return p.influxd })}
}

func (all passages) peak() int64 {
	return slices.Max(each(all, func(p passage) int64 { return p.peak }))
}

func each[T any](all passages, of func(p passage) T) (list []T) {
	for _, p := range all {
		list = append(list, of(p))
	}
	return list
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

func postBatches(b *testing.B, server *harness.Influx, batches [][]byte, lines int) passage {
	b.Helper()
	bucket := server.NewBucket("bare", 0)
	own, influxd, begin := cpuTime(b, os.Getpid()), cpuTime(b, server.PID()), time.Now()
	require.NoError(b, postAll(server, bucket, batches))
	p := passage{took: time.Since(begin), own: cpuTime(b, os.Getpid()) - own, influxd: cpuTime(b, server.PID()) - influxd}
	requireStored(b, server, bucket, lines)
	return p
}

// postAll posts compressed batches, one after the other.
func postAll(server *harness.Influx, bucket string, batches [][]byte) error {
	target := server.URL + "/api/v2/write?" + url.Values{"org": {server.Org}, "bucket": {bucket}, "precision": {"ns"}}.Encode()
	for _, batch := range batches {
		req, err := http.NewRequest(http.MethodPost, target, bytes.NewReader(batch))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Token "+server.Token)
		req.Header.Set("Content-Encoding", "gzip")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusNoContent {
			return fmt.Errorf("%s: %s", resp.Status, answer)
		}
	}
	return nil
}

// drain starts a bridge on a backlog and waits until it has delivered everything.
func drain(b *testing.B, server *harness.Influx, data string, lines int) passage {
	b.Helper()
	bucket, meta := server.NewBucket("bridge", 0), server.NewBucket("meta", 0)
	influxd, begin := cpuTime(b, server.PID()), time.Now()
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
	p := passage{took: time.Since(begin), own: cpuTime(b, bridge.PID()), influxd: cpuTime(b, server.PID()) - influxd}
	p.peak = harness.MemoryOf(bridge.PID())["VmHWM"]
	bridge.Stop()
	requireStored(b, server, bucket, lines)
	return p
}

func requireStored(b *testing.B, server *harness.Influx, bucket string, lines int) {
	b.Helper()
	rows := server.Query(fmt.Sprintf(`from(bucket: %q) |> range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)
		|> filter(fn: (r) => r._field == "total_time") |> group() |> count()`, bucket))
	require.Len(b, rows, 1)
	require.Equal(b, int64(lines), rows[0]["_value"])
}
