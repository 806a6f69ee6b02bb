package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// The status names the process, what waits, the projects and the tokens. It ends with 1 when a person is needed: a dead
// letter, an InfluxDB that is away, or a directory that nobody serves.
func TestStatusSaysWhatAPersonNeedsToKnow(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	bucket, meta := influx.NewBucket("pytest", retention), influx.NewBucket("meta", 0)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: proxy.Influx(), Bucket: bucket, MetaBucket: meta,
		Args: []string{"--client-timezone", "UTC", "--no-judge"}})
	posts, process := newBulkPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	posts.mustPostAll(t, process.metrics("test_cart[1]", time.Now(), 30))
	bridge.WaitDelivered()
	type status struct {
		Served    bool
		Bridge    *monitor.BridgeStatus
		Delivery  []struct{ Waiting, Dead_Letters int }
		Projects  []monitor.ProjectStatus
		Attention []string
	}
	ask := func(exit int) (s status, text string) {
		t.Helper()
		result := harness.RunProgram(t, nil, "status", "--json", "--data", bridge.Data)
		require.Equal(t, exit, result.ExitCode, result.Stdout+result.Stderr)
		require.NoError(t, json.Unmarshal([]byte(result.Stdout), &s), result.Stdout)
		result = harness.RunProgram(t, nil, "status", "--data", bridge.Data)
		require.Equal(t, exit, result.ExitCode)
		return s, result.Stdout
	}
	s, text := ask(0)
	require.NotNil(t, s.Bridge)
	assert.Equal(t, bridge.PID(), s.Bridge.PID)
	assert.Equal(t, bridge.URL, s.Bridge.URL)
	require.Len(t, s.Projects, 1)
	assert.Equal(t, []int64{30, 1}, []int64{s.Projects[0].Tests, s.Projects[0].Sessions})
	assert.Contains(t, text, fmt.Sprintf("process %d, version ", bridge.PID()))
	assert.Contains(t, text, "0 records waiting; 0 dead letters")
	assert.Contains(t, text, "the file passed its check at ")
	assert.Contains(t, text, "Nothing needs you.")

	posts.mustPostAll(t, []harness.PymonMetric{process.metric("test_cart[old]", time.Now().Add(-40*24*time.Hour))})
	bridge.WaitDelivered()
	s, text = ask(1)
	assert.Len(t, s.Attention, 1)
	assert.Contains(t, text, "This needs you:\n  1 dead letter of ")
	proxy.OnWrite(func(*harness.Write) harness.Answer { return harness.Answer{Status: 503, Body: "closed for today"} })
	posts.mustPostAll(t, process.metrics("test_cart[2]", time.Now(), 1))
	bridge.WaitSays("closed for today")
	s, text = ask(1)
	assert.Equal(t, 1, s.Delivery[0].Waiting)
	assert.Contains(t, text, "has not been available since")
	assert.Contains(t, text, "closed for today")
	bridge.Kill()
	s, text = ask(1)
	assert.False(t, s.Served)
	assert.Nil(t, s.Bridge)
	assert.Contains(t, text, "served by     nobody")
	assert.Contains(t, text, "1 record waiting, the oldest for ")
}
