package sqlite_test

import (
	"testing"

	"pymon-bridge/monitor"
	"pymon-bridge/test/storetest"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	storetest.RunHistory(t, func(tb testing.TB, records []*monitor.Record) monitor.HistoryStore {
		db, _ := openNew(tb)
		appendAll(tb, db, records...)
		return db
	})
}
