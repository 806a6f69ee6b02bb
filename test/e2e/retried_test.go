package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// A pipeline runs a job again. The id of the pipeline is the id of the run, so both attempts are one run.
func TestRetriedJobStaysRed(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	remote := bridge.URL + "/p/shop"
	for i := range 8 {
		commitShop(t, remote, "main", 0.1, i)
	}
	for attempt := 1; attempt <= 2; attempt++ {
		commitShop(t, remote, "feature", 1.2, 100, "--tag", "run=pipeline")
		r, report := check(t, bridge, "--run", "pipeline", "--branch", "main", "--all")
		assert.Equal(t, 1, r.ExitCode, "attempt %d: %s", attempt, r.Stdout)
		assert.Equal(t, monitor.StatusRegression, cpuOf(report, "test_pay").Status, "attempt %d", attempt)
		assert.Equal(t, 5, report.Summary.Tests)
		assert.Len(t, report.Sessions, attempt)
	}
}
