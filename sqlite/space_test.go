package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

func TestAFullDiskHeals(t *testing.T) {
	db, _ := openNew(t)
	kept := record(measured("s1", "test_a", arrival))
	appendAll(t, db, kept)
	require.NoError(t, db.LimitPages(0))
	var refused []*monitor.Record
	for i := range 2000 {
		refused = append(refused, record(measured(fmt.Sprint("session", i), fmt.Sprint("test_", i), arrival)))
	}
	err := db.Append(t.Context(), refused)
	require.Equal(t, monitor.EFull, monitor.ErrorCode(err), "%v", err)
	assert.Contains(t, err.Error(), "full")
	assert.False(t, db.Health().OK)
	assert.Zero(t, refused[0].Seq)
	assert.Len(t, next(t, db), 1)

	require.NoError(t, db.LimitPages(-1))
	db.MeasureSpace()
	assert.True(t, db.Health().OK)
	appendAll(t, db, refused...)
	assert.Equal(t, uint64(2), refused[0].Seq)
	assert.Len(t, next(t, db), 2001)
}

func TestRepeatsAreAnsweredWithoutRoom(t *testing.T) {
	for name, fill := range map[string]func(db *sqlite.DB){
		"too little left": func(db *sqlite.DB) { db.MinFree = 1 << 60 },
		"limit reached":   func(db *sqlite.DB) { db.MaxBytes = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			db, path := newDB(t, utcZones())
			make := func() []*monitor.Record {
				return []*monitor.Record{record(machine("m")), record(process("s", arrival)),
					record(measured("s", "test_a", arrival))}
			}
			require.NoError(t, db.Open(t.Context()))
			appendAll(t, db, make()...)
			require.NoError(t, db.Close())

			db = dbAt(path, utcZones())
			fill(db)
			open(t, db)
			again := make()
			appendAll(t, db, again...)
			assert.Equal(t, []uint64{1, 2, 3}, seqs(again...))
			for _, class := range []any{machine("m2"), process("s2", arrival), measured("s", "test_b", arrival),
				measured("s", "test_a", arrival.Add(time.Second))} {
				err := db.Append(t.Context(), append(make(), record(class)))
				var e *monitor.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, monitor.EFull, e.Code)
				assert.Positive(t, e.RetryAfter)
			}
			h := db.Health()
			assert.False(t, h.OK)
			assert.NotEmpty(t, h.Detail)
			require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 3}), "delivery works without room")
		})
	}
}

// While reads follow each other closely, SQLite has no moment at which it empties its log by itself.
func TestTheLogStaysSmallUnderReads(t *testing.T) {
	db, path := openNew(t)
	db.EmptyLogAt(4 << 20)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pool := raw(t, path)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				readFor(ctx, t, pool, 10*time.Millisecond)
			}
		})
	}
	for i := range 40 {
		s := process(fmt.Sprint(i), arrival)
		s.Description = fmt.Sprint(i, strings.Repeat("x", 512<<10))
		appendAll(t, db, record(s))
		require.Less(t, size(path+"-wal"), int64(9<<20))
	}
	cancel()
	readers.Wait()
}

// readFor reads one state of the file for a while.
func readFor(ctx context.Context, t *testing.T, pool *sql.DB, d time.Duration) {
	tx, err := pool.BeginTx(ctx, nil)
	if ctx.Err() != nil {
		return
	}
	assert.NoError(t, err)
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&n); ctx.Err() == nil {
		assert.NoError(t, err)
	}
	time.Sleep(d)
}

// A removal needs room in the log before it gives room back. A read may keep the log from being emptied at its end.
func TestARemovalMakesRoom(t *testing.T) {
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	fillTwoProjects(t, db, 1000)
	require.NoError(t, db.Close())
	db = dbAt(path, utcZones())
	db.MaxBytes = size(path)
	open(t, db)
	rec := record(measured("s", "test_more", arrival.Add(time.Hour)))
	require.Equal(t, monitor.EFull, monitor.ErrorCode(db.Append(t.Context(), []*monitor.Record{rec})))

	read, err := raw(t, path).Begin()
	require.NoError(t, err)
	var n int
	require.NoError(t, read.QueryRow("SELECT count(*) FROM sessions").Scan(&n))
	_, err = db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	require.False(t, removeSome(t, db, 1000))
	require.NoError(t, read.Rollback())
	eventually(t, "records are accepted again", func() bool { return db.Append(t.Context(), []*monitor.Record{rec}) == nil })
	assert.Less(t, size(path)+size(path+"-wal"), db.MaxBytes)
}
