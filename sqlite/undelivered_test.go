package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestUndelivered follows records of two projects to a destination.
func TestUndelivered(t *testing.T) {
	db, _ := openNew(t)
	last, err := db.LastSeq(t.Context())
	require.NoError(t, err)
	assert.Zero(t, last)

	fetched := record(machine("fetched"))
	fetched.Fetched = true
	session, own, other := record(process("s1", arrival)), record(measured("s1", "test_a", arrival)), record(measured("s2", "test_b", arrival))
	session.Project, own.Project, other.Project = "shop", "shop", "depot"
	appendAll(t, db, session, own, other, fetched)
	last, err = db.LastSeq(t.Context())
	require.NoError(t, err)
	assert.Equal(t, fetched.Seq, last)
	later := record(measured("s1", "test_later", arrival))
	later.Project = "shop"
	appendAll(t, db, later)

	undelivered := func(project string, upTo uint64) int64 {
		n, err := db.Undelivered(t.Context(), dest, project, upTo)
		require.NoError(t, err)
		return n
	}
	assert.EqualValues(t, 3, undelivered("shop", last), "neither what was fetched nor what came later")
	assert.EqualValues(t, 4, undelivered("shop", later.Seq))
	assert.EqualValues(t, 3, undelivered("other", last), "what is in front has to be delivered first")

	settle := func(s monitor.Settlement) { require.NoError(t, db.Settle(t.Context(), dest, s)) }
	settle(monitor.Settlement{Cursor: other.Seq, Park: []uint64{own.Seq, other.Seq}})
	assert.EqualValues(t, 1, undelivered("shop", last), "its own that is parked")
	assert.Zero(t, undelivered("other", last))
	assert.Zero(t, undelivered("shop", own.Seq-1))
	settle(monitor.Settlement{Cursor: later.Seq, Unpark: []uint64{own.Seq}})
	assert.Zero(t, undelivered("shop", last))
	assert.Zero(t, undelivered("shop", later.Seq))
}
