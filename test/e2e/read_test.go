package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// shop has the posted records: two builds of a pipeline, and more metrics than two pages have.
type shop struct {
	machines [2]machine
	metrics  []harness.PymonMetric // in the order of time
}

// openShop posts the records of a shop.
func openShop(t *testing.T, base string) shop {
	t.Helper()
	posts := newBulkPoster(base)
	var s shop
	start := time.Now().UTC().Truncate(time.Second)
	for i := range s.machines {
		m := newMachine()
		m.started = start.Add(time.Duration(i) * time.Minute)
		posts.mustPost(t, "/contexts/", m.contextJSON())
		posts.mustPost(t, "/sessions/", fmt.Sprintf(`{"session_h": %q, "run_date": %q, "scm_ref": "c0ffee%d", "description":
			{"pipeline_branch": "main", "pipeline_build_no": "%d", "numpy": "%d.0", "run": "ci-%d"}}`,
			m.session, m.started.Format(harness.Isoformat), i, 7+i, 1+i, i))
		for n := range 600 {
			s.metrics = append(s.metrics, m.metric(fmt.Sprintf("test_cart[%d, %d]", i, n), m.started.Add(time.Duration(n)*time.Millisecond)))
		}
		s.machines[i] = m
	}
	posts.mustPostAll(t, s.metrics)
	return s
}

// rows returns metrics as read_all.py prints them.
func rows(metrics []harness.PymonMetric) (all [][]any) {
	for _, m := range metrics {
		all = append(all, []any{m.SessionH, m.ContextH, m.ItemStartTime, m.ItemPath, m.Item, m.ItemVariant, m.ItemFSLoc,
			m.Kind, m.Component, m.TotalTime, m.UserTime, m.KernelTime, m.CPUUsage, m.MemUsage})
	}
	return all
}

// variants returns the names of the three metrics with the greatest values, or with the smallest values unless head is set.
func variants(metrics []harness.PymonMetric, of func(harness.PymonMetric) float64, head bool) (names []string) {
	sorted := slices.SortedFunc(slices.Values(metrics), func(a, b harness.PymonMetric) int {
		if (of(a) < of(b)) != head {
			return -1
		}
		return 1
	})
	for _, m := range sorted[:3] {
		names = append(names, m.ItemVariant)
	}
	return names
}

// answers is the output of read_all.py.
type answers struct {
	Counts      []int               `json:"counts"`
	Session     string              `json:"session"`
	Context     string              `json:"context"`
	NoSession   any                 `json:"no session"`
	Sessions    [][]any             `json:"sessions"`
	Tagged      [][]any             `json:"tagged"`
	Restricted  [][]any             `json:"restricted"`
	Contexts    [][]any             `json:"contexts"`
	Components  []string            `json:"components"`
	Pipelines   []string            `json:"pipelines"`
	Metrics     [][]any             `json:"metrics"`
	Lists       []int               `json:"lists"`
	Builds      []string            `json:"builds"`
	ByComponent []string            `json:"component pipelines"`
	CompBuilds  []string            `json:"component builds"`
	BuildHashes []string            `json:"build sessions"`
	Top         map[string][]string `json:"top"`
}

// The Python client monitor_api reads the read routes, with several pages.
func TestPythonClientReadsEverything(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	s := openShop(t, bridge.URL+"/p/shop")
	for _, base := range []string{"/p/shop/api/v1", "/api/v1/"} {
		t.Run(base, func(t *testing.T) { assertAnswers(t, s, readAll(t, bridge.URL+base, s)) })
	}
}

// readAll runs read_all.py.
func readAll(t *testing.T, url string, s shop) (a answers) {
	t.Helper()
	root := harness.Root(t)
	cmd := exec.Command(filepath.Join(root, ".cache", "py", harness.Pytest91, "bin", "python"),
		filepath.Join(root, "test", "testdata", "read_all.py"), url, s.machines[0].session, s.machines[0].context, "test_cart", s.metrics[0].ItemVariant)
	cmd.Env = append(os.Environ(), "NO_PROXY=*")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &a))
	return a
}

func assertAnswers(t *testing.T, s shop, got answers) {
	t.Helper()
	first, second := s.machines[0], s.machines[1]
	assert.Equal(t, []int{2, 2, 1, 1200, 600, 600, 1200}, got.Counts)
	assert.Equal(t, []string{first.session, first.context}, []string{got.Session, got.Context})
	assert.Nil(t, got.NoSession)
	session := func(i int, m machine) []any {
		return []any{m.session, m.started.Format(harness.Isoformat), fmt.Sprintf("c0ffee%d", i),
			map[string]any{"pipeline_branch": "main", "pipeline_build_no": fmt.Sprint(7 + i), "numpy": fmt.Sprintf("%d.0", 1+i),
				"run": fmt.Sprintf("ci-%d", i)}}
	}
	both := [][]any{session(0, first), session(1, second)}
	assert.Equal(t, both, got.Sessions)
	assert.Equal(t, both[1:], got.Tagged)
	assert.Equal(t, both, got.Restricted)
	assert.Len(t, got.Contexts, 2)
	assert.Equal(t, []string{"shop"}, got.Components)
	assert.Equal(t, []string{"main"}, got.Pipelines)
	assert.Equal(t, rows(s.metrics), got.Metrics)
	assert.Equal(t, []int{600, 600, 600, 1200, 1200, 1200, 1200, 1, 1, 1200, 0}, got.Lists)
	assert.Equal(t, []string{"7", "8"}, got.Builds)
	assert.Equal(t, []string{"main"}, got.ByComponent)
	assert.Equal(t, []string{"7", "8"}, got.CompBuilds)
	assert.Equal(t, []string{first.session}, got.BuildHashes)
	for scope, metrics := range map[string][]harness.PymonMetric{"": s.metrics, "/components/shop": s.metrics,
		"/pipelines/main": s.metrics, "/pipelines/main/builds/7": s.metrics[:600]} {
		for name, of := range map[string]func(harness.PymonMetric) float64{
			"memory": func(m harness.PymonMetric) float64 { return m.MemUsage }, "cpu": func(m harness.PymonMetric) float64 { return m.CPUUsage },
			"kernel_time": func(m harness.PymonMetric) float64 { return m.KernelTime }, "user_time": func(m harness.PymonMetric) float64 { return m.UserTime },
			"total_time": func(m harness.PymonMetric) float64 { return m.TotalTime },
		} {
			assert.Equal(t, variants(metrics, of, true), got.Top[name+scope+"/head"], "%s%s", name, scope)
			assert.Equal(t, variants(metrics, of, false), got.Top[name+scope+"/tail"], "%s%s", name, scope)
		}
	}
}
