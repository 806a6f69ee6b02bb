package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Some clients never finish their headers or their body, and some send 20 MB. The bridge cuts them off. Real pytest runs
// at the same time and notices nothing.
func TestGreedyClientsDoNotDisturbOthers(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	var greedy sync.WaitGroup
	for range 30 {
		greedy.Go(func() {
			assert.Empty(t, cutOff(t, bridge.URL, "POST /metrics/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: "), "endless headers")
		})
		greedy.Go(func() {
			replies := cutOff(t, bridge.URL, "POST /metrics/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"a\": \"")
			if assert.Len(t, replies, 1, "an endless body") {
				assert.Equal(t, http.StatusRequestTimeout, replies[0].status)
			}
		})
	}
	large := `{"item": "` + strings.Repeat("x", 20<<20) + `"}`
	for range 5 {
		greedy.Go(func() {
			answer := newPoster(bridge.URL).try("/metrics/", large)
			assert.NoError(t, answer.err)
			assert.Equal(t, http.StatusRequestEntityTooLarge, answer.status, "20 MB")
		})
	}
	run := harness.Pytest{Args: []string{"-n", "2", "--remote-server", bridge.URL, "flat", "shop"}}.Run(t)
	require.NotContains(t, run.Output(), "Cannot insert", "the plugin's message about a server that refuses")
	sent := harness.ReadPymon(t, run.Database).Metrics
	require.NotEmpty(t, sent)
	assert.ElementsMatch(t, sent, harness.Stored(t, bridge.Data).Metrics)
	greedy.Wait()
	assert.ElementsMatch(t, sent, harness.Stored(t, bridge.Data).Metrics, "a request that was cut off stored nothing")
	newMachine().enrol(t, newPoster(bridge.URL))
}

// cutOff sends the beginning of a request, and then a byte each second, until the bridge closes the connection. It returns
// the answers of the bridge.
func cutOff(t *testing.T, base, begin string) []reply {
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if !assert.NoError(t, err) {
		return nil
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, begin)
	assert.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(time.Second):
				_, _ = io.WriteString(conn, "x") // fails when the connection is closed
			}
		}
	}()
	defer close(ended)
	assert.NoError(t, conn.SetReadDeadline(time.Now().Add(bridgeWithin)))
	var answer bytes.Buffer
	_, err = answer.ReadFrom(conn)
	var timeout net.Error
	assert.NotErrorAs(t, err, &timeout, "the connection is still open")
	return parseReplies(t, answer.Bytes())
}

// Clients that asked once keep more connections open than the limit. Others do not notice.
func TestIdleConnectionsAboveTheLimitGiveTheirPlaces(t *testing.T) {
	t.Parallel()
	const most = 3
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--max-connections", fmt.Sprint(most)}})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	for range most + 70 {
		held := dial(t, bridge.URL)
		_, err := io.WriteString(held, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		_, err = held.Read(make([]byte, 1)) // the bridge serves this connection
		require.NoError(t, err)
	}
	posts.mustPostAll(t, process.metrics("test_many", time.Now(), 300)) // from more clients than the limit
	run := harness.Pytest{Args: []string{"-n", "4", "--remote-server", bridge.URL, "flat/test_flat.py"}}.Run(t)
	require.Equal(t, 0, run.ExitCode, run.Output())
	assert.Contains(t, bridge.Log(), "the limit of connections is reached")
	assert.Len(t, harness.Stored(t, bridge.Data).Metrics, 300+len(harness.ReadPymon(t, run.Database).Metrics))
}
