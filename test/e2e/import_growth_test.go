package e2e_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// TestSlowGrowthBeginsInImportedRuns imports the file of another bridge, in whose runs a test grows by 1.2 % a run. The first live run says
// so.
func TestSlowGrowthBeginsInImportedRuns(t *testing.T) {
	t.Parallel()
	elsewhere := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--no-judge"}})
	const runs = 40
	post := func(url string, n int) {
		p, m := newBulkPoster(url+"/p/shop"), newMachine()
		m.context = "c0ffee"
		p.mustPost(t, "/contexts/", m.contextJSON())
		p.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": "c%d", "description": {"branch": "main"}}`,
			m.session, m.started.Format(harness.Isoformat), n))
		rows := m.metrics("", m.started, 24)
		for i := range rows {
			seconds := 0.5
			if i == 7 {
				seconds *= math.Pow(1.012, float64(n))
			}
			rows[i].Item, rows[i].ItemVariant = fmt.Sprint("test_", i), fmt.Sprint("test_", i)
			rows[i].TotalTime, rows[i].UserTime, rows[i].KernelTime, rows[i].MemUsage = seconds, seconds, 0, 10
		}
		p.mustPostAll(t, rows)
	}
	for n := range runs {
		post(elsewhere.URL, n)
	}
	elsewhere.Stop()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--quiet-after", "2s"}})
	status, _ := importFiles(t, "--to", bridge.URL+"/p/shop", filepath.Join(elsewhere.Data, "pymon.db"))
	require.Zero(t, status)
	post(bridge.URL, runs)
	var found monitor.DriftList
	require.Eventually(t, func() bool {
		answer := request{method: http.MethodGet, path: "/p/shop/api/v1/drift"}.send(t, bridge.URL)
		return json.Unmarshal([]byte(answer.body), &found) == nil && len(found.Results) > 0
	}, time.Minute, 100*time.Millisecond)
	one := cpuOf(&monitor.Report{Results: found.Results}, "test_7")
	require.NotNil(t, one.Drift)
	assert.Greater(t, float64(one.Drift.Ratio), 1.2)
	for _, r := range found.Results {
		assert.Equal(t, "test_7", r.Item)
	}
}
