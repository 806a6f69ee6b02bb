package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// shopSuite is a suite of five tests. Each computes for a while. The time of test_pay depends on the commit.
const shopSuite = `
import time

def compute(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(100))

def test_list(): compute(0.1)
def test_search(): compute(0.12)
def test_cart(): compute(0.09)
def test_pay(): compute(%s)
def test_ship(): compute(0.11)
`

// commitShop runs the suite in a new commit, where test_pay computes for the given seconds. It returns the commit.
func commitShop(t *testing.T, remote, branch string, pay float64, number int, args ...string) string {
	t.Helper()
	suite := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(suite, "test_shop.py"), fmt.Appendf(nil, shopSuite, fmt.Sprint(pay)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(suite, "VERSION"), fmt.Append(nil, number), 0o600))
	args = append([]string{"--remote-server", remote, "--tag", "branch=" + branch}, args...)
	r := harness.Pytest{Suite: suite, Git: true, Args: args}.Run(t)
	require.Equal(t, 0, r.ExitCode, r.Output())
	return r.ScmRef
}

// check runs `check` for the project, and returns its result and the report.
func check(t *testing.T, bridge *harness.Bridge, args ...string) (harness.Result, *monitor.Report) {
	t.Helper()
	r := harness.RunProgram(t, nil, append([]string{"check", "--url", bridge.URL + "/p/shop", "--format", "json"}, args...)...)
	var report monitor.Report
	if r.ExitCode < 2 {
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &report), r.Stdout)
	}
	return r, &report
}

// cpuOf returns the result of a test's CPU time.
func cpuOf(report *monitor.Report, item string) monitor.Result {
	i := slices.IndexFunc(report.Results, func(r monitor.Result) bool {
		return r.Item == item && r.Metric == monitor.MetricCPUTime
	})
	if i < 0 {
		return monitor.Result{}
	}
	return report.Results[i]
}

// The test makes real runs of pytest. Some runs are slower.
func TestRegressionReachesTheGateAndInfluxDB(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket, meta := harness.Unique("regression"), harness.Unique("regression_meta")
	messages := make(chan map[string]any, 100)
	token := prepareInflux(t, influx, bucket, meta, messages)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: influx, Bucket: bucket, MetaBucket: meta, Token: token,
		Args: []string{"--quiet-after", "2s"}})
	remote := bridge.URL + "/p/shop"
	const usual, slow, awful = 0.1, 0.35, 1.2 // seconds; the clock of CPU time ticks every 10 ms, and machines are busy

	r, _ := check(t, bridge)
	assert.Equal(t, 2, r.ExitCode, "there is no run yet")
	assert.Contains(t, r.Stderr, `project "shop" has no runs`)

	var good string
	for i := range 8 {
		good = commitShop(t, remote, "main", usual, i)
	}
	r, report := check(t, bridge, "--all")
	assert.Equal(t, 0, r.ExitCode, r.Stderr)
	assert.Equal(t, monitor.StatusLearning, cpuOf(report, "test_pay").Status)

	request := commitShop(t, remote, "feature", awful, 100)
	r, report = check(t, bridge, "--scm-ref", request, "--branch", "main")
	assert.Equal(t, 1, r.ExitCode, "a pull request with a clear regression: %s", r.Stdout)
	assert.Equal(t, request, cpuOf(report, "test_pay").FirstBad)

	var bad []string
	for i := range 3 {
		bad = append(bad, commitShop(t, remote, "main", slow, 8+i))
	}
	r, report = check(t, bridge)
	assert.Equal(t, 1, r.ExitCode, r.Stdout)
	pay := cpuOf(report, "test_pay")
	assert.Equal(t, monitor.StatusRegression, pay.Status)
	assert.Equal(t, monitor.LevelCrit, pay.Level)
	assert.Equal(t, good, pay.LastGood)
	assert.Equal(t, bad[0], pay.FirstBad)
	assert.InDelta(t, usual, float64(pay.Baseline), 0.05)
	assert.InDelta(t, slow, float64(pay.Value), 0.15)

	// The bridge judged the run by itself, with the same result, and delivered the report to InfluxDB.
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(influx.Points(bucket, "regressions"), func(p harness.Row) bool {
			return p["item"] == "test_pay" && p["metric"] == "cpu_time" && p["run"] == report.Run && p["status"] == "regression" &&
				p["first_bad"] == bad[0]
		})
	}, time.Minute, 200*time.Millisecond)
	assert.Len(t, influx.Points(bucket, "runs"), 12)

	// InfluxDB made a status of the result, and sent a notification.
	for arrived := false; !arrived; {
		select {
		case n := <-messages:
			arrived = n["item"] == "test_pay" && n["metric"] == "cpu_time" && n["_level"] == "crit" &&
				n["branch"] == "main" && n["first_bad"] == bad[0]
		case <-time.After(2 * time.Minute):
			require.Fail(t, "no notification of the regression arrived")
		}
	}
}

// prepareInflux runs `influx setup` like an operator, and returns the token for the bridge. messages gets the JSON of each
// notification.
func prepareInflux(t *testing.T, influx *harness.Influx, bucket, meta string, messages chan<- map[string]any) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message map[string]any
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&message))
		messages <- message
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token")
	users := harness.Resource{Type: "users"}
	allAccess := influx.NewToken(append(harness.OwnerOf(influx.OrgID), harness.Permission{Action: "read", Resource: users},
		harness.Permission{Action: "write", Resource: users})...)
	r := harness.RunProgram(t, []string{"INFLUX_TOKEN=" + allAccess}, "influx", "setup", "--influx-url", influx.URL,
		"--influx-org", influx.Org, "--influx-bucket", bucket, "--influx-meta-bucket", meta,
		"--daily-bucket", harness.Unique("regression_daily"), "--check-every", "5s", "--notify-url", server.URL,
		"--bridge-token-file", file)
	require.Equal(t, 0, r.ExitCode, r.Stderr)
	secret, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.TrimSpace(string(secret))
}
