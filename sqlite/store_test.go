package sqlite_test

import (
	"testing"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/storetest"
)

// stores are a store as it is, and one that finds everything the way it finds things in a large file.
var stores = map[string]func(db *sqlite.DB) *sqlite.Store{
	"usual": (*sqlite.DB).Store,
	"small": (*sqlite.DB).SmallStore,
}

func TestStore(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(tb testing.TB, records []*monitor.Record) monitor.Store {
				db, _ := openNew(tb)
				appendAll(tb, db, records...)
				return store(db)
			})
		})
	}
}

func TestStoreWhileWriting(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _ := openNew(t)
			storetest.RunWhileWriting(t, store(db), func(tb testing.TB, records []*monitor.Record) { appendAll(tb, db, records...) })
		})
	}
}
