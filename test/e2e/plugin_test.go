package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestARunOfThePluginIsWhole runs real pytest with the project's own plugin. InfluxDB has one outcome of each test that
// pytest reports, the measurements of those that passed, and the end of the session.
func TestARunOfThePluginIsWhole(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{})
	said := filepath.Join(t.TempDir(), "said.json") // by pytest itself
	folder := filepath.Join(harness.Root(t), "plugin")
	run := harness.Pytest{Python: harness.Plugin92, Suite: filepath.Join(folder, "testdata", "sample"), Git: true,
		Args: []string{"-p", "pymon_bridge", "--remote-server", bridge.URL, "-n", "2", "--dist", "loadfile"},
		Env:  []string{"PYTHONPATH=" + folder, "WITNESS=" + said, "TZ=Asia/Kolkata"}}.Run(t)
	require.Equal(t, 1, run.ExitCode, run.Output()) // the suite has tests that fail
	bridge.WaitDelivered()

	var witness struct{ Stats map[string][]string }
	text, err := os.ReadFile(said)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &witness))
	want := map[string]string{}
	for _, outcome := range []string{"passed", "skipped", "xfailed", "xpassed", "error", "failed", "subtest failed", "subtest subtests failed"} { // the later ones win
		for _, id := range witness.Stats[outcome] {
			want[id] = outcome[strings.LastIndexByte(outcome, ' ')+1:]
		}
	}
	got, passed := map[string]string{}, 0
	for _, p := range influx.Points(bucket, "test_outcomes") {
		id, outcome := point{t, p}.text("nodeid"), p["outcome"].(string)
		assert.NotContains(t, got, id, "a second outcome")
		if got[id] = outcome; (outcome == "passed" || outcome == "xpassed") && p["total_time"] != nil {
			passed++
		}
	}
	assert.Equal(t, want, got)
	var metrics []point
	for _, p := range influx.Points(bucket, "test_metrics") {
		metrics = append(metrics, point{t, p})
	}
	assert.Len(t, metrics, passed)
	assertPlaced(t, metrics, "Asia/Kolkata")
	for _, p := range metrics {
		assert.Regexp(t, ` py3\.\d+ m2$`, p.tag("env"))
		assert.Equal(t, run.ScmRef, p.text("scm_ref"))
	}
	sessions := influx.Points(meta, "sessions")
	require.Len(t, sessions, 1)
	assert.Equal(t, "complete", sessions[0]["completion"])
	assert.EqualValues(t, len(want), sessions[0]["collected"])
}

// TestWithoutMemoryTheRestArrives has a system that does not tell the peak of memory, such as macOS. InfluxDB has the
// measurements of each test and module without memory, and no point of memory that nobody measured.
func TestWithoutMemoryTheRestArrives(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	suite, folder := t.TempDir(), filepath.Join(harness.Root(t), "plugin")
	for name, text := range map[string]string{
		"conftest.py": "import pymon_bridge\n\ndef refuse(*args):\n    raise PermissionError(args)\n\npymon_bridge.Memory.restart = refuse\n",
		"test_it.py":  "def test_passes():\n    pass\n\ndef test_fails():\n    assert 0\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(suite, name), []byte(text), 0o600))
	}
	run := harness.Pytest{Python: harness.Plugin92, Suite: suite, Args: []string{"-p", "pymon_bridge", "--remote-server", bridge.URL,
		"--restrict-scope-to=function,module"}, Env: []string{"PYTHONPATH=" + folder}}.Run(t)
	require.Equal(t, 1, run.ExitCode, run.Output())
	assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
	bridge.WaitDelivered()
	metrics := influx.Points(bucket, "test_metrics")
	assert.Len(t, metrics, 2, "a test and a module")
	for _, p := range metrics {
		assert.NotNil(t, p["total_time"])
		assert.Nil(t, p["mem_usage"])
	}
	assert.Len(t, influx.Points(bucket, "test_outcomes"), 2)
}
