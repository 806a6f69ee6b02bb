package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Nobody waits for hints to see what has regressed, and a check that is stopped meanwhile has its status.
func TestTheReportIsThereBeforeItsHints(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	file := filepath.Join(t.TempDir(), "again.txt")
	seen := ""
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := `{"project": "shop", "run": "r", "suite": {"status": "ok"}, "summary": {"tests": 1, "suspects": 1, "ok": 2},
			"results": [{"status": "suspect", "item": "test_a", "item_path": "test_a", "item_fs_loc": "test_a.py"}]}`
		if !strings.HasSuffix(r.URL.Path, "/regressions") {
			if seen == "" {
				seen = out.String()
				assert.FileExists(t, file)
			}
			answer = map[string]string{
				"/p/shop/api/v1/tests/flaky": `{"nodeid": "test_a.py::test_a", "pass_rate": 0.5}`,
				"/p/shop/api/v1/runs/r":      `{"run": "r", "tests": 1, "outcomes": {"passed": 1}}`,
				"/p/shop/api/v1/runs/r/outcomes": `{"nodeid": "test_a.py::test_a", "outcome": "passed", "item": "test_a", "kind": "function",
					"item_path": "test_a", "item_variant": "test_a", "item_fs_loc": "test_a.py",
					"total_time": 1, "user_time": 1, "kernel_time": 0, "cpu_usage": 1, "mem_usage": 1, "session_h": "0123456789abcdef0123456789abcdef",
					"item_start_time": "2026-03-02T10:00:00", "context_h": "0123456789abcdef0123456789abcdef"}`,
			}[strings.TrimSuffix(r.URL.Path, "/")]
			answer = strings.Join(strings.Fields(answer), " ")
		}
		_, err := w.Write([]byte(answer))
		assert.NoError(t, err)
	}))
	t.Cleanup(bridge.Close)
	status := (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), []string{"check", "--url", bridge.URL, "--rerun-file", file})
	assert.Zero(t, status, log.String())
	assert.Contains(t, seen, "confirms or clears it")
	rest, ok := strings.CutPrefix(out.String(), seen)
	assert.True(t, ok)
	assert.True(t, strings.HasPrefix(rest, "\nhint      1 test passes and fails"), "%q", rest)
}
