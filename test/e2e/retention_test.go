package e2e_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// counted asks a bridge for a count.
func counted(t *testing.T, bridge *harness.Bridge, path string) int {
	t.Helper()
	resp, err := http.Get(bridge.URL + "/api/v1/" + path + "/count")
	require.NoError(t, err)
	var answer struct{ Count int }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.NoError(t, resp.Body.Close())
	return answer.Count
}

// Old runs go from the file once InfluxDB has them, except the newest 60. A bridge that is killed meanwhile goes on. Lists never show a part of
// a run, and InfluxDB keeps every point.
func TestOldRunsGoAndInfluxDBKeepsThem(t *testing.T) {
	t.Parallel()
	const runs, tests, kept = 130, 20, 60
	file := harness.LargePymonFrom(t, time.Now().UTC().Add(-60*24*time.Hour), runs, tests)
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC", "--quiet-after", "1s", "--keep", "1d"}})
	status, _ := importFiles(t, "--to", bridge.URL, "--timezone", "UTC", file)
	require.Zero(t, status)
	bridge.WaitDelivered()
	all := once(harness.ReadPymon(t, file).Metrics)
	require.Len(t, all, runs*tests)
	require.Equal(t, all, count(points(t, influx, bucket)))

	bridge.Restart() // the first round of a bridge follows its start
	for left := runs; left > kept; {
		require.Zero(t, counted(t, bridge, "metrics")%tests)
		if left = counted(t, bridge, "runs"); left > kept && left < runs {
			bridge.Kill()
			assert.Equal(t, 0, harness.RunProgram(t, nil, "verify", "--data", bridge.Data).ExitCode)
			bridge.Start()
			break
		}
	}
	require.Eventually(t, func() bool { return counted(t, bridge, "runs") == kept }, time.Minute, 50*time.Millisecond)
	assert.Equal(t, kept*tests, counted(t, bridge, "metrics"))
	assert.Equal(t, kept, counted(t, bridge, "items/test_0/metrics"))
	said := harness.RunProgram(t, nil, "status", "--data", bridge.Data)
	assert.Contains(t, said.Stdout, "runs older than 1 day go; 70 runs went so far, with 1470 records")
	assert.Equal(t, all, count(points(t, influx, bucket)), "InfluxDB keeps every point")
	require.Eventually(t, func() bool { return len(harness.Stored(t, bridge.Data).Metrics) == kept*tests }, time.Minute, 50*time.Millisecond)
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	assert.Equal(t, 0, harness.RunProgram(t, nil, "verify", "--data", bridge.Data).ExitCode)
}
