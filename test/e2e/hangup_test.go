package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// An InfluxDB asks the bridge to wait for five minutes. SIGHUP ends the wait, and does not end the bridge.
func TestHangupDeliversAtOnce(t *testing.T) {
	t.Parallel()
	var writes atomic.Int32
	influx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path != "/api/v2/write":
			w.WriteHeader(http.StatusNotFound)
		case len(body) > 0 && writes.Add(1) == 1:
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(influx.Close)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--influx-url", influx.URL, "--influx-token", "t", "--influx-org", "o"}})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	assert.Eventually(t, func() bool { return writes.Load() == 1 }, time.Minute, 10*time.Millisecond)
	bridge.Signal(syscall.SIGHUP)
	assert.Eventually(t, func() bool { return writes.Load() > 1 }, time.Minute, 10*time.Millisecond)
	posts.mustPostAll(t, process.metrics("test_after", time.Now(), 1))
}
