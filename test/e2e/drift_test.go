package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// The tests of this suite work as long as they say: their times are what they count, and do not depend on the machine. One of
// them works 1.2 % longer in each run.
const growingWork = `
class Work:
    seconds = 0.0

def pytest_runtestloop(session):
    for plugin in session.config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "Meter":
            plugin.cpu = lambda: (Work.seconds, 0.0)
            plugin.since = since

def since(moment):
    worked = Work.seconds - moment[1]
    return dict(start=moment[0], total_time=worked, user_time=worked, kernel_time=0.0, cpu_usage=1.0)
`

const growingSuite = `
import os
import pytest
from conftest import Work

@pytest.mark.parametrize("i", range(24))
def test_same(i):
    Work.seconds += 0.1 + i / 100

def test_pay():
    Work.seconds += 0.4 * 1.012 ** int(os.environ["RUN"])
`

// TestSlowGrowthReachesTheGateThePageAndInfluxDB makes real runs of pytest. No run is conspicuous beside the runs before it.
func TestSlowGrowthReachesTheGateThePageAndInfluxDB(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	suite, folder := t.TempDir(), filepath.Join(harness.Root(t), "plugin")
	require.NoError(t, os.WriteFile(filepath.Join(suite, "conftest.py"), []byte(growingWork), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(suite, "test_grow.py"), []byte(growingSuite), 0o600))
	var first string
	var found monitor.Result
	var r harness.Result
	var report *monitor.Report
	const runs = 32 // some more than it takes
	for n := 0; n < runs && found.Status != monitor.StatusDrift; n++ {
		require.NoError(t, os.WriteFile(filepath.Join(suite, "VERSION"), []byte(strconv.Itoa(n)), 0o600))
		run := harness.Pytest{Python: harness.Plugin92, Suite: suite, Git: true, Env: []string{"PYTHONPATH=" + folder, "RUN=" + strconv.Itoa(n)},
			Args: []string{"-p", "pymon_bridge", "--remote-server", bridge.URL + "/p/shop", "--tag", "branch=main"}}.Run(t)
		require.Equal(t, 0, run.ExitCode, run.Output())
		if n == 0 {
			first = run.ScmRef
		}
		if n < 20 {
			continue
		}
		require.Eventually(t, func() bool { // the report is kept, and so are the medians
			judged, _ := bridge.Metrics().Sum("pymon_bridge_judged_runs_total")
			return judged >= float64(n+1)
		}, time.Minute, 50*time.Millisecond)
		r, report = check(t, bridge)
		require.Equal(t, 0, r.ExitCode, "run %d is as usual, and growth fails only where it is asked for: %s", n, r.Stdout)
		found = cpuOf(report, "test_pay")
		require.Contains(t, []monitor.Status{"", monitor.StatusDrift}, found.Status, "no run stands out: run %d", n)
	}
	require.Equal(t, monitor.StatusDrift, found.Status, r.Stdout)
	require.NotNil(t, found.Drift)
	assert.InDelta(t, 0.012, float64(found.Drift.Rate), 0.004)
	assert.GreaterOrEqual(t, float64(found.Drift.Ratio), 1.2)
	assert.NotEmpty(t, found.Drift.Since.ScmRef)
	assert.NotEqual(t, first, report.ScmRef)
	for _, result := range report.Results {
		assert.Equal(t, result.Item == "test_pay", result.Status == monitor.StatusDrift, "the other tests are as they were: %+v", result)
	}

	r, _ = check(t, bridge, "--fail-on", "drift")
	assert.Equal(t, 1, r.ExitCode)
	text := harness.RunProgram(t, nil, "check", "--url", bridge.URL+"/p/shop")
	assert.Regexp(t, "No regression; .* slowly", text.Stdout)
	assert.Contains(t, text.Stdout, "about 1.2 % a run since "+found.Drift.Since.ScmRef[:10])

	page := request{method: http.MethodGet, path: "/p/shop/runs/" + report.Run, header: []string{"Accept", "text/html"}}.send(t, bridge.URL)
	assert.Contains(t, page.body, "1 test grows slowly")
	var list monitor.DriftList
	answer := request{method: http.MethodGet, path: "/p/shop/api/v1/drift"}.send(t, bridge.URL)
	require.NoError(t, json.Unmarshal([]byte(answer.body), &list), answer.body)
	listed := cpuOf(&monitor.Report{Results: list.Results}, "test_pay")
	assert.Equal(t, found.Drift, listed.Drift)
	assert.Equal(t, report.Run, list.Runs[0].Run)

	require.Eventually(t, func() bool {
		for _, p := range influx.Points(bucket, "regressions") {
			if p["item"] == "test_pay" && p["status"] == "drift" && p["run"] == report.Run && p["since"] == found.Drift.Since.ScmRef {
				return true
			}
		}
		return false
	}, time.Minute, 200*time.Millisecond)
}
