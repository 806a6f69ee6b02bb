package harness_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// metricsServer answers like the reference server and counts the posted metrics.
func metricsServer(t *testing.T) (url string, metrics func() int) {
	var mu sync.Mutex
	var count int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/metrics") {
			count++
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"h": "some-context"}`))
	}))
	t.Cleanup(server.Close)
	return server.URL, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

// Other tests rely on these rows.
func TestSampleSuiteMakesTheExpectedRows(t *testing.T) {
	t.Parallel()
	for _, python := range []string{harness.Pytest84, harness.Pytest91} {
		t.Run(python, func(t *testing.T) {
			t.Parallel()
			url, sent := metricsServer(t)
			run := harness.Pytest{Python: python, Git: true, Env: []string{"TZ=Asia/Kolkata"},
				Args: []string{"--remote-server", url, "--restrict-scope-to", "function,module", "--tag", "run=7"}}.Run(t)
			assert.Equal(t, 1, run.ExitCode, run.Output())
			assert.Contains(t, run.Output(), "2 failed, 63 passed, 2 skipped, 1 xfailed, 1 xpassed, 1 error")

			pymon := harness.ReadPymon(t, run.Database)
			assert.Len(t, pymon.Metrics, sent())
			require.Len(t, pymon.Sessions, 1)
			assert.Equal(t, run.ScmRef, pymon.Sessions[0].ScmRef)
			assert.JSONEq(t, `{"run": "7"}`, pymon.Sessions[0].Description)
			require.Len(t, pymon.Contexts, 1)
			assertSuiteRows(t, pymon.Metrics)
		})
	}
}

func assertSuiteRows(t *testing.T, metrics []harness.PymonMetric) {
	t.Helper()
	kinds, variants, components, items := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, m := range metrics {
		kinds[m.Kind]++
		variants[m.ItemVariant]++
		components[m.Component]++
		items[m.Item]++
	}
	assert.Equal(t, 8, kinds["module"])
	for _, id := range []string{"nul\x00byte", "new\nline", "\r\n", `ends in a backslash\`, "comma,comma", "key=value", "%41",
		"(none)", "tab\tstop", "🚀 👨\u200d👩\u200d👧", "line\u2028and paragraph\u2029separator", "\ufeffbyte order mark\ufffd",
		"<object object at 0x7f3a5c1d2e40>", strings.Repeat("x", 3000)} {
		assert.Equal(t, 1, variants["test_id["+id+"]"], "%q", id)
	}
	assert.Equal(t, 2, variants["test_id[p, q]"], "p-q and p, q have the same id")
	assert.Equal(t, 3, items["test_total"], "methods of two classes and a nested class, but not the unittest method")
	assert.Positive(t, components["(none)"])
	assert.Positive(t, components["été, \"a=b\" 100%\t50%41\n🚀 \\"])
	for _, unmeasured := range []string{"test_never_measured", "test_not_measured_now", "test_out", "test_still_out",
		"test_fails", "test_skips", "test_expected_to_fail"} {
		assert.Zero(t, items[unmeasured], unmeasured)
	}
	for _, measured := range []string{"test_measured_after_all", "test_in", "test_must_not_pass", "test_naïve_café",
		"test_passes_before_its_teardown_fails", "test_passes_unexpectedly"} {
		assert.Equal(t, 1, items[measured], measured)
	}
}

func TestPytestRunsWithParallelWorkers(t *testing.T) {
	t.Parallel()
	url, sent := metricsServer(t)
	run := harness.Pytest{Args: []string{"-c", "escaped.ini", "-n", "4", "--remote-server", url}}.Run(t)
	pymon := harness.ReadPymon(t, run.Database)
	assert.Len(t, pymon.Sessions, 5)
	assert.Len(t, pymon.Metrics, sent())
	for _, m := range pymon.Metrics {
		assert.NotContains(t, m.ItemVariant, "\n", "escaped by pytest")
	}
}

func TestPytestDoesNotSeeTheEnvironmentOfTheTest(t *testing.T) {
	t.Setenv("BUILD_NUMBER", "99")
	t.Setenv("JOB_NAME", "a CI job that runs these tests")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	url, sent := metricsServer(t)
	run := harness.Pytest{Args: []string{"--remote-server", url, "flat/test_flat.py"}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.Equal(t, 6, sent())
	assert.JSONEq(t, `{}`, harness.ReadPymon(t, run.Database).Sessions[0].Description)
	_, err := os.Stat(run.Dir + "/flat/__pycache__")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
