package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// One bit of the log flips while a killed bridge is down, or the end of the log is cut off.
func TestDamagedLogIsNamedAfterAKill(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	process := newMachine()
	process.enrol(t, newPoster(bridge.URL))
	kept := process.metrics("test_cart[kept]", process.started, 300)
	newBulkPoster(bridge.URL).mustPostAll(t, kept)
	bridge.Kill()
	log := filepath.Join(bridge.Data, "pymon.db-wal")
	whole, err := os.ReadFile(log)
	require.NoError(t, err)
	for name, damage := range map[string]func(b []byte) []byte{
		"flipped in the middle": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"flipped at the end":    func(b []byte) []byte { b[len(b)-100] ^= 4; return b },
		"flipped header":        func(b []byte) []byte { b[17] ^= 4; return b },
		"cut":                   func(b []byte) []byte { return b[:len(b)*2/3] },
	} {
		require.NoError(t, os.WriteFile(log, damage(append([]byte(nil), whole...)), 0o600))
		result := harness.RunProgram(t, nil, "serve", "--data", bridge.Data, "--listen", "127.0.0.1:0")
		assert.Equal(t, 1, result.ExitCode, name)
		assert.Contains(t, result.Stderr, "is damaged: ", name)
		assert.Contains(t, result.Stderr, "its log pymon.db-wal", name)
	}
	require.NoError(t, os.WriteFile(log, whole, 0o600))
	bridge.Start()
	newPoster(bridge.URL).mustPostAll(t, kept)
	assert.EqualValues(t, len(kept), bridge.Metrics()[`pymon_bridge_repeats_total{class="metric"}`])
}
