// Package e2e_test checks the promises of the built program, with real clients and a real InfluxDB.
package e2e_test

import (
	"os"
	"testing"

	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// startBridge starts a bridge that delivers into buckets of its own. The bridge has to create them.
func startBridge(t *testing.T, influx *harness.Influx, cfg harness.BridgeConfig) (bridge *harness.Bridge, bucket, meta string) {
	t.Helper()
	bucket, meta = harness.Unique("pytest"), harness.Unique("meta")
	cfg.Influx, cfg.Bucket, cfg.MetaBucket = influx, bucket, meta
	bridge = harness.StartBridge(t, cfg)
	bridge.WaitReady()
	return bridge, bucket, meta
}
