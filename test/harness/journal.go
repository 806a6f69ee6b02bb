package harness

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// DeadLetter is a record that a destination has refused for good, as the bridge's own file tells it.
type DeadLetter struct {
	Class  string // "context", "session" or "metric"
	Name   string // a session's or context's hash, a metric's item_variant without addresses
	Status int    // 0 when it was not sent
	Reason string
	Seq    uint64 // of the record, which stays in its table
}

// journalFile is the bridge's file in its data folder.
const journalFile = "pymon.db"

// DeadLetters reads the dead letters of a data folder, in the order of acceptance. A bridge may be serving it.
func DeadLetters(tb testing.TB, data string) []DeadLetter {
	tb.Helper()
	db := openJournal(tb, data, "mode=ro")
	defer func() { _ = db.Close() }() // nothing was written
	var letters []DeadLetter
	each(tb, db, `SELECT l.class, l.status, l.reason, coalesce(m.seq, s.seq, c.seq),
			coalesce(r.item_variant, sh.h, ch.h)
		FROM dead_letters l
		LEFT JOIN metrics m ON m.seq = l.seq LEFT JOIN series r ON r.id = m.series
		LEFT JOIN sessions s ON s.seq = l.seq LEFT JOIN hashes sh ON sh.id = s.hash
		LEFT JOIN contexts c ON c.seq = l.seq LEFT JOIN hashes ch ON ch.id = c.hash
		ORDER BY l.seq`, func(rows *sql.Rows) error {
		var l DeadLetter
		err := rows.Scan(&l.Class, &l.Status, &l.Reason, &l.Seq, &l.Name)
		letters = append(letters, l)
		return err
	})
	return letters
}

// EndWait makes the metrics of a data folder that wait for their context or session go out with the next start: it
// sets their beginning into the future, as if the clock had been set back since. No bridge may be serving the folder.
func EndWait(tb testing.TB, data string) {
	tb.Helper()
	db := openJournal(tb, data, "mode=rw")
	defer func() { _ = db.Close() }()
	result, err := db.Exec("UPDATE parked SET since = since + 3600000000000")
	if err != nil {
		tb.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		tb.Fatalf("nothing is parked in %s: %v", data, err)
	}
}

func openJournal(tb testing.TB, data, mode string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, journalFile)+"?"+mode+"&_pragma=busy_timeout(5000)")
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// RootPage returns where the first page of an index lies in the bridge's file, in bytes. No bridge may be serving it.
func RootPage(tb testing.TB, data, index string) (start, end int64) {
	tb.Helper()
	db := openJournal(tb, data, "mode=ro")
	defer func() { _ = db.Close() }() // nothing was written
	var page, size int64
	err := db.QueryRow("SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = ?", index).Scan(&page, &size)
	if err != nil {
		tb.Fatal(err)
	}
	return (page - 1) * size, page * size
}
