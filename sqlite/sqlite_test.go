package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

const dest monitor.Destination = "http://influx:8086 org bucket"

// arrival is when records arrive, unless a test sets another time.
var arrival = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func utcZones() monitor.Zones { return monitor.Zones{Server: time.UTC} }

// newDB returns a DB in a directory of its own, not yet open, and the path of its file.
func newDB(tb testing.TB, zones monitor.Zones) (*sqlite.DB, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), sqlite.FileName)
	return dbAt(path, zones), path
}

func dbAt(path string, zones monitor.Zones) *sqlite.DB {
	db := sqlite.New(path, zones, slog.New(slog.DiscardHandler))
	db.MinFree = 0
	return db
}

func open(tb testing.TB, db *sqlite.DB) *sqlite.DB {
	tb.Helper()
	require.NoError(tb, db.Open(tb.Context()))
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func openNew(tb testing.TB) (*sqlite.DB, string) {
	tb.Helper()
	db, path := newDB(tb, utcZones())
	return open(tb, db), path
}

// raw opens the file as another program would.
func raw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(tb, err)
	tb.Cleanup(func() { db.Close() })
	return db
}

// checkpoint copies the log of a file, as soon as no reader is in its way.
func checkpoint(t *testing.T, file *sql.DB, mode string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var busy bool
		require.NoError(t, file.QueryRow("PRAGMA wal_checkpoint("+mode+")").Scan(&busy, new(int), new(int)))
		return !busy
	}, time.Minute, 10*time.Millisecond)
}

func record(class any) *monitor.Record {
	rec := &monitor.Record{Project: "shop", Received: arrival, Client: "10.0.0.1"}
	switch v := class.(type) {
	case *monitor.Context:
		rec.Context = v
	case *monitor.Session:
		rec.Session = v
	case *monitor.Metric:
		rec.Metric = v
	case *monitor.Outcome:
		rec.Outcome = v
	default:
		panic(fmt.Sprintf("no record holds %T", class))
	}
	return rec
}

func machine(h string) *monitor.Context {
	return &monitor.Context{
		H: h, CPUCount: 8, CPUFrequency: 2300, CPUVendor: monitor.Text{String: "Example(R) CPU @ 2.30GHz"},
		RAMTotal: 32000, MachineNode: "build-01", MachineType: "x86_64", MachineArch: "64bit",
		SystemInfo: "Linux - 6.1.0", PythonInfo: "3.11.7 (main)",
	}
}

// local returns a time as a client writes it whose clock has the given offset.
func local(t time.Time, offset time.Duration) string {
	return t.Add(offset).UTC().Format("2006-01-02T15:04:05.000000")
}

func process(h string, started time.Time) *monitor.Session {
	return &monitor.Session{SessionH: h, RunDate: local(started, 0), ScmRef: monitor.Text{String: "c0ffee"}}
}

func measured(session, item string, started time.Time) *monitor.Metric {
	return &monitor.Metric{
		SessionH: session, ContextH: "machine", ItemStartTime: local(started, 0), ItemPath: "tests.test_shop",
		Item: item, ItemVariant: item + "[a, b]", ItemFSLoc: "tests/test_shop.py", Kind: "function", Component: "shop",
		TotalTime: 0.25, UserTime: 0.1, KernelTime: 0.01, CPUUsage: 0.44, MemUsage: -1.5,
	}
}

func appendAll(tb testing.TB, db *sqlite.DB, recs ...*monitor.Record) {
	tb.Helper()
	require.NoError(tb, db.Append(context.Background(), recs))
}

func next(tb testing.TB, db *sqlite.DB) []monitor.Pending {
	tb.Helper()
	pending, err := db.Next(context.Background(), dest, 0, math.MaxInt32)
	require.NoError(tb, err)
	return pending
}
