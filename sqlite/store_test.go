package sqlite_test

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/storetest"
)

// stores has a store as it is, and a store that reads a small file in the ways that it reads a large file.
var stores = map[string]func(db *sqlite.DB) *sqlite.DB{
	"usual": func(db *sqlite.DB) *sqlite.DB { return db },
	"small": (*sqlite.DB).InSmallParts,
}

func TestStore(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(tb testing.TB, records []*monitor.Record) monitor.Store {
				db, _ := openNew(tb)
				appendAll(tb, db, records...)
				return store(db)
			}, questions[name])
		})
	}
}

// questions is n when the test asks every n-th question. The usual store gets all questions.
var questions = map[string]int{"usual": 1, "small": 3}

func TestStoreWhileWriting(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _ := openNew(t)
			storetest.RunWhileWriting(t, store(db), func(tb testing.TB, records []*monitor.Record) { appendAll(tb, db, records...) })
		})
	}
}

// TestPausedConsumersHoldNoConnection pauses more consumers in the middle of a list than there are connections. Other
// consumers can still read, and the log is copied into the file and used again.
func TestPausedConsumersHoldNoConnection(t *testing.T) {
	db, path := openNew(t)
	db.InSmallParts()
	l := newLoad()
	appendAll(t, db, l.records(1000)...)
	want := int64(1000 - 1) // without the session
	var resume []func() (*monitor.Metric, error, bool)
	for range 6 {
		next, stop := iter.Pull2(db.Metrics(t.Context(), monitor.MetricQuery{}, monitor.Page{}))
		defer stop()
		_, err, ok := next()
		require.NoError(t, err)
		require.True(t, ok)
		resume = append(resume, next)
	}
	n, err := db.CountMetrics(t.Context(), monitor.MetricQuery{})
	require.NoError(t, err)
	require.Equal(t, want, n)
	var most int64
	for range 16 {
		appendAll(t, db, l.records(125)...)
		require.NoError(t, db.CopyLog())
		most = max(most, size(path+"-wal"))
	}
	assert.Less(t, most, int64(400*2*4120), "the log only grows")

	read := int64(1)
	for {
		_, err, ok := resume[0]()
		require.NoError(t, err)
		if !ok {
			break
		}
		read++
	}
	assert.GreaterOrEqual(t, read, want)
}
