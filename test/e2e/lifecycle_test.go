package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// logLine is a line of the bridge's JSON log.
type logLine map[string]any

// assertJSONLog asserts that each line of a log is an object with time, level and message. It returns the lines.
func assertJSONLog(t *testing.T, log string) (lines []logLine) {
	t.Helper()
	for text := range strings.Lines(log) {
		var line logLine
		if !assert.NoError(t, json.Unmarshal([]byte(text), &line), "%q", text) {
			continue
		}
		at, _ := line["time"].(string)
		_, err := time.Parse(time.RFC3339Nano, at)
		assert.NoError(t, err, text)
		assert.Contains(t, []any{"DEBUG", "INFO", "WARN", "ERROR"}, line["level"])
		assert.NotEmpty(t, line["msg"], text)
		lines = append(lines, line)
	}
	assert.NotEmpty(t, lines)
	return lines
}

// The bridge gets a stop signal during requests. It answers each of them with 201 and ends with status 0. Then InfluxDB has
// every record.
func TestStoppingBridgeAnswersAndDelivers(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	process, posts := newMachine(), newPoster(bridge.URL)
	process.enrol(t, posts)
	sent := process.metrics("test_in_flight", process.started, 20)
	conns := make([]*net.TCPConn, len(sent))
	for n, m := range sent {
		body := metricJSON(m)
		conns[n] = dial(t, bridge.URL)
		_, err := fmt.Fprintf(conns[n], "POST /metrics/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:50])
		require.NoError(t, err)
	}
	before := process.metric("test_before", process.started)
	posts.mustPost(t, "/metrics/", metricJSON(before)) // by then the bridge has begun to read the other requests

	bridge.Signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { return refuses(bridge.URL) }, time.Minute, 5*time.Millisecond)
	for n, m := range sent {
		_, err := io.WriteString(conns[n], metricJSON(m)[50:])
		require.NoError(t, err)
	}
	for n := range sent {
		answer, err := io.ReadAll(conns[n])
		require.NoError(t, err)
		replies := parseReplies(t, answer)
		require.Len(t, replies, 1)
		assert.Equal(t, 201, replies[0].status, replies[0].body)
	}
	assert.Equal(t, 0, bridge.WaitEnded().ExitCode())
	assertArrived(t, append(sent, before), points(t, influx, bucket))
	assertJSONLog(t, bridge.Log())
}

// refuses says whether no process listens on an address.
func refuses(base string) bool {
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func TestEndedRunIsSummarisedInOneLine(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "2s"}})
	run := harness.Pytest{Git: true, Args: []string{"-n", "2", "--restrict-scope-to", "function,module", "--tag", "branch=main",
		"--tag", "run=ci-1", "--remote-server", bridge.URL, "flat", "shop"}}.Run(t)
	require.Contains(t, []int{0, 1}, run.ExitCode, run.Output())
	file := harness.ReadPymon(t, run.Database)
	var said []logLine // a bridge says it again where a worker was silent for longer
	require.Eventually(t, func() bool {
		log := bridge.Log()
		said = nil
		for _, line := range assertJSONLog(t, log[:strings.LastIndex(log, "\n")+1]) {
			if line["msg"] == "run is complete" {
				said = append(said, line)
			}
		}
		return len(said) > 0 && said[len(said)-1]["sessions"] == float64(len(file.Sessions)) &&
			said[len(said)-1]["tests"].(float64)+said[len(said)-1]["modules"].(float64) == float64(len(file.Metrics))
	}, time.Minute, 100*time.Millisecond)
	line := said[len(said)-1]
	for _, earlier := range said {
		assert.Equal(t, "ci-1", earlier["run"], "all workers are one run")
	}
	var tests, modules, total, slowest, most float64
	most = math.Inf(-1)
	names := map[string][]harness.PymonMetric{}
	for _, m := range file.Metrics {
		if m.Kind == "module" {
			modules++
			continue
		}
		tests++
		total += m.TotalTime
		slowest, most = max(slowest, m.TotalTime), max(most, m.MemUsage)
		name := m.ItemPath + "." + m.ItemVariant
		names[name] = append(names[name], m)
	}
	assert.Equal(t, tests, line["tests"])
	assert.Equal(t, modules, line["modules"])
	assert.InDelta(t, total, line["total_seconds"], 1e-9)
	assert.Equal(t, slowest, line["slowest_seconds"])
	assert.Equal(t, most, line["most_memory_mib"])
	assert.True(t, hasMetric(names[line["slowest"].(string)], func(m harness.PymonMetric) bool { return m.TotalTime == slowest }))
	assert.True(t, hasMetric(names[line["most_memory"].(string)], func(m harness.PymonMetric) bool { return m.MemUsage == most }))
	assert.Equal(t, run.ScmRef, line["commit"])
	assert.Equal(t, "main", line["branch"])
	assert.Equal(t, "default", line["project"])
	assert.Equal(t, float64(len(file.Sessions)), line["sessions"], "the controller's session without tests counts too")
}

// The session arrives after its metrics, when the run has ended already.
func TestRunIsJudgedWhenItsSessionComesLast(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "500ms"}})
	posts, process := newPoster(bridge.URL), newMachine()
	says := func(text string) func() bool {
		return func() bool { return strings.Contains(bridge.Log(), text) }
	}
	posts.mustPost(t, "/contexts/", process.contextJSON())
	posts.mustPostAll(t, process.metrics("test_cart", process.started, 3))
	require.Eventually(t, says("run is complete"), time.Minute, 20*time.Millisecond)
	require.Never(t, says("run is judged"), time.Second, 100*time.Millisecond)
	posts.mustPost(t, "/sessions/", process.sessionJSON())
	require.Eventually(t, says("run is judged"), time.Minute, 20*time.Millisecond)
}

func hasMetric(metrics []harness.PymonMetric, is func(harness.PymonMetric) bool) bool {
	for _, m := range metrics {
		if is(m) {
			return true
		}
	}
	return false
}

// The test starts the bridge like a person, and runs the command in the banner.
func TestBannerPrintsAWorkingCommand(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--log-format", "text"}})
	banner := bridge.Log()
	command := "\n  pytest --remote-server " + bridge.URL + "\n"
	for _, text := range []string{"pymon-bridge ", "listens on " + "  " + bridge.URL, "for everybody on this machine", bridge.Data, "nowhere yet: with INFLUX_URL", command} {
		assert.Contains(t, banner, text)
	}
	run := harness.Pytest{Args: append(strings.Fields(command)[1:], "flat/test_flat.py")}.Run(t)
	require.Equal(t, 0, run.ExitCode, run.Output())
	assert.Len(t, harness.Stored(t, bridge.Data).Metrics, 6)

	bridge.UsePassword(addToken(t, bridge.Data, "shop"))
	bridge.Restart()
	again := strings.TrimPrefix(bridge.Log(), banner)
	assert.Contains(t, again, "for holders of a token")
	assert.Contains(t, again, "\n  pytest --remote-server "+strings.Replace(bridge.URL, "://", "://x:TOKEN@", 1)+"\n")
}

// InfluxDB stops and starts again. The bridge stays ready.
func TestReadinessShowsWhetherInfluxDBIsAvailable(t *testing.T) {
	t.Parallel()
	influx := harness.StartInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	process, posts := newMachine(), newPoster(bridge.URL)
	process.enrol(t, posts)
	bridge.WaitDelivered()
	status, lines := bridge.Ready()
	assert.Equal(t, 200, status)
	assert.Regexp(t, `^\[\+\]journal ok.*\n\[\+\]delivery ok: delivering to `+influx.URL+` org=\S+ bucket=`+bucket+` meta=\S+\n$`, lines)

	influx.Stop()
	sent := process.metrics("test_meanwhile", process.started, 10)
	posts.mustPostAll(t, sent)
	lines = bridge.WaitSays("[-]delivery: ")
	assert.Regexp(t, `(?m)^\[-\]delivery: http://\S+ org=\S+ bucket=\S+ meta=\S+ has not been available since \S+Z: .*refused; \d+ records kept at the last try$`, lines)
	status, lines = bridge.Ready()
	assert.Equal(t, 200, status, "accepting does not depend on delivery")
	assert.Regexp(t, `^\[\+\]journal ok`, lines)
	assert.Positive(t, bridge.Metrics()[`pymon_bridge_retries_total{code="none"}`])
	assert.Positive(t, bridge.Metrics()["pymon_bridge_journal_oldest_age_seconds"])
	assert.Zero(t, bridge.Metrics()[`pymon_bridge_healthy{component="delivery"}`])
	assert.EqualValues(t, 1, bridge.Metrics()[`pymon_bridge_healthy{component="journal"}`])

	influx.Start()
	bridge.WaitSays("[+]delivery ok")
	bridge.WaitDelivered()
	assertArrived(t, sent, points(t, influx, bucket))
	assert.Zero(t, bridge.Metrics()["pymon_bridge_journal_oldest_age_seconds"])
}

// The test compares the bridge's own metrics with the records of a real run, and with refused requests.
func TestOwnMetricsAddUp(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	run := harness.Pytest{Args: []string{"-n", "2", "--remote-server", bridge.URL, "flat", "shop"}}.Run(t)
	posts := newPoster(bridge.URL)
	stored := harness.Stored(t, bridge.Data)
	for _, m := range stored.Metrics[:5] {
		posts.mustPost(t, "/metrics/", metricJSON(m))
	}
	for range 3 {
		assert.Equal(t, 400, posts.try("/metrics/", "{}").status)
	}
	bridge.WaitDelivered()
	file, metrics := harness.ReadPymon(t, run.Database), bridge.Metrics()
	sum := func(name string) float64 {
		value, ok := metrics.Sum("pymon_bridge_" + name)
		assert.True(t, ok, name)
		return value
	}
	rows := float64(len(file.Metrics))
	require.Positive(t, rows)
	assert.Equal(t, rows+5, metrics[`pymon_bridge_accepted_total{class="metric"}`])
	assert.Equal(t, float64(len(file.Sessions)), metrics[`pymon_bridge_accepted_total{class="session"}`])
	assert.Equal(t, 5.0, metrics[`pymon_bridge_repeats_total{class="metric"}`])
	assert.Equal(t, 3.0, metrics[`pymon_bridge_refused_total{reason="invalid"}`])
	assert.Equal(t, sum("accepted_total"), sum("commit_records_sum"), "each accepted record was in a commit")
	assert.Equal(t, sum("accepted_total")-sum("repeats_total"), sum("delivered_total"))
	assert.Equal(t, rows, metrics[`pymon_bridge_delivered_total{class="metric"}`])
	assert.Len(t, points(t, influx, bucket), len(file.Metrics))
	assert.Zero(t, sum("journal_depth"))
	assert.Zero(t, sum("journal_oldest_age_seconds"))
	assert.Zero(t, sum("dead_letters_total"))
	assert.Zero(t, sum("journal_losses"))
	assert.EqualValues(t, 2, sum("healthy"), "the journal and the delivery")
	assert.EqualValues(t, 256<<20, sum("journal_min_free_bytes"))
	assert.InDelta(t, float64(time.Now().Unix()), sum("time_seconds"), 600)
	assert.Zero(t, sum("journal_dead_letters"))
	assert.GreaterOrEqual(t, sum("commit_records_sum"), sum("commit_records_count"))
	assert.Equal(t, sum("commit_records_count"), sum("commit_duration_seconds_count"))
	for _, name := range []string{"journal_size_bytes", "journal_free_bytes", "commit_duration_seconds_sum", "delivery_lag_seconds_count",
		"cache_lookups_total", "request_duration_seconds_count", "build_info"} {
		assert.Positive(t, sum(name), name)
	}
	assert.Positive(t, metrics[`pymon_bridge_cache_lookups_total{result="hit"}`])
	assertPrometheusReads(t, bridge)
}

// assertPrometheusReads asserts that each metric has a help text and a type in the Prometheus format.
func assertPrometheusReads(t *testing.T, bridge *harness.Bridge) {
	t.Helper()
	text := request{method: "GET", path: "/-/metrics"}.send(t, bridge.URL).body
	for line := range strings.Lines(text) {
		if name, _, found := strings.Cut(line, "{"); found && strings.HasPrefix(name, "pymon_bridge_") {
			for _, end := range []string{"_bucket", "_sum", "_count"} {
				if base := strings.TrimSuffix(name, end); strings.Contains(text, "# TYPE "+base+" histogram") {
					name = base
				}
			}
			assert.Contains(t, text, "# HELP "+name+" ")
			assert.Contains(t, text, "# TYPE "+name+" ")
		}
	}
}

func TestStopSignalDuringTheStartEndsWithStatus0(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
		dir := t.TempDir()
		p := harness.StartProcess(t, exec.Command(harness.Program(t), "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--log-format", "json"))
		time.Sleep(after)
		p.Signal(syscall.SIGTERM)
		state := p.Wait()
		if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			assert.Equal(t, syscall.SIGTERM, status.Signal(), "before the program could handle signals")
			continue
		}
		assert.Equal(t, 0, state.ExitCode(), p.Output())
	}
}
