package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// The token of a test machine is in many hands. It can send measurements, but it reads nothing.
func TestScopesOfTokens(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	write := addToken(t, bridge.Data, "shop", "--scope", "write")
	read := addToken(t, bridge.Data, "shop", "--scope", "read")
	admin := addToken(t, bridge.Data, "shop", "--scope", "admin")
	waitStatus(t, bridge.URL, read, http.StatusOK)
	assert.Equal(t, http.StatusForbidden, statusWith(t, bridge.URL, write))
	assert.Equal(t, http.StatusOK, statusWith(t, bridge.URL, admin))

	pytest := func(token string) string {
		remote := strings.Replace(bridge.URL, "://", "://x:"+token+"@", 1)
		run := harness.Pytest{Env: []string{"NETRC=/dev/null"}, Args: []string{"--remote-server", remote, "flat/test_flat.py"}}.Run(t)
		assert.Equal(t, 0, run.ExitCode, run.Output())
		return run.Output()
	}
	assert.Contains(t, pytest(read), "Cannot insert execution context in remote server (rc=403!")
	assert.Zero(t, countRows(harness.Stored(t, bridge.Data), "contexts"))
	assert.NotContains(t, pytest(write), "Cannot insert")
	assert.NotContains(t, pytest(write), "Cannot insert", "a second run finds its context")
	stored := harness.Stored(t, bridge.Data)
	assert.Equal(t, []int{1, 2, 12}, []int{countRows(stored, "contexts"), countRows(stored, "sessions"), countRows(stored, "metrics")})

	check := func(token string) harness.Result {
		return harness.RunProgram(t, []string{"PYMON_TOKEN=" + token}, "check", "--url", bridge.URL, "--fail-on", "never")
	}
	for _, token := range []string{read, admin} {
		r := check(token)
		assert.Equal(t, 0, r.ExitCode, r.Stderr)
	}
	refused := check(write)
	assert.Equal(t, 2, refused.ExitCode)
	assert.Contains(t, refused.Stderr, "lacks the scope read")

	wrong := harness.RunProgram(t, nil, "token", "add", "shop", "--data", bridge.Data, "--scope", "everything")
	assert.Equal(t, 2, wrong.ExitCode)
	assert.Contains(t, wrong.Stderr, `--scope must be one of "write","read","admin" but got "everything"`)
}
