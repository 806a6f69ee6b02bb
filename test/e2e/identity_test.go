package e2e_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// The test posts one record to two bridges, 100 times in each step: at the same time and one after the other, and before
// and after a crash during a delivery. The first bridge gets the record before its session and context. Each delivery of
// the record has the same bytes.
func TestOneRecordIsOnePoint(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	first, bucket, meta := startBridge(t, proxy.Influx(), harness.BridgeConfig{})
	second := harness.StartBridge(t, harness.BridgeConfig{Influx: proxy.Influx(), Bucket: bucket, MetaBucket: meta})

	process := newMachine()
	kolkata := process
	kolkata.started = process.started.Add(5*time.Hour + 30*time.Minute) // the time on its clock
	record := process.metric("test_cart[<object object at 0x7f12ab34cd56>]", kolkata.started)
	waitHeld := holdNextDelivery(t, proxy)

	posts := newPoster(first.URL)
	repost(t, posts, record, writers)
	posts.mustPost(t, "/sessions/", kolkata.sessionJSON())
	waitForLines(t, proxy, "sessions", 1)
	assert.Empty(t, proxy.Lines("test_metrics"), "the metric waits for its context")
	posts.mustPost(t, "/contexts/", process.contextJSON())
	waitHeld() // InfluxDB has stored the metric, and the bridge has no answer
	first.Kill()
	first.Start()
	repost(t, posts, record, 1)
	waitForLines(t, proxy, "test_metrics", 2)
	first.WaitDelivered()

	waitHeld = holdNextDelivery(t, proxy)
	posts = newPoster(second.URL)
	posts.mustPost(t, "/contexts/", process.contextJSON())
	posts.mustPost(t, "/sessions/", kolkata.sessionJSON())
	repost(t, posts, record, 1)
	waitHeld()
	second.Kill()
	second.Start()
	repost(t, posts, record, writers)
	second.WaitDelivered()

	deliveries := proxy.Lines("test_metrics")
	assert.Len(t, deliveries, 4)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(deliveries))), 1, "different bytes")
	assert.Equal(t, once([]harness.PymonMetric{record}), count(points(t, influx, bucket)))
	assert.Equal(t, process.started.Truncate(time.Microsecond),
		points(t, influx, bucket)[0].row["_time"].(time.Time).Truncate(time.Microsecond))
}

// repost posts a record 100 times: one after the other for one client, and otherwise from several clients.
func repost(t *testing.T, posts *poster, record harness.PymonMetric, clients int) {
	t.Helper()
	if clients > 1 {
		posts.mustPostAll(t, slices.Repeat([]harness.PymonMetric{record}, 100))
		return
	}
	for range 100 {
		posts.mustPost(t, "/metrics/", metricJSON(record))
	}
}

// holdNextDelivery lets InfluxDB store the next delivery of metrics, but holds back the answer until the bridge has closed
// the connection. The returned function waits until an answer is held back.
func holdNextDelivery(t *testing.T, proxy *harness.Proxy) (wait func()) {
	t.Helper()
	held := make(chan struct{})
	var first sync.Once
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		answer := w.Forward()
		if w.Has("test_metrics") {
			first.Do(func() {
				close(held)
				<-w.Gone()
			})
		}
		return answer
	})
	return func() {
		t.Helper()
		select {
		case <-held:
		case <-time.After(time.Minute):
			require.Fail(t, "no metrics were delivered within a minute")
		}
	}
}

// waitForLines waits until n lines of a measurement were written.
func waitForLines(t *testing.T, proxy *harness.Proxy, measurement string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(proxy.Lines(measurement)) >= n }, time.Minute, 5*time.Millisecond,
		"%d lines of %s", n, measurement)
}

// A metric is delivered after it has waited for its context and session without success. Then both arrive, and the bridge
// crashes during the delivery. The second delivery must have the same bytes as the first.
func TestContextThatComesTooLateChangesNoPoint(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	bridge, bucket, _ := startBridge(t, proxy.Influx(), harness.BridgeConfig{})
	posts, process := newPoster(bridge.URL), newMachine()
	record := process.metric("test_cart[1]", process.started)
	waitHeld := holdNextDelivery(t, proxy)
	posts.mustPost(t, "/metrics/", metricJSON(record))
	require.Eventually(t, func() bool {
		return bridge.Metrics()["pymon_bridge_journal_parked_records"] == 1
	}, time.Minute, 5*time.Millisecond)
	bridge.Kill()
	harness.EndWait(t, bridge.Data)
	bridge.Start()
	waitHeld()
	process.enrol(t, posts)
	bridge.Kill()
	bridge.Start()
	bridge.WaitDelivered()

	deliveries := proxy.Lines("test_metrics")
	assert.Len(t, deliveries, 2)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(deliveries))), 1, "different bytes")
	stored := points(t, influx, bucket)
	assert.Equal(t, once([]harness.PymonMetric{record}), count(stored))
	assert.Equal(t, "unknown", stored[0].tag("env"))
	assert.Equal(t, process.session, stored[0].text("run"))
	assert.Empty(t, stored[0].text("branch"))
}

// The test posts 100 different records of one test with the same microsecond. A microsecond has 1000 nanoseconds, so two
// of the records almost certainly have the same hash digits.
func TestRecordsOfOneMicrosecondAreDifferentPoints(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	records := make([]harness.PymonMetric, 100)
	for n := range records {
		records[n] = process.metric("test_cart[1]", process.started)
	}
	posts.mustPostAll(t, records)
	bridge.Kill()
	bridge.Start()
	slices.Reverse(records)
	posts.mustPostAll(t, records)
	bridge.WaitDelivered()

	stored := points(t, influx, bucket)
	assert.Equal(t, once(records), count(stored))
	for _, p := range stored {
		assert.Equal(t, process.started.Truncate(time.Microsecond), p.row["_time"].(time.Time).Truncate(time.Microsecond))
	}
	assert.EqualValues(t, len(records), bridge.Metrics()[`pymon_bridge_repeats_total{class="metric"}`])
}

// The bridge starts with the data of an earlier bridge, which delivered to no bucket, and then to another bucket.
func TestAnotherBucketGetsEverything(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	nowhere := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	process := newMachine()
	records := process.metrics("test_cart[1]", process.started, 100)
	process.enrol(t, newPoster(nowhere.URL))
	newPoster(nowhere.URL).mustPostAll(t, records)
	data := nowhere.Data
	require.Equal(t, 0, nowhere.Stop().ExitCode())
	for range 2 {
		bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Data: data})
		bridge.WaitDelivered()
		assert.Equal(t, once(records), count(points(t, influx, bucket)))
		assert.Len(t, influx.Points(meta, "contexts"), 1)
		assert.Len(t, influx.Points(meta, "sessions"), 1)
		require.Equal(t, 0, bridge.Stop().ExitCode())
	}
}
