package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// InfluxDB Clustered and 3 take the writes of version 2, and have nothing else of its API. The documentation says so; here a server
// stands for them that passes only writes on.
func TestAnInfluxDBThatTakesOnlyWritesIsEnough(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	target, err := url.Parse(influx.URL)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/write" {
			http.NotFound(w, r)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	defer server.Close()
	writes := *influx
	writes.URL = server.URL
	bucket, meta := influx.NewBucket("pytest", 0), influx.NewBucket("meta", 0)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: &writes, Bucket: bucket, MetaBucket: meta, Args: []string{"--quiet-after", "1h"}})
	bridge.WaitReady()

	process, posts := newMachine(), newPoster(bridge.URL)
	process.enrol(t, posts)
	metrics := process.metrics("test_cart", process.started, 20)
	posts.mustPostAll(t, metrics)
	bridge.WaitDelivered()
	assertArrived(t, metrics, points(t, influx, bucket))
	run := newPluginRun("failed", "passed")
	posts.mustPost(t, "/contexts/", run.contextJSON())
	posts.mustPost(t, "/sessions/", run.body(""))
	run.post(t, posts)
	posts.mustPost(t, "/sessions/", run.end(1, "null"))
	bridge.WaitDelivered()
	waitReports(t, bridge, 1)
	assert.Len(t, influx.Points(bucket, "test_metrics"), len(metrics)+1)
	assert.Len(t, influx.Points(bucket, "test_outcomes"), 2)
	for _, measurement := range []string{"runs", "machines"} {
		rows := influx.Points(bucket, measurement)
		require.Len(t, rows, 1, measurement)
		assert.Equal(t, run.session, rows[0]["run"])
	}
	assert.Len(t, influx.Points(meta, "sessions"), 2)
	assert.Len(t, influx.Points(meta, "contexts"), 2)
	status, lines := bridge.Ready()
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, lines, "[+]delivery ok")
}
