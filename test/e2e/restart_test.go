package e2e_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// The test restarts the bridge twice during a real run of pytest, while another process keeps the listening socket open. The
// first restart is a graceful stop at any moment. The second is a kill while a test is busy, so that no request is being
// answered. Pytest's output is the same as without a server, and all rows arrive.
func TestPytestSeesNoRestart(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	suite, signals := suiteWithPause(t), t.TempDir()
	expected := harness.Pytest{Suite: suite}.Run(t)

	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{HandOver: true})
	run := harness.Pytest{Suite: suite, Env: []string{"SIGNALS=" + signals},
		Args: []string{"--remote-server", bridge.URL}}.Start(t)
	restartDuring(t, bridge, run)
	waitFor(t, run, "the busy test", func() bool {
		_, err := os.Stat(filepath.Join(signals, "busy"))
		return err == nil
	})
	require.Positive(t, accepted(bridge), "metrics of the second bridge")
	bridge.Kill()
	require.NoError(t, os.WriteFile(filepath.Join(signals, "go on"), nil, 0o600))
	bridge.Start()
	run.Wait()
	assert.Positive(t, accepted(bridge), "metrics of the third bridge")
	assert.Equal(t, outcomeOf(expected, nil), outcomeOf(run, nil))
	bridge.WaitDelivered()
	assertArrived(t, harness.ReadPymon(t, run.Database).Metrics, points(t, influx, bucket))
}

// The bridge stops during requests. It waits for the rest of each request and answers it. The next bridge answers a client
// that connects meanwhile.
func TestStoppingBridgeAnswersRequestsItHasBegunToRead(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{HandOver: true})
	begun := make([]*halfPosted, writers)
	for n := range begun {
		begun[n] = postHalf(t, bridge.URL, newMachine().contextJSON())
	}
	bridge.Signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { return strings.Contains(bridge.Log(), `"msg":"stopping`) }, time.Minute,
		time.Millisecond)
	for _, h := range begun {
		h.finish(t)
	}
	assert.Equal(t, 0, bridge.WaitEnded().ExitCode())
	next := make(chan reply)
	go func() { next <- newPoster(bridge.URL).try("/contexts/", newMachine().contextJSON()) }()
	bridge.Start()
	assert.Equal(t, http.StatusCreated, (<-next).status)
}

// halfPosted is a request that a bridge has begun to read.
type halfPosted struct {
	conn   net.Conn
	answer *bufio.Reader
	rest   string
}

// postHalf sends the first half of a context, and returns when the bridge waits for the second half.
func postHalf(t *testing.T, base, body string) *halfPosted {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	h := &halfPosted{conn, bufio.NewReader(conn), body[len(body)/2:]}
	_, err = fmt.Fprintf(conn, "POST /contexts/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	require.NoError(t, err)
	line, err := h.answer.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = h.answer.ReadString('\n') // the empty line
	require.NoError(t, err)
	_, err = conn.Write([]byte(body[:len(body)/2]))
	require.NoError(t, err)
	return h
}

// finish sends the rest and asserts that the request is accepted.
func (h *halfPosted) finish(t *testing.T) {
	t.Helper()
	_, err := h.conn.Write([]byte(h.rest))
	require.NoError(t, err)
	resp, err := http.ReadResponse(h.answer, nil)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, http.StatusCreated, resp.StatusCode)
}

// suiteWithPause returns the sample suite with one more test. The test waits for a file if SIGNALS names a folder.
func suiteWithPause(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(harness.Root(t), "test", "testdata", "suite"))))
	const text = `import os, pathlib, time

def test_busy():
    if "SIGNALS" in os.environ:
        signals = pathlib.Path(os.environ["SIGNALS"])
        (signals / "busy").touch()
        while not (signals / "go on").exists():
            time.sleep(0.01)
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ids", "test_busy.py"), []byte(text), 0o600))
	return dir
}

// restartDuring waits until the bridge has accepted some metrics of the run. It then stops the bridge gracefully and
// starts it again.
func restartDuring(t *testing.T, bridge *harness.Bridge, run *harness.PytestRun) {
	t.Helper()
	waitFor(t, run, "metrics accepted by this bridge", func() bool { return accepted(bridge) > 5 })
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	bridge.Start()
}

// accepted returns the number of metrics that the bridge has accepted since its start.
func accepted(bridge *harness.Bridge) float64 {
	return bridge.Metrics()[`pymon_bridge_accepted_total{class="metric"}`]
}

// waitFor waits during a run of pytest until happened returns true.
func waitFor(t *testing.T, run *harness.PytestRun, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !happened(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "not within five minutes: %s\n%s", what, run.Output())
	}
}
