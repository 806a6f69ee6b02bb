package sqlite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// The readiness says that the log cannot be emptied until SQLite has begun it anew, or the file was opened again.
func TestTheLogGrowsNoMoreOnceItIsSmallOrOpenedAgain(t *testing.T) {
	const grows = "SQLite's log grows"
	db, _ := openNew(t)
	db.EmptyLogAt(1) // so the log is large
	db.SayLogGrows(errors.New("a broken disk"))
	appendAll(t, db, record(machine("m1")))
	require.Contains(t, db.Health().Detail, grows, "it is as large as before")
	db.EmptyLogAt(1 << 30)
	appendAll(t, db, record(machine("m2")))
	assert.NotContains(t, db.Health().Detail, grows)

	db.EmptyLogAt(1)
	db.SayLogGrows(errors.New("a broken disk"))
	db.BreakCommitsUntilReopen(errors.New("a broken disk"))
	require.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m3"))}))
	require.Contains(t, db.Health().Detail, grows)
	db.BreakCommits(nil)
	require.NoError(t, db.Reopen())
	assert.NotContains(t, db.Health().Detail, grows)
}

// The log is copied in the background, and SQLite then begins it anew.
func TestTheLogIsCopiedInTheBackground(t *testing.T) {
	db, path := openNew(t)
	require.NoError(t, db.CopyLogAt(0)) // commits copy nothing
	db.EmptyLogAt(1 << 40)
	beside := raw(t, path)
	n, pages := 0, 0
	require.Eventually(t, func() bool {
		c, before := machine(fmt.Sprint("m", n)), pages
		c.CPUType = strings.Repeat(fmt.Sprint(n), 10_000)
		n++
		appendAll(t, db, record(c))
		var busy, copied int
		require.NoError(t, beside.QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &copied))
		return pages < before
	}, time.Minute, time.Millisecond, "the log only grows")
}
