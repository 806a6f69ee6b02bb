package e2e_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// healthWithin is how long a health check may take beside a greedy client. It takes milliseconds, but not where many tests
// share a slow machine.
const healthWithin = 10 * time.Second

// assertHealthy asserts that both questions about the health are answered in time, each on a new connection.
func assertHealthy(t *testing.T, bridge *harness.Bridge, trust *tls.Config) {
	t.Helper()
	client := http.Client{Timeout: healthWithin, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trust}}
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		begin := time.Now()
		answer, err := client.Get(bridge.URL + path)
		if assert.NoError(t, err) {
			assert.Equal(t, http.StatusOK, answer.StatusCode)
			assert.NoError(t, answer.Body.Close())
			t.Logf("%s took %v", path, time.Since(begin))
		}
	}
}

// One client asks once on each of more connections than the bridge allows, and keeps them open. Others do not notice.
func TestIdleConnectionsOfOneClientKeepNobodyOut(t *testing.T) {
	t.Parallel()
	files, pool := newCertificates(t)
	trust := &tls.Config{RootCAs: pool}
	for _, tt := range []struct {
		name    string
		secured bool
	}{{"plain", false}, {"TLS and token", true}} {
		t.Run(tt.name, func(t *testing.T) {
			config := harness.BridgeConfig{Args: []string{"--max-connections", "100"}}
			if tt.secured {
				config.RootCAs, config.Args = pool, append(config.Args, "--tls-cert", files.cert, "--tls-key", files.key)
			}
			bridge := harness.StartBridge(t, config)
			remote, ask := bridge.URL, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
			if tt.secured {
				token := addToken(t, bridge.Data, "shop")
				bridge.UsePassword(token)
				remote = strings.Replace(remote, "://", "://any:"+token+"@", 1)
				ask = "GET /contexts/0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + basic("any", token) + "\r\n\r\n"
			}
			sessions := tls.NewLRUClientSessionCache(1) // the later handshakes take little time
			for range 120 {
				conn := net.Conn(dial(t, strings.Replace(bridge.URL, "https:", "http:", 1)))
				if tt.secured {
					conn = tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", ClientSessionCache: sessions})
				}
				_, err := io.WriteString(conn, ask)
				require.NoError(t, err)
				_, err = http.ReadResponse(bufio.NewReader(conn), nil)
				require.NoError(t, err)
			}
			assertHealthy(t, bridge, trust)
			run := harness.Pytest{Env: []string{"REQUESTS_CA_BUNDLE=" + files.ca},
				Args: []string{"--remote-server", remote, "flat/test_flat.py"}}.Run(t)
			require.Equal(t, 0, run.ExitCode, run.Output())
			assert.ElementsMatch(t, harness.ReadPymon(t, run.Database).Metrics, harness.Stored(t, bridge.Data).Metrics)
			assertHealthy(t, bridge, trust)
			open, _ := bridge.Metrics().Sum("pymon_bridge_connections")
			assert.LessOrEqual(t, open, 100.0)
			assert.Contains(t, bridge.Log(), "the limit of connections is reached")
		})
	}
}

// A thousand clients stop in front of the last byte of a large body. The memory of the bridge stays bounded, and others
// can post meanwhile.
func TestStalledLargeBodiesTakeLittleMemory(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	posts, process := newPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	stalled := []byte(fmt.Sprintf("POST /metrics/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", 4<<20) +
		strings.Repeat("x", 4<<20-1))
	var senders sync.WaitGroup
	conns := make([]*net.TCPConn, 1000)
	for n := range conns {
		conns[n] = dial(t, bridge.URL)
		senders.Go(func() {
			_, _ = conns[n].Write(stalled) // fails when the bridge closes the connection
			_, _ = conns[n].Read(make([]byte, 1))
		})
	}
	const enough = 100 // that were refused, so that others have taken their memory
	for round := 0; bridge.Metrics()[`pymon_bridge_refused_total{reason="slow"}`] < enough; round++ {
		posts.mustPostAll(t, process.metrics(fmt.Sprint("test_small", round), time.Now(), 100))
		assertHealthy(t, bridge, nil)
	}
	for _, conn := range conns {
		assert.NoError(t, conn.Close())
	}
	senders.Wait()
	most := peakMemory(t, bridge.PID())
	t.Logf("at most %d MiB", most>>20)
	limit := int64(400 << 20)
	if harness.RaceEnabled {
		limit *= 5 // the race detector's own memory; without a budget the bodies alone take twice as much
	}
	assert.Less(t, most, limit)
}

// peakMemory returns the most memory in bytes that a process had so far.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}
