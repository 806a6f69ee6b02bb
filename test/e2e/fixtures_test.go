package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// old says whether a client is older than 1.3.0. Such a client expects another answer than 201.
func old(f harness.Fixture) bool {
	return strings.HasPrefix(f.Client, "1.0.") || strings.HasPrefix(f.Client, "1.1.") || strings.HasPrefix(f.Client, "1.2.")
}

// The test replays the requests of real clients, each in a project of its own. The bridge gives the recorded answers, and each
// row arrives.
func TestEveryRecordedClientIsServed(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--no-judge"}}) // so that the bucket has metrics only

	clients := map[string]harness.Fixture{} // by project
	for _, fixture := range harness.Fixtures(t) {
		if !old(fixture) {
			clients[strings.ReplaceAll(fixture.Name, "+", "-")] = fixture
		}
	}
	for project, fixture := range clients {
		for n, reply := range fixture.Replay(t, bridge.URL+"/p/"+project) {
			assert.Equal(t, fixture.Requests[n].Status, reply.Status, "%s: %.300s\n%s", fixture.Name, fixture.Requests[n].Body, reply.Body)
		}
	}
	bridge.WaitDelivered()
	metrics := map[string][]point{}
	for _, p := range points(t, influx, bucket) {
		metrics[p.text("project")] = append(metrics[p.text("project")], p)
	}
	hashes := map[string][]string{} // by measurement and project
	for measurement, hash := range map[string]string{"contexts": "h", "sessions": "session_h"} {
		for _, row := range influx.Points(meta, measurement) {
			p := point{t, row}
			key := measurement + " of " + p.text("project")
			hashes[key] = append(hashes[key], p.text(hash))
		}
	}
	for project, fixture := range clients {
		t.Run(fixture.Name, func(t *testing.T) {
			assertArrived(t, sentMetrics(t, fixture), metrics[project])
			for measurement, hash := range map[string]string{"contexts": "h", "sessions": "session_h"} {
				assert.ElementsMatch(t, sentHashes(t, fixture, "/"+measurement+"/", hash), hashes[measurement+" of "+project], measurement)
			}
		})
		delete(metrics, project)
	}
	assert.Empty(t, metrics, "points of projects that nobody used")
}

// The test replays clients older than 1.3.0, which expect another answer than 201. The bridge refuses records that it cannot
// keep. It still serves a newer client afterwards.
func TestTooOldClientsAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, _ := startBridge(t, influx, harness.BridgeConfig{})
	var kept []harness.PymonMetric
	refused := 0
	for _, fixture := range harness.Fixtures(t) {
		if !old(fixture) {
			continue
		}
		for n, reply := range fixture.Replay(t, bridge.URL) {
			request := fixture.Requests[n]
			switch {
			case reply.Status == http.StatusCreated && strings.HasPrefix(request.Path, "/metrics"):
				kept = append(kept, decodeMetric(t, request.Body))
			case reply.Status >= 400:
				refused++
				assertReason(t, request, reply)
			default:
				assert.Contains(t, []int{200, 201, 204}, reply.Status, "%s %s", request.Method, request.Path)
			}
		}
	}
	assert.Positive(t, refused)
	for _, fixture := range harness.Fixtures(t) {
		if fixture.Name == "v1.6.6-default" {
			fixture.Replay(t, bridge.URL)
			kept = append(kept, sentMetrics(t, fixture)...)
		}
	}
	bridge.WaitDelivered()
	assertArrived(t, unique(kept), points(t, influx, bucket))
}

// assertReason asserts that the answer tells a person why the request was refused.
func assertReason(t *testing.T, request harness.Request, reply harness.Reply) {
	t.Helper()
	assert.Less(t, reply.Status, 500, "%s %s", request.Method, request.Path)
	var answer struct {
		Message string            `json:"message"`
		Errors  map[string]string `json:"errors"`
	}
	require.NoError(t, json.Unmarshal([]byte(reply.Body), &answer), reply.Body)
	assert.NotEmpty(t, answer.Message)
	if request.Method == http.MethodPost {
		assert.NotEmpty(t, answer.Errors, "%.300s\n%s", request.Body, reply.Body)
	}
}

// sentHashes returns the distinct hashes of the contexts or sessions that a fixture sends.
func sentHashes(t *testing.T, fixture harness.Fixture, path, key string) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range fixture.Requests {
		if r.Method != http.MethodPost || r.Path != path {
			continue
		}
		var sent map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.Body), &sent))
		seen[sent[key].(string)] = true
	}
	return slices.Collect(maps.Keys(seen))
}

// sentMetrics returns the distinct metrics that a fixture sends.
func sentMetrics(t *testing.T, fixture harness.Fixture) []harness.PymonMetric {
	t.Helper()
	var all []harness.PymonMetric
	for _, r := range fixture.Requests {
		if r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/metrics") {
			all = append(all, decodeMetric(t, r.Body))
		}
	}
	return unique(all)
}

func unique(metrics []harness.PymonMetric) (all []harness.PymonMetric) {
	seen := map[harness.PymonMetric]bool{}
	for _, m := range metrics {
		if !seen[m] {
			all = append(all, m)
		}
		seen[m] = true
	}
	return all
}

// loneSurrogate matches the lone surrogate that a recorded client sent. It also matches pairs with the same second half.
var loneSurrogate = regexp.MustCompile(`(\\ud[89ab][0-9a-f]{2})?\\udcff`)

// decodeMetric reads a metric as sent. encoding/json cannot read a lone surrogate, so a stand-in takes its place. The metric
// then has the three bytes that the surrogate would have in UTF-8 if it were a character.
func decodeMetric(t *testing.T, body string) harness.PymonMetric {
	t.Helper()
	const standIn, bytes = `\uf8ff`, "\xed\xb3\xbf"
	body = loneSurrogate.ReplaceAllStringFunc(body, func(s string) string {
		if s == `\udcff` {
			return standIn
		}
		return s
	})
	var m struct {
		SessionH      string  `json:"session_h"`
		ContextH      string  `json:"context_h"`
		ItemStartTime string  `json:"item_start_time"`
		ItemPath      string  `json:"item_path"`
		Item          string  `json:"item"`
		ItemVariant   string  `json:"item_variant"`
		ItemFSLoc     string  `json:"item_fs_loc"`
		Kind          string  `json:"kind"`
		Component     string  `json:"component"`
		TotalTime     float64 `json:"total_time"`
		UserTime      float64 `json:"user_time"`
		KernelTime    float64 `json:"kernel_time"`
		CPUUsage      float64 `json:"cpu_usage"`
		MemUsage      float64 `json:"mem_usage"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &m))
	m.ItemVariant = strings.ReplaceAll(m.ItemVariant, "\uf8ff", bytes)
	return harness.PymonMetric(m)
}
