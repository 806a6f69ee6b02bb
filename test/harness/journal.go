package harness

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// DeadLetter is a dead letter in the bridge's file.
type DeadLetter struct {
	Class  string // "context", "session" or "metric"
	Name   string // hash of a session or context; item_variant of a metric, without addresses of objects
	Status int    // HTTP status; 0 when the record was not sent
	Reason string
	Seq    uint64 // number of the record, which stays in its table
}

// journalFile is the name of the bridge's file in its data directory.
const journalFile = "pymon.db"

// DeadLetters reads the dead letters in a data directory, in the order of acceptance. A bridge may use the directory
// meanwhile.
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

// EndWait ends the wait of parked metrics: the next start delivers them. It sets the time of their parking into the
// future, as if the clock had been set back since. No bridge may use the data directory meanwhile.
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

// RootPage returns the position of an index's first page in the bridge's file, in bytes. No bridge may use the file
// meanwhile.
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

// CountMetrics returns the number of metrics in a data directory, 0 for one without a file. A command may use it meanwhile.
func CountMetrics(tb testing.TB, data string) (n int) {
	tb.Helper()
	db := openJournal(tb, data, "mode=ro")
	defer func() { _ = db.Close() }() // nothing was written
	if db.QueryRow("SELECT count(*) FROM metrics").Scan(&n) != nil {
		return 0 // there is no file or no table yet
	}
	return n
}
