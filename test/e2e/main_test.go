// Package e2e_test checks the promises of the built program, with real clients and a real InfluxDB.
package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestMain runs twice as many tests at once as there are processors, since they wait for other programs much of the time.
// -parallel sets another number.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(harness.Main(m))
}

// startBridge starts a bridge that delivers into buckets of its own. The bridge has to create them.
func startBridge(t *testing.T, influx *harness.Influx, cfg harness.BridgeConfig) (bridge *harness.Bridge, bucket, meta string) {
	t.Helper()
	bucket, meta = harness.Unique("pytest"), harness.Unique("meta")
	cfg.Influx, cfg.Bucket, cfg.MetaBucket = influx, bucket, meta
	bridge = harness.StartBridge(t, cfg)
	bridge.WaitReady()
	return bridge, bucket, meta
}

// waitReports waits until a bridge has delivered so many reports with all of their points.
func waitReports(t *testing.T, bridge *harness.Bridge, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return int(bridge.Metrics()["pymon_bridge_delivered_reports_total"]) == n }, time.Minute, 100*time.Millisecond)
}
