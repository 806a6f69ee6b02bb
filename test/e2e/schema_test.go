package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// A property-based tester makes right and wrong requests from the OpenAPI document, to read and to write. No answer is a
// server error.
func TestAnswersFollowTheOpenAPIDocument(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC", "--page-size", "5"}})
	posts := newBulkPoster(bridge.URL + "/p/schema")
	m := newMachine()
	m.enrol(t, posts)
	posts.mustPostAll(t, m.metrics("test_cart", m.started, 12))

	program := filepath.Join(harness.Root(t), ".cache", "py", "schemathesis", "bin", "schemathesis")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("this test needs schemathesis, which `make python` installs: %v", err)
	}
	cmd := exec.Command(program, "run", bridge.URL+"/p/schema/api/v1/openapi.json", "--seed", "1", "--max-examples", "15",
		"--phases", "coverage,fuzzing", "--request-timeout", "30", "--no-color", "--warnings", "off", "--checks",
		"not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method")
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "LANG=C.UTF-8", "NO_PROXY=*"}
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
	assert.Regexp(t, `[0-9]{3,} generated, [0-9]+ passed`, string(out), "the tester made requests")
	assert.NotContains(t, bridge.Log(), `"level":"ERROR"`)
}
