package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// The operator tells the zone of the clients after a bridge has found a wrong one.
func TestRepeatsAreFoundAfterTheZoneIsTold(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	appendAll(t, db, record(process("s1", arrival)), record(measured("s1", "test_a", arrival)))
	require.NoError(t, db.Close())
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	told := open(t, dbAt(path, monitor.Zones{Server: time.UTC, Fixed: berlin}))
	again := record(measured("s1", "test_a", arrival))
	appendAll(t, told, again)
	assert.True(t, again.Repeat)
}
