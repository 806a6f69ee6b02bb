package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// The course of docs/repair.md: the file is damaged, the bridge says so, a person recovers the file beside it and moves the
// directory, and the bridge answers as before. It delivers what is new, and nothing again.
func TestADamagedFileIsRecovered(t *testing.T) {
	t.Parallel()
	influx := harness.StartInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	sent := process.metrics("test_cart[1]", process.started, 500)
	newBulkPoster(bridge.URL).mustPostAll(t, sent)
	bridge.WaitDelivered()
	before := listed(t, bridge.URL)
	require.Equal(t, 0, bridge.Stop().ExitCode())

	file := filepath.Join(bridge.Data, "pymon.db")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	start, end := harness.RootPage(t, bridge.Data, "metrics_time")
	clear(content[start:end])
	require.NoError(t, os.WriteFile(file, content, 0o600))
	assertVerified(t, bridge.Data, false)

	bridge.Start()
	recovered := bridge.Data + "-recovered"
	command := "pymon-bridge recover --data " + bridge.Data + " --into " + recovered
	lines := bridge.WaitSays("[-]journal: " + file + " is damaged: ")
	assert.Contains(t, lines, command)
	assert.Contains(t, bridge.Log(), command)
	r := posts.try("/metrics/", metricJSON(process.metric("test_cart[refused]", time.Now())))
	assert.Equal(t, http.StatusServiceUnavailable, r.status)
	assert.Contains(t, r.body, command)
	assertVerified(t, bridge.Data, false)
	require.Eventually(t, func() bool {
		said := harness.RunProgram(t, nil, "status", "--data", bridge.Data)
		return said.ExitCode == 1 && strings.Contains(said.Stdout, "which accepts nothing") && strings.Contains(said.Stdout, command)
	}, time.Minute, 100*time.Millisecond, "the status says what to do")
	for _, args := range [][]string{{"delete", "--project", "p", "--yes"}, {"replay"}, {"dead", "drop", "--all"}} {
		refused := harness.RunProgram(t, nil, append(args, "--data", bridge.Data)...)
		assert.Equal(t, 1, refused.ExitCode, args)
		assert.Contains(t, refused.Stderr, command, "nobody writes into a damaged file")
	}

	result := harness.RunProgram(t, nil, "recover", "--data", bridge.Data, "--into", recovered, "--json")
	require.Equal(t, 0, result.ExitCode, result.Stderr)
	var said struct {
		Kinds []struct {
			Kind           string
			Saved, Damaged int
		}
		Missing int
	}
	require.NoError(t, json.Unmarshal([]byte(result.Stdout), &said))
	for _, k := range said.Kinds {
		assert.Zero(t, k.Damaged, k.Kind)
		if k.Kind == "metrics" {
			assert.Equal(t, len(sent), k.Saved)
		}
	}
	assert.Zero(t, said.Missing)
	result = harness.RunProgram(t, nil, "recover", "--data", bridge.Data, "--into", recovered)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stderr, "expected a directory without a file of a bridge")

	require.Equal(t, 0, bridge.Stop().ExitCode())
	require.NoError(t, os.Rename(bridge.Data, bridge.Data+"-damaged"))
	require.NoError(t, os.Rename(recovered, bridge.Data))
	bridge.Start()
	assert.Equal(t, before, listed(t, bridge.URL))
	later := process.metrics("test_cart[later]", time.Now(), 20)
	posts.mustPostAll(t, later)
	bridge.WaitDelivered()
	delivered, _ := bridge.Metrics().Sum("pymon_bridge_delivered_total")
	assert.EqualValues(t, len(later), delivered, "only what is new")
	assert.Equal(t, once(append(sent, later...)), count(points(t, influx, bucket)))
	assertVerified(t, bridge.Data, true)
}

// listed returns what the bridge answers about everything.
func listed(t *testing.T, base string) (bodies []string) {
	t.Helper()
	for _, path := range []string{"/api/v1/metrics/?limit=1000", "/api/v1/sessions/?limit=100", "/api/v1/contexts/?limit=100"} {
		r := request{path: path}.send(t, base)
		require.Equal(t, http.StatusOK, r.status, r.body)
		bodies = append(bodies, r.body)
	}
	return bodies
}

// assertVerified runs verify, which must find the file to be sound or not.
func assertVerified(t *testing.T, data string, sound bool) {
	t.Helper()
	result := harness.RunProgram(t, nil, "verify", "--data", data)
	if sound {
		assert.Equal(t, 0, result.ExitCode, result.Stdout+result.Stderr)
		assert.Contains(t, result.Stdout, "is sound: ")
		return
	}
	assert.Equal(t, 1, result.ExitCode, result.Stdout)
	assert.Contains(t, result.Stdout, "metrics_time")
	assert.Contains(t, result.Stdout, "pymon-bridge recover --data "+data)
}

// A person copies the file of a serving bridge, and starts another bridge with the copy.
func TestABackupOfAServingBridgeCanBeServed(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	newBulkPoster(bridge.URL).mustPostAll(t, process.metrics("test_cart[1]", process.started, 100))
	dir := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.Mkdir(dir, 0o700))
	copied := filepath.Join(dir, "pymon.db")
	for _, force := range [][]string{nil, {"--force"}} {
		result := harness.RunProgram(t, nil, append([]string{"backup", "--data", bridge.Data, copied}, force...)...)
		require.Equal(t, 0, result.ExitCode, result.Stderr)
	}
	result := harness.RunProgram(t, nil, "backup", "--data", bridge.Data, copied)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stderr, "there is a file "+copied)
	for _, args := range [][]string{{"verify", dir}, {"backup", "--data", bridge.Data, dir}, {"backup", "--data", bridge.Data, "--force", dir}} {
		assert.Equal(t, harness.Result{ExitCode: 1, Stderr: "pymon-bridge: FILE: expected a file, but " + dir + " is a directory\n"},
			harness.RunProgram(t, nil, args...), args)
	}
	result = harness.RunProgram(t, nil, "verify", copied)
	assert.Equal(t, 0, result.ExitCode, result.Stdout)
	other := harness.StartBridge(t, harness.BridgeConfig{Data: dir})
	assert.Equal(t, listed(t, bridge.URL), listed(t, other.URL))
}
