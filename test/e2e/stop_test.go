package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Clients connect and post all the time. Whoever gets a connection to a stopping bridge gets an answer on it, also after an
// upgrade.
func TestAStopAnswersEveryConnection(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	process := newMachine()
	process.enrol(t, newPoster(bridge.URL))
	for stop := range 5 {
		if stop%2 == 1 {
			bridge.Upgrade()
		}
		var answered atomic.Int64
		var clients sync.WaitGroup
		for n, metric := range process.metrics(fmt.Sprint("test_stop", stop), time.Now(), 32) {
			request := fmt.Sprintf("POST /metrics/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%[2]s",
				len(metricJSON(metric)), metricJSON(metric))
			clients.Go(func() {
				for {
					conn, err := net.Dial("tcp", strings.TrimPrefix(bridge.URL, "http://"))
					if errors.Is(err, syscall.ECONNREFUSED) {
						return // the bridge has stopped
					}
					if !assert.NoError(t, err) {
						return
					}
					reply := make([]byte, len("HTTP/1.1 201"))
					_, err = io.WriteString(conn, request)
					if err == nil {
						_, err = io.ReadFull(conn, reply)
					}
					_ = conn.Close()
					if !assert.NoError(t, err, "client %d at stop %d, after %d answers", n, stop, answered.Load()) {
						return
					}
					assert.Equal(t, "HTTP/1.1 201", string(reply))
					answered.Add(1)
				}
			})
		}
		require.Eventually(t, func() bool { return answered.Load() > 100 }, time.Minute, time.Millisecond)
		assert.Equal(t, 0, bridge.Stop().ExitCode())
		clients.Wait()
		bridge.Start()
	}
}

// A client takes an answer slowly. The bridge waits for it while it may, and then ends as always.
func TestAStopDuringASlowDownloadIsNoFailure(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, _, _ := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--stop-after", "2s", "--page-size", "100000"}})
	posts, process := newBulkPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	metrics := process.metrics("test_much", time.Now(), 2000)
	for n := range metrics {
		metrics[n].ItemFSLoc = strings.Repeat("x", 8<<10) // so that the answer does not fit into the system's buffers
	}
	posts.mustPostAll(t, metrics)
	bridge.WaitDelivered()
	conn := dial(t, bridge.URL)
	require.NoError(t, conn.SetReadBuffer(4<<10))
	_, err := io.WriteString(conn, "GET /api/v1/metrics/?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	begin := make([]byte, 1<<10)
	_, err = io.ReadFull(conn, begin)
	require.NoError(t, err)
	require.Contains(t, string(begin), fmt.Sprint(http.StatusOK))
	assert.Equal(t, 0, bridge.Stop().ExitCode(), bridge.Log())
	assert.Contains(t, bridge.Log(), "connections were cut, because the time to stop has ended")
}
