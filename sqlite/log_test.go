package sqlite_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
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

// A small file has a small log. It is copied before it has to be emptied, for which clients would wait.
func TestASmallLogIsCopiedEarlier(t *testing.T) {
	db, path := newDB(t, utcZones())
	db.MaxBytes = 32 << 20
	open(t, db)
	beside := raw(t, path)
	var busy, pages, copied int
	anew := false // on a slow machine
	for n := 0; pages < 200 && !anew; n++ {
		c, before := machine(fmt.Sprint("m", n)), pages
		c.CPUType = strings.Repeat(fmt.Sprint(n), 10_000)
		appendAll(t, db, record(c))
		require.NoError(t, beside.QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &copied))
		anew = pages < before
	}
	require.Less(t, pages, 250, "the log is emptied from 254 pages on")
	require.Eventually(t, func() bool {
		require.NoError(t, beside.QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &copied))
		return copied == pages || anew
	}, time.Minute, time.Millisecond)
}

// A file that refuses may be damaged, and its log the only whole copy.
func TestTheLogOfAFileThatRefusesIsNotCopied(t *testing.T) {
	db, path := openNew(t)
	appendAll(t, db, newLoad().records(500)...)
	beside := raw(t, path)
	var busy, frames, copied int
	require.NoError(t, beside.QueryRow("SELECT count(*) FROM metrics").Scan(&frames)) // SQLite copies the log when nobody has it open any more
	db.BreakCommitsUntilReopen(errors.New("a broken disk"))
	require.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m"))}))
	for _, refuses := range []bool{true, false} {
		if !refuses {
			db.BreakCommits(nil)
			require.NoError(t, db.Reopen())
		}
		require.NoError(t, db.CopyLargeLog())
		require.NoError(t, beside.QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &frames, &copied))
		assert.Positive(t, frames)
		assert.Equal(t, refuses, copied == 0)
	}
	db, _ = openNew(t)
	db.BreakCommitsUntilReopen(errors.New("a broken disk"))
	require.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m"))}))
	require.NoError(t, db.CopyLog(), "it refuses while the log is being copied")
}

// The log may have pages alone that count as copied. The connection that wrote is the only one here, and would copy the rest.
func TestTheLogIsNotCopiedWhenAWriteFails(t *testing.T) {
	db, path := openNew(t)
	checked(t, db)
	db.BreakCommitsUntilReopen(errors.New("a broken disk"))
	require.Error(t, db.Append(t.Context(), []*monitor.Record{record(machine("m"))}))
	log, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	assert.Positive(t, log.Size())
}

// partlyCopied opens db, whose log is copied in part. A reader keeps SQLite from copying the whole log, so SQLite does not sync what it
// copies. release ends the reader. lose drops the pages that were copied since, as the system may after a sync that failed. The log has them.
func partlyCopied(t *testing.T, db *sqlite.DB, path string) (l *load, release, lose func()) {
	t.Helper()
	require.NoError(t, db.Open(t.Context()))
	l = newLoad()
	appendAll(t, db, l.records(500)...)
	require.NoError(t, db.CopyLog())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() }) // not earlier: it would end SQLite's locks
	before, err := io.ReadAll(file)
	require.NoError(t, err)

	appendAll(t, db, l.records(300)...)
	reader := raw(t, path)
	tx, err := reader.Begin()
	require.NoError(t, err)
	require.NoError(t, tx.QueryRow("SELECT count(*) FROM metrics").Scan(new(int)))
	appendAll(t, db, l.records(200)...)
	require.NoError(t, db.CopyLog())
	var busy, frames, copied int
	require.NoError(t, reader.QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &frames, &copied))
	require.Positive(t, copied)
	require.Less(t, copied, frames)
	release = func() {
		require.NoError(t, tx.Rollback())
		require.NoError(t, reader.Close())
	}
	return l, release, func() {
		require.NoError(t, file.Truncate(int64(len(before))))
		_, err = file.WriteAt(before, 0)
		require.NoError(t, err)
	}
}

// halfCopied opens db, in whose file pages are lost that count as copied, since the sync after the rest has failed.
func halfCopied(t *testing.T, db *sqlite.DB, path string) *load {
	t.Helper()
	l, release, lose := partlyCopied(t, db, path)
	require.NoError(t, db.FailToCopyLog())
	lose()
	release()
	return l
}

// Readers get pages from the file that count as copied. After a copy that failed, they get them from the log.
func TestReadersMissNothingThatAFailedSyncMayHaveLost(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, db *sqlite.DB, lose func()){
		"beside others": func(t *testing.T, db *sqlite.DB, lose func()) {
			require.NoError(t, db.Readers().Close())
			require.Error(t, db.CopyLog())
			lose()
		},
		"alone": func(t *testing.T, db *sqlite.DB, lose func()) {
			require.Error(t, db.FailToCopyLogAlone())
			lose()
		},
		"alone, and the pages cannot be written again at first": func(t *testing.T, db *sqlite.DB, lose func()) {
			db.BreakCommitsUntilReopen(errors.New("a broken disk"))
			require.ErrorContains(t, db.FailToCopyLogAlone(), "a broken disk")
			lose()
			db.BreakCommits(nil)
			require.NoError(t, db.Reopen(), "the check finds the pages")
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			_, release, lose := partlyCopied(t, db, path)
			release()
			fail(t, db, lose)
			beside := raw(t, path)
			var metrics int
			require.NoError(t, beside.QueryRow("SELECT count(*) FROM metrics NOT INDEXED").Scan(&metrics))
			assert.Equal(t, 1000-1, metrics, "without the session")
			var sound string
			require.NoError(t, beside.QueryRow("PRAGMA integrity_check").Scan(&sound))
			assert.Equal(t, "ok", sound)
			require.NoError(t, beside.Close())
			require.NoError(t, db.Close())
		})
	}
}

// requireWhole opens a file to which newLoad has sent records, and closes it.
func requireWhole(t *testing.T, path string, records int) {
	t.Helper()
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	n, err := db.CountMetrics(t.Context(), monitor.MetricQuery{})
	require.NoError(t, err)
	assert.EqualValues(t, records-2, n, "without the two contexts")
	var sound string
	require.NoError(t, raw(t, path).QueryRow("PRAGMA integrity_check").Scan(&sound))
	assert.Equal(t, "ok", sound)
	require.NoError(t, db.Close())
}

func TestWhatAFailedSyncMayHaveLostIsCopiedAgain(t *testing.T) {
	broken := errors.New("a broken disk")
	for name, end := range map[string]func(db *sqlite.DB) error{
		"the next copy":                         (*sqlite.DB).CopyLogWithoutCache,
		"the log is emptied":                    func(db *sqlite.DB) error { db.EmptyLogAt(1); return nil },
		"the bridge ends":                       func(*sqlite.DB) error { return nil },
		"the bridge ends and can write nothing": func(db *sqlite.DB) error { return broken },
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			l := halfCopied(t, db, path)
			err := end(db)
			appendAll(t, db, l.records(100)...) // SQLite may begin the log anew
			db.BreakCommits(err)
			require.ErrorIs(t, db.Close(), err)
			requireWhole(t, path, 1100)
		})
	}
}

// A command has the file open beside the bridge. It does not know that a sync failed. Nor does SQLite's index, which the command keeps.
func TestACommandDoesNotLoseWhatAFailedSyncMayHaveLost(t *testing.T) {
	broken := errors.New("a broken disk")
	ends := func(t *testing.T, db *sqlite.DB) {
		db.BreakCommits(broken)
		require.ErrorIs(t, db.Close(), broken)
	}
	commandLast := func(t *testing.T, db, command *sqlite.DB, _ string, l *load) {
		appendAll(t, db, l.records(100)...)
		ends(t, db)
		require.NoError(t, command.Close())
	}
	for name, c := range map[string]struct {
		before bool // the command begins before the bridge
		end    func(t *testing.T, db, command *sqlite.DB, path string, l *load)
	}{
		"the index lives on": {false, func(t *testing.T, db, command *sqlite.DB, path string, l *load) {
			ends(t, db)
			next := dbAt(path, utcZones())
			require.NoError(t, next.Open(t.Context()))
			require.NoError(t, next.CopyLogWithoutCache())
			appendAll(t, next, l.records(100)...)
			require.NoError(t, command.Close())
			require.NoError(t, next.Close())
		}},
		"the index lives on until the next bridge ends": {false, func(t *testing.T, db, command *sqlite.DB, path string, l *load) {
			ends(t, db)
			next := dbAt(path, utcZones())
			require.NoError(t, next.Open(t.Context()))
			require.NoError(t, command.Close())
			appendAll(t, next, l.records(100)...)
			require.NoError(t, next.Close())
		}},
		"the command ends last":                  {false, commandLast},
		"the command begins first and ends last": {true, commandLast},
		"the command writes while the log is large": {true, func(t *testing.T, db, command *sqlite.DB, path string, l *load) {
			command.EmptyLogAt(1)
			_, err := command.AddToken(t.Context(), monitor.Token{Project: "p", Label: "ci", Scopes: []monitor.Scope{monitor.ScopeRead}})
			require.NoError(t, err)
			appendAll(t, db, l.records(100)...)
			require.NoError(t, command.Close())
			require.NoError(t, db.Close())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			command := dbAt(path, utcZones())
			if c.before {
				require.NoError(t, command.OpenShared(t.Context()))
			}
			l := halfCopied(t, db, path)
			if !c.before {
				require.NoError(t, command.OpenShared(t.Context()))
			}
			c.end(t, db, command, path, l)
			requireWhole(t, path, 1100)
		})
	}
}
