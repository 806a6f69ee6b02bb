package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// An idle bridge has a heap of a few MB. Its garbage collector lets 12 MB more gather between two runs, so that readers of
// lists do not make it run all the time.
func TestTheGarbageCollectorRunsSeldom(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Env: []string{"GOGC=100"}})
	goal, ok := bridge.Metrics().Sum("go_memstats_next_gc_bytes")
	assert.True(t, ok)
	assert.Greater(t, goal, float64(2*8<<20))
}
