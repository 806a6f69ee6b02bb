package sqlite_test

import (
	"bytes"
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

// nextVersion is an example of a later version. It adds a column that is computed from other tables, and a table.
const nextVersion = `ALTER TABLE sessions ADD COLUMN tags INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET tags = (SELECT count(*) FROM tags t WHERE t.session = sessions.hash);
CREATE TABLE later (id INTEGER PRIMARY KEY)`

// fill stores contexts, sessions and metrics, and also parked records, dead letters, pinned origins and a token.
func fill(t *testing.T, db *sqlite.DB) {
	t.Helper()
	mixed(t, db)
	for run := range 4 {
		start := arrival.Add(time.Duration(run) * time.Hour)
		s, context := process(fmt.Sprint("run", run), start), machine(fmt.Sprint("machine of run", run))
		s.Description = fmt.Sprintf(`{"branch": "main", "pipeline_build_no": "%d"}`, run)
		recs := []*monitor.Record{record(s), record(context)}
		for i := range 40 {
			m := measured(s.SessionH, fmt.Sprint("test_", i), start.Add(time.Duration(i)*time.Second))
			m.ContextH, m.Component = context.H, fmt.Sprint("component", i%3)
			m.TotalTime, m.UserTime, m.MemUsage = float64((i*37+run)%101)/8, float64(i%7), float64((i*53+run)%97)-20
			if i%10 == 0 {
				m.Kind, m.ItemVariant, m.CPUUsage, m.KernelTime = "module", "test[<object at 0x7f3a>]", math.NaN(), 0
			}
			recs = append(recs, record(m))
		}
		for _, rec := range recs {
			rec.Received = start.Add(time.Minute)
		}
		appendAll(t, db, recs...)
	}
	appendAll(t, db, record(became("run0", "tests/test_shop.py::test_pay", arrival)))
	keep(t, db, reportOn("run0", result("x", monitor.StatusSuspect)))
	ctx := t.Context()
	require.NoError(t, db.PinOrigins(ctx, map[uint64]monitor.Origin{40: {Env: "unknown", Run: "s"}}))
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{Cursor: 60, Park: []uint64{33},
		Bury: []monitor.DeadLetter{{Seq: 41, Class: monitor.ClassMetric, Status: 400, Reason: "no", At: arrival}}}))
	_, err := db.AddToken(ctx, monitor.Token{Project: "shop", Label: "ci", Created: arrival, Hash: [32]byte{1}})
	require.NoError(t, err)
}

// closedFile returns the path of a closed file of the newest version.
func closedFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := at(path)
	require.NoError(t, db.Open(t.Context()))
	fill(t, db)
	require.NoError(t, db.Close())
	return path
}

func at(path string) *sqlite.DB {
	db := dbAt(path, utcZones())
	db.Now = func() time.Time { return arrival }
	return db
}

// later returns a program that knows one version more.
func later(path, schema string) *sqlite.DB {
	db := at(path)
	db.AddSchema(schema)
	return db
}

func versionOf(t *testing.T, path string) (version int) {
	t.Helper()
	require.NoError(t, raw(t, path).QueryRow("PRAGMA user_version").Scan(&version))
	return version
}

// TestOlderFilesAreMigrated checks that a migrated file answers all questions like a new file with the same records.
func TestOlderFilesAreMigrated(t *testing.T) {
	path := closedFile(t)
	require.Equal(t, 2, versionOf(t, path))
	old, today := later(path, nextVersion), later(filepath.Join(t.TempDir(), sqlite.FileName), nextVersion)
	open(t, old)
	fill(t, open(t, today))
	require.Equal(t, 3, versionOf(t, path))
	require.Equal(t, everything(t, today), everything(t, old))
	var tags int
	require.NoError(t, raw(t, path).QueryRow("SELECT sum(tags) FROM sessions").Scan(&tags))
	require.Equal(t, 6+4*2, tags)
	checked(t, old)

	for _, db := range []*sqlite.DB{old, today} {
		appendAll(t, db, record(measured("run1", "test_more", arrival.Add(3*time.Hour))))
		keep(t, db, reportOn("run1"))
	}
	require.Equal(t, everything(t, today), everything(t, old), "also after new records")
}

// TestMigrationThatFailsChangesNothing checks that a file is as before when its migration fails halfway.
func TestMigrationThatFailsChangesNothing(t *testing.T) {
	path := closedFile(t)
	before := everything(t, open(t, at(path)))
	path = closedFile(t)
	require.ErrorContains(t, later(path, nextVersion+"; INSERT INTO nowhere VALUES (1)").Open(t.Context()), "nowhere")
	require.Equal(t, 2, versionOf(t, path))
	require.Equal(t, before, everything(t, open(t, at(path))))
}

// TestMigrationIsAnnounced checks that the log shows the difference between a bridge that migrates and a bridge that
// hangs.
func TestMigrationIsAnnounced(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	openAndClose := func(path string) {
		db := sqlite.New(path, utcZones(), logger)
		db.AddSchema(nextVersion)
		require.NoError(t, db.Open(t.Context()))
		require.NoError(t, db.Close())
	}
	path := closedFile(t)
	openAndClose(path)
	require.Contains(t, log.String(), "the file has an older version and is brought up to date")
	require.Contains(t, log.String(), "from=2 to=3")
	log.Reset()
	openAndClose(path)
	openAndClose(filepath.Join(t.TempDir(), sqlite.FileName))
	require.NotContains(t, log.String(), "brought up", "neither a file of the newest version nor a new file is migrated")
}

// everything returns the file's answers to many questions.
func everything(t *testing.T, db *sqlite.DB) map[string]any {
	t.Helper()
	ctx := t.Context()
	answers := make(map[string]any)
	keep := func(name string, answer any, err error) {
		t.Helper()
		require.NoError(t, err, name)
		answers[name] = fmt.Sprintf("%+v", answer)
	}
	var sent []string
	for _, p := range next(t, db) {
		sent = append(sent, fmt.Sprintf("%d %s %+v %+v %+v %+v %+v %+v", p.Seq, p.Project, p.Context, p.Session, p.Metric, p.Outcome, p.Pinned, p.Received))
	}
	keep("records", sent, nil)
	for _, p := range nextReports(t, db, dest, 100) {
		keep(fmt.Sprint("report ", p.Version), *p.Report, nil)
	}
	parked, err := db.Parked(ctx, dest, 0, 100)
	keep("parked", len(parked), err)
	letters, err := db.DeadLetters(ctx, dest, 100)
	keep("dead letters", letters, err)
	cursor, err := db.Cursor(ctx, dest)
	keep("cursor", cursor, err)
	tokens, err := db.Tokens(ctx)
	keep("tokens", tokens, err)
	unjudged, err := db.Unjudged(ctx, time.Time{}, arrival.Add(24*time.Hour), 100)
	for _, run := range unjudged {
		answers["unjudged "+run.ID] = *run
	}
	keep("unjudged", len(unjudged), err)
	for run, err := range db.Runs(ctx, monitor.RunQuery{}, monitor.Page{}) {
		require.NoError(t, err)
		run.Sessions = nil
		keep("verdict of run "+run.ID, fmt.Sprintf("%+v", run.Report), nil)
		run.Report = nil
		keep("run "+run.ID, *run, nil)
	}
	for of := range monitor.Measurements {
		for _, smallest := range []bool{false, true} {
			var top []string
			q := monitor.MetricQuery{Top: &monitor.Top{Of: of, Smallest: smallest}}
			for m, err := range db.InSmallParts().Metrics(ctx, q, monitor.Page{Limit: 30}) {
				require.NoError(t, err)
				top = append(top, fmt.Sprintf("%+v", *m))
			}
			keep(fmt.Sprintf("top %d %t", of, smallest), top, nil)
		}
	}
	return answers
}

// TestFilesCanShrink checks that free pages can be given back to the disk. Only a new file can get this setting.
func TestFilesCanShrink(t *testing.T) {
	_, path := openNew(t)
	var mode int
	require.NoError(t, raw(t, path).QueryRow("PRAGMA auto_vacuum").Scan(&mode))
	require.Equal(t, 2, mode, "incremental")
}
