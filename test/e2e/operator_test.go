package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// In these tests only the operator can help. Until then the bridge accepts and keeps all records, buries nothing, and says
// in its readiness what is wrong.

// A changed schema, or a proxy that is not an InfluxDB, can cause this.
func TestNothingIsBuriedWhileInfluxDBRefusesEverything(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		says  string
		serve func(w *harness.Write) harness.Answer
	}{
		{"422 for every point", "refuses everything",
			func(w *harness.Write) harness.Answer {
				if len(w.Lines) == 0 {
					return w.Forward()
				}
				return refusal(http.StatusUnprocessableEntity, "unprocessable entity")
			}},
		{"400 for every request", "refuses everything",
			func(*harness.Write) harness.Answer { return refusal(http.StatusBadRequest, "invalid") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			influx := harness.SharedInflux(t)
			proxy := harness.StartProxy(t, influx)
			proxy.OnWrite(tt.serve)
			bucket, meta := harness.Unique("pytest"), harness.Unique("meta")
			bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: proxy.Influx(), Bucket: bucket, MetaBucket: meta})
			process := newMachine()
			metrics := process.metrics("test_cart[1]", time.Now(), 40)
			process.enrol(t, newPoster(bridge.URL))
			newPoster(bridge.URL).mustPostAll(t, metrics)

			lines := bridge.WaitSays(tt.says)
			assert.Contains(t, lines, "this schema has changed", "InfluxDB's words")
			assertKept(t, bridge, 42)
			proxy.OnWrite(nil)
			bridge.Restart() // otherwise delivery would wait for half a minute
			bridge.WaitDelivered()
			assert.Equal(t, once(metrics), count(points(t, influx, bucket)))
			assert.Empty(t, harness.DeadLetters(t, bridge.Data))
		})
	}
}

func refusal(status int, code string) harness.Answer {
	return harness.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"code": "` + code + `", "message": "this schema has changed"}`}
}

// assertKept asserts that the bridge accepts records, keeps n undelivered records, and has buried none.
func assertKept(t *testing.T, bridge *harness.Bridge, n float64) {
	t.Helper()
	status, lines := bridge.Ready()
	assert.Equal(t, http.StatusOK, status, lines)
	assert.Contains(t, lines, "[-]delivery: ")
	metrics := bridge.Metrics()
	depth, _ := metrics.Sum("pymon_bridge_journal_depth")
	assert.Equal(t, n, depth, "records kept")
	buried, _ := metrics.Sum("pymon_bridge_dead_letters_total")
	assert.Zero(t, buried)
	assert.Empty(t, harness.DeadLetters(t, bridge.Data))
}

// The bridge gets a new token after its token was revoked.
func TestDeliveryContinuesWithANewToken(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	token := influx.NewToken(harness.OwnerOf(influx.OrgID)...)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Token: token})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	before, after := process.metrics("test_cart[before]", time.Now(), 10), process.metrics("test_cart[after]", time.Now(), 20)
	posts.mustPostAll(t, before)
	bridge.WaitDelivered()

	influx.RevokeToken(token)
	posts.mustPostAll(t, after)
	lines := bridge.WaitSays("denies access")
	assert.Contains(t, lines, "401 unauthorized access")
	assert.NotContains(t, lines+bridge.Log(), token)
	assertKept(t, bridge, 20)

	require.Equal(t, 0, bridge.Stop().ExitCode())
	again := harness.StartBridge(t, harness.BridgeConfig{Data: bridge.Data, Influx: influx, Bucket: bucket, MetaBucket: meta})
	again.WaitDelivered()
	assert.Equal(t, once(append(before, after...)), count(points(t, influx, bucket)))
	assert.Empty(t, harness.DeadLetters(t, again.Data))
}

// The token of the bridge does not allow it to create the bucket. The operator creates the bucket again.
func TestDeliveryContinuesWhenADeletedBucketIsBack(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket, meta := influx.NewBucket("pytest", 0), influx.NewBucket("meta", 0)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta,
		Token: influx.NewToken(influx.OnAll("write", "buckets"))})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	before, after := process.metrics("test_cart[before]", time.Now(), 10), process.metrics("test_cart[after]", time.Now(), 20)
	posts.mustPostAll(t, before)
	bridge.WaitDelivered()

	influx.DeleteBucket(bucket)
	posts.mustPostAll(t, after)
	assert.Contains(t, bridge.WaitSays("denies access"), `bucket "`+bucket+`" not found`)
	assertKept(t, bridge, 20)

	influx.AddBucket(bucket, 0)
	bridge.WaitDelivered()
	assert.Equal(t, once(after), count(points(t, influx, bucket)))
	assert.Empty(t, harness.DeadLetters(t, bridge.Data))
}

// The bridge creates a bucket that was deleted. It says that what it had delivered is gone from there.
func TestPointsOfADeletedBucketAreMissed(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket, meta := influx.NewBucket("pytest", 0), influx.NewBucket("meta", 0)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	posts.mustPostAll(t, process.metrics("test_cart[before]", time.Now(), 10))
	bridge.WaitDelivered()

	influx.DeleteBucket(bucket)
	posts.mustPostAll(t, process.metrics("test_cart[after]", time.Now(), 10))
	assert.Contains(t, bridge.WaitSays("was missing and was created again"), "the records delivered before are not all there")
	bridge.WaitDelivered()
	assert.Contains(t, bridge.Log(), "the destination has lost delivered records")
}

// An operator removes all projects, and then the buckets. Nothing is lost then, so the bridge says nothing, also when a new pytest has
// sent its machine and session before it notices that a bucket is missing.
func TestBucketsWithoutAnyProjectAreNotMissed(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket, meta := influx.NewBucket("pytest", 0), influx.NewBucket("meta", 0)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	posts.mustPostAll(t, process.metrics("test_cart[before]", time.Now(), 10))
	bridge.WaitDelivered()
	result := harness.RunProgram(t, nil, "delete", "--project", "default", "--yes", "--data", bridge.Data)
	require.Equal(t, 0, result.ExitCode, result.Stderr)
	influx.DeleteBucket(meta)
	influx.DeleteBucket(bucket)

	another := newMachine()
	another.enrol(t, posts)
	bridge.WaitDelivered()
	require.True(t, influx.HasBucket(meta))
	rows := another.metrics("test_cart[after]", time.Now(), 10)
	posts.mustPostAll(t, rows)
	bridge.WaitDelivered()
	assert.Equal(t, once(rows), count(points(t, influx, bucket)))
	status, lines := bridge.Ready()
	assert.Equal(t, 200, status)
	assert.Contains(t, lines, "[+]delivery")
	assert.NotContains(t, lines, "was missing")
	assert.NotContains(t, bridge.Log(), "the destination has lost delivered records")
	assert.Zero(t, bridge.Metrics()["pymon_bridge_journal_losses"])
}
