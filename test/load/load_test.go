package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// A short form of the load, with sessions that end and begin meanwhile. Only the numbers of rows count here: what is accepted is
// stored and delivered, once.
func TestTheBridgeKeepsALoad(t *testing.T) {
	t.Parallel()
	c := config{rate: 60, duration: 20 * time.Second, pytests: 20, bursts: 1, plugins: 2, large: 1, tests: 36, largeTests: 120,
		readers: 4, patience: 5 * time.Minute}
	r := measureBridge(t, harness.SharedInflux(t), harness.BridgeConfig{}, c)
	r.print(t.Output(), "The bridge")
	require.NoError(t, r.err())
	assert.Zero(t, r.fates[refused]+r.fates[unknown])
	assert.Equal(t, r.fates[accepted], r.kept.stored)
	assert.Equal(t, r.kept.stored, r.kept.delivered)
	for _, kind := range kinds {
		require.Contains(t, r.tally.kinds, kind, "every kind of clients took part")
		assert.Zero(t, r.tally.kinds[kind].refused+r.tally.kinds[kind].unanswered+r.tally.kinds[kind].late, "%s: %s", kind, r.tally.kinds[kind].example)
	}
	assert.InDelta(t, c.rate*c.duration.Seconds(), float64(r.fates[accepted]), 0.15*c.rate*c.duration.Seconds(), "rows come at random times")
}
