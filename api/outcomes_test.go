package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOutcomeRoutes requests every list of outcomes and its number.
func TestOutcomeRoutes(t *testing.T) {
	tests := []struct {
		path string
		want []string // node ids without the file
	}{
		{"/outcomes/", []string{"test_a[1-2]", "test_b", "test_a[3/4]", "like"}},
		{"/outcomes/?outcome=failed", []string{"test_b", "like"}},
		{"/outcomes/?outcome=xfailed", nil},
		{"/items/test_a/outcomes", []string{"test_a[1-2]", "test_a[3/4]"}},
		{"/items/test_a/outcomes?outcome=error", []string{"test_a[3/4]"}},
		{"/items/like/outcomes", []string{"like"}}, // the item "like"
		{"/items/secret/outcomes", nil},
		{"/sessions/s1/outcomes", []string{"test_a[1-2]", "test_b", "test_a[3/4]"}},
		{"/sessions/s/outcomes", nil},
		{"/sessions/count/outcomes", nil}, // the session "count"
		{"/runs/s2/outcomes", []string{"like"}},
		{"/runs/s1/outcomes?outcome=passed", []string{"test_a[1-2]"}},
		{"/runs/count/outcomes", nil},
		{"/contexts/c2/outcomes", []string{"like"}},
		{"/contexts/c1/outcomes?outcome=failed", []string{"test_b"}},
	}
	forEveryStore(t, func(t *testing.T, s *server) {
		for _, tt := range tests {
			t.Run(tt.path, func(t *testing.T) {
				path, query, _ := strings.Cut(tt.path, "?")
				count := s.get(t, "/p/team/api/v1"+strings.TrimSuffix(path, "/")+"/count?"+query)
				assert.EqualValues(t, len(tt.want), decode(t, count)["count"])
				w := s.get(t, "/p/team/api/v1"+tt.path)
				if tt.want == nil {
					assert.Equal(t, http.StatusNoContent, w.Code, w.Body)
					return
				}
				require.Equal(t, http.StatusOK, w.Code, w.Body)
				var nodes []string
				for _, o := range decode(t, w)["outcomes"].([]any) {
					nodes = append(nodes, strings.TrimPrefix(o.(map[string]any)["nodeid"].(string), "test.py::"))
				}
				assert.Equal(t, tt.want, nodes)
			})
		}
		assert.JSONEq(t, `{"count": 5}`, s.get(t, "/api/v1/outcomes/count").Body.String(), "this path reads all projects")
	})
}

func TestAnswerOfOutcomes(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *server) {
		assert.JSONEq(t, `{"outcomes": [{"session_h": "s2", "context_h": "c2", "item_start_time": "2026-11-22T16:03:13", "item_path": "",
			"item": "like", "item_variant": "like", "item_fs_loc": "", "kind": "function", "component": "items", "total_time": 4,
			"user_time": -4, "kernel_time": 0.4, "cpu_usage": 1, "mem_usage": 400, "nodeid": "test.py::like", "outcome": "failed",
			"attempts": 4, "setup_time": 0.5, "teardown_time": null, "mem_peak": 100, "mem_test": -1}], "total_page": 1}`,
			s.get(t, "/p/team/api/v1/runs/s2/outcomes").Body.String())
	})
}

func TestNoSuchOutcome(t *testing.T) {
	s := newServer(t, sample())
	for _, asked := range []string{"fail", "", "FAILED", "failed,error"} {
		for _, path := range []string{"/outcomes/", "/outcomes/count", "/runs/r/outcomes"} {
			w := s.get(t, "/api/v1"+path+"?outcome="+asked)
			assert.Equal(t, http.StatusBadRequest, w.Code, path)
			assert.Contains(t, w.Body.String(), "expected one of passed, failed, error, skipped, xfailed, xpassed")
		}
	}
}

// A page of failed tests links to the next page of failed tests.
func TestPagesKeepTheOutcome(t *testing.T) {
	s := newServer(t, sample())
	s.api.PageSize = 1
	first := decode(t, s.get(t, "/p/team/api/v1/outcomes/?outcome=failed"))
	second := decode(t, s.get(t, first["next_url"].(string)))
	assert.Equal(t, "test.py::like", second["outcomes"].([]any)[0].(map[string]any)["nodeid"])
	assert.NotContains(t, second, "next_url")
}
