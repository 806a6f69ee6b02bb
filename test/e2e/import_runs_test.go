package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestAnImportChangesNoLiveRun imports the file of another bridge, whose run has the same tag and commit as a live run. It is
// dated later, and arrives later.
func TestAnImportChangesNoLiveRun(t *testing.T) {
	t.Parallel()
	post := func(bridge *harness.Bridge, m machine) {
		posts := newBulkPoster(bridge.URL + "/p/shop")
		posts.mustPost(t, "/contexts/", m.contextJSON())
		posts.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": "c0ffee",
			"description": {"branch": "main", "run": "42"}}`, m.session, m.started.Format(harness.Isoformat)))
		posts.mustPostAll(t, m.metrics("test_cart", m.started, 3))
	}
	live, other := newMachine(), newMachine()
	live.started = live.started.Add(-time.Minute)
	elsewhere, bridge := harness.StartBridge(t, harness.BridgeConfig{}), harness.StartBridge(t, harness.BridgeConfig{})
	post(elsewhere, other)
	elsewhere.Stop()
	post(bridge, live)
	look := func() (all []string) {
		for _, path := range []string{"runs/42", "regressions?run=42", "regressions?run=latest", "regressions?scm_ref=c0ffee"} {
			_, body := ask(t, bridge.URL+"/p/shop/api/v1/"+path)
			require.Contains(t, body, live.session, path)
			all = append(all, body)
		}
		return all
	}
	before := look()
	status, said := importFiles(t, "--to", bridge.URL+"/p/shop", filepath.Join(elsewhere.Data, "pymon.db"))
	assert.Zero(t, status)
	assert.Equal(t, 3, said.New["metric"])
	assert.Equal(t, before, look())
	_, runs := ask(t, bridge.URL+"/p/shop/api/v1/runs/?format=ndjson")
	assert.Equal(t, 2, strings.Count(runs, "\n"))
	assert.Contains(t, runs, `"42-imported"`)
}
