package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// fillTwoProjects accepts records of "shop" and "gone" in turns. Some wait for delivery, some are dead letters.
func fillTwoProjects(t *testing.T, db *sqlite.DB, n int) {
	t.Helper()
	var recs []*monitor.Record
	add := func(project string, class any) {
		rec := record(class)
		rec.Project = project
		recs = append(recs, rec)
	}
	for _, project := range []string{"gone", "shop"} {
		add(project, machine("machine"))
		add(project, process("s", arrival))
		add(project, became("s", "test_outcome", arrival))
	}
	for i := range n {
		for _, project := range []string{"shop", "gone"} {
			m := measured("s", fmt.Sprint("test_", i%7), arrival.Add(time.Duration(i)*time.Millisecond))
			m.TotalTime, m.MemUsage = float64(i%97), float64(-i)
			if project == "gone" { // its measurements are the extremes of each zone
				m.TotalTime, m.ItemFSLoc = 1e6+float64(i), "tests/test_gone.py"
			}
			add(project, m)
		}
	}
	last := record(process("s", arrival))
	last.Project, last.Session.Completion, last.Session.Collected = "gone", monitor.Complete, 7
	recs = append(recs, last)
	appendAll(t, db, recs...)
	for _, project := range []string{"gone", "shop"} {
		require.NoError(t, db.KeepReport(t.Context(), &monitor.Report{Project: project, Run: "s", Started: arrival}))
		_, err := db.Accept(t.Context(), monitor.Acceptance{Project: project, Started: arrival})
		require.NoError(t, err)
	}
	_, err := db.AddToken(t.Context(), monitor.Token{Project: "gone", Hash: [32]byte{1}})
	require.NoError(t, err)
	_, err = db.AddToken(t.Context(), monitor.Token{Project: "shop", Hash: [32]byte{2}})
	require.NoError(t, err)
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: uint64(n), Park: []uint64{10, 11}, SetAside: []uint64{12, 13},
		Bury: []monitor.DeadLetter{{Dest: dest, Seq: 14, Class: monitor.ClassMetric}, {Dest: dest, Seq: 15, Class: monitor.ClassMetric}}}))
	require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{16: {Env: "x"}, 17: {Env: "x"}}))
}

// listed is a list as text.
func listed[T any](t *testing.T, list iter.Seq2[T, error]) (all []string) {
	t.Helper()
	for v, err := range list {
		require.NoError(t, err)
		all = append(all, fmt.Sprintf("%+v", v))
	}
	return all
}

// counted is a count as text.
func counted[Q any](t *testing.T, query Q, count func(context.Context, Q) (int64, error)) string {
	t.Helper()
	n, err := count(t.Context(), query)
	require.NoError(t, err)
	return fmt.Sprint(n)
}

// answersOf has what the reads say of a project, and of all projects.
func answersOf(t *testing.T, db *sqlite.DB, project string) map[string][]string {
	t.Helper()
	ctx, all := t.Context(), monitor.Page{}
	answers := map[string][]string{
		"sessions": listed(t, db.Sessions(ctx, monitor.SessionQuery{Project: project}, all)),
		"contexts": listed(t, db.Contexts(ctx, monitor.ContextQuery{Project: project}, all)),
		"metrics":  listed(t, db.Metrics(ctx, monitor.MetricQuery{Project: project}, all)),
		"outcomes": listed(t, db.Outcomes(ctx, monitor.OutcomeQuery{Project: project}, all)),
	}
	for of := monitor.Components; of <= monitor.Projects; of++ {
		q := monitor.NameQuery{Of: of, Project: project}
		answers[fmt.Sprint("names ", of)] = append(listed(t, db.Names(ctx, q, all)), counted(t, q, db.CountNames))
	}
	answers["counts"] = []string{
		counted(t, monitor.SessionQuery{Project: project}, db.CountSessions), counted(t, monitor.RunQuery{Project: project}, db.CountRuns),
		counted(t, monitor.ContextQuery{Project: project}, db.CountContexts), counted(t, monitor.MetricQuery{Project: project}, db.CountMetrics),
		counted(t, monitor.OutcomeQuery{Project: project}, db.CountOutcomes),
	}
	for run, err := range db.Runs(ctx, monitor.RunQuery{Project: project}, all) {
		require.NoError(t, err)
		answers["runs"] = append(answers["runs"], fmt.Sprint(run.ID, run.Tests, run.TotalTime, run.Environments, run.Outcomes, run.Started, run.Ended))
	}
	for of := range monitor.Measurements {
		for _, smallest := range []bool{true, false} {
			q := monitor.MetricQuery{Project: project, Top: &monitor.Top{Of: of, Smallest: smallest}}
			answers[fmt.Sprint("top ", of, smallest)] = listed(t, db.Metrics(ctx, q, monitor.Page{Limit: 20}))
		}
	}
	return answers
}

// rowsOf reads rows as texts.
func rowsOf(t *testing.T, file *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := file.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		all = append(all, fmt.Sprint(values...))
	}
	require.NoError(t, rows.Err())
	return all
}

// requireConsistent counts tallies and zone maps again, and looks for rows that nothing refers to.
func requireConsistent(t *testing.T, path string) {
	t.Helper()
	file := raw(t, path)
	require.Equal(t, rowsOf(t, file, "SELECT session, context, count(*), total(total_time) FROM metrics GROUP BY 1, 2 ORDER BY 1, 2"),
		rowsOf(t, file, "SELECT session, context, sum(metrics), total(total_time) FROM tallies GROUP BY 1, 2 ORDER BY 1, 2"))
	require.Equal(t, rowsOf(t, file, "SELECT session, count(*) FROM outcomes GROUP BY 1 ORDER BY 1"),
		rowsOf(t, file, "SELECT session, sum(outcomes) FROM outcome_tallies GROUP BY 1 ORDER BY 1"))
	extremes := "id, first_ns, total_time_max, total_time_min, mem_usage_max, mem_usage_min FROM "
	require.Equal(t, rowsOf(t, file, "SELECT "+extremes+`(SELECT seq / 64 AS id, min(utc_ns) AS first_ns, max(total_time) AS total_time_max,
			min(total_time) AS total_time_min, max(mem_usage) AS mem_usage_max, min(mem_usage) AS mem_usage_min FROM metrics GROUP BY 1)
		WHERE id <= (SELECT max(id) FROM zone_maps) ORDER BY 1`),
		rowsOf(t, file, "SELECT "+extremes+"zone_maps ORDER BY 1"))
	for table, unused := range map[string]string{
		"series": "id NOT IN (SELECT series FROM metrics UNION SELECT series FROM outcomes)",
		"hashes": "id NOT IN (SELECT session FROM metrics UNION SELECT context FROM metrics UNION SELECT session FROM outcomes " +
			"UNION SELECT context FROM outcomes UNION SELECT hash FROM contexts UNION SELECT hash FROM sessions)",
		"components": "id NOT IN (SELECT component FROM tallies UNION SELECT component FROM outcome_tallies)",
		"locations":  "id NOT IN (SELECT location FROM metrics UNION SELECT location FROM outcomes)",
		"texts":      "seq NOT IN (SELECT seq FROM metrics UNION SELECT seq FROM outcomes)",
		"tags":       "session NOT IN (SELECT hash FROM sessions)", "ends": "session NOT IN (SELECT hash FROM sessions)",
		"parked":         "seq NOT IN (SELECT seq FROM metrics UNION SELECT seq FROM outcomes)",
		"dead_letters":   "seq NOT IN (SELECT seq FROM metrics UNION SELECT seq FROM outcomes)",
		"pinned_origins": "seq NOT IN (SELECT seq FROM metrics UNION SELECT seq FROM outcomes)",
	} {
		require.Empty(t, rowsOf(t, file, "SELECT * FROM "+table+" WHERE "+unused), table)
	}
}

func deletion(t *testing.T, db *sqlite.DB, project string) *monitor.Deletion {
	t.Helper()
	_, err := db.AddDeletion(t.Context(), project)
	require.NoError(t, err)
	d, err := db.NextDeletion(t.Context())
	require.NoError(t, err)
	require.NotNil(t, d)
	return d
}

// Everything of a project is removed, and nothing of another one: its answers are the same as before. Sums and zone maps
// are as if the project had never been there. The space goes back to the disk.
func TestDeleteRecordsRemovesOneProject(t *testing.T) {
	const n = 1000
	db, path := newDB(t, utcZones())
	require.NoError(t, db.Open(t.Context()))
	fillTwoProjects(t, db, n)
	before := answersOf(t, db, "shop")
	has, err := db.SizeOf(t.Context(), "gone")
	require.NoError(t, err)
	want := monitor.ProjectSize{Contexts: 1, Sessions: 1, Metrics: n, Outcomes: 1, Runs: 1, Reports: 1, Tokens: 1, First: has.First, Last: has.Last}
	require.Equal(t, want, has)
	require.NoError(t, db.Close())
	bytes := size(path)
	db = dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	pages := rowsOf(t, raw(t, path), "PRAGMA page_count")

	d := deletion(t, db, "gone")
	require.NoError(t, db.DeleteRecords(t.Context(), d))
	require.NoError(t, db.SweepDeletion(t.Context(), d))
	require.NoError(t, db.EndDeletion(t.Context(), d))
	requireConsistent(t, path)
	require.Equal(t, before, answersOf(t, db, "shop"))
	require.Equal(t, before, answersOf(t, db, ""))
	has, err = db.SizeOf(t.Context(), "gone")
	require.NoError(t, err)
	require.Zero(t, has)
	file := raw(t, path)
	require.Len(t, rowsOf(t, file, "SELECT project FROM acceptances"), 1)
	require.Empty(t, rowsOf(t, file, "SELECT project FROM acceptances WHERE project = 'gone'"))
	require.Empty(t, rowsOf(t, file, "SELECT * FROM locations WHERE item_fs_loc LIKE '%gone%'"))
	require.Equal(t, []string{"0"}, rowsOf(t, file, "PRAGMA freelist_count"))
	require.Less(t, rowsOf(t, file, "PRAGMA page_count")[0], pages[0])
	require.Less(t, size(path)+size(path+"-wal"), bytes, "the disk has the space again")
	s, err := db.DeletionState(t.Context(), d.ID)
	require.NoError(t, err)
	require.True(t, s.FileDone)
	require.False(t, s.Ended.IsZero())
	require.Equal(t, want, s.Removed)
	tokens, err := db.Tokens(t.Context())
	require.NoError(t, err)
	require.Len(t, tokens.Valid, 1)

	// What waits for delivery are the records that are there.
	var waiting int
	for after := uint64(n); ; waiting++ {
		pending, err := db.Next(t.Context(), dest, after, 1)
		require.NoError(t, err)
		if len(pending) == 0 {
			break
		}
		require.Equal(t, "shop", pending[0].Project)
		after = pending[0].Seq
	}
	stats, err := db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.EqualValues(t, 2, stats.Parked)
	assert.EqualValues(t, 1, stats.Aside)
	assert.EqualValues(t, 1, stats.DeadLetters)
	assert.EqualValues(t, waiting+2, stats.Depth)

	// Records of the project are new ones, also after a restart, and take no earlier number.
	for range 2 {
		fillTwoProjects2(t, db)
		requireConsistent(t, path)
		require.NoError(t, db.Close())
		db = dbAt(path, utcZones())
		require.NoError(t, db.Open(t.Context()))
	}
	require.NoError(t, db.Close())
	_, err = os.Stat(path)
	require.NoError(t, err)
}

// fillTwoProjects2 accepts new records of both projects.
func fillTwoProjects2(t *testing.T, db *sqlite.DB) {
	t.Helper()
	last, err := db.Stats(t.Context(), "nobody")
	require.NoError(t, err)
	for i := range 40 {
		for _, project := range []string{"gone", "shop"} {
			rec := record(measured("s", fmt.Sprint("test_", i), arrival.Add(time.Hour+time.Duration(last.Depth)*time.Second)))
			rec.Project = project
			appendAll(t, db, rec)
			require.False(t, rec.Repeat)
			require.Greater(t, rec.Seq, uint64(2*1000))
		}
	}
}

// While a project is removed, nobody sees it, and its records that arrive are new ones. The interrupted removal goes on.
func TestRecordsOfAProjectThatIsRemovedAreNew(t *testing.T) {
	db, path := newDB(t, utcZones())
	ctx, cancel := context.WithCancel(t.Context())
	var interrupt atomic.Bool
	db.Now = func() time.Time { // is asked in the first transaction
		if interrupt.Load() {
			cancel()
		}
		return arrival
	}
	open(t, db)
	fillTwoProjects(t, db, 700)
	before := answersOf(t, db, "shop")
	d := deletion(t, db, "gone")
	interrupt.Store(true)
	hides := db.Hides()
	require.ErrorIs(t, db.DeleteRecords(ctx, d), context.Canceled)
	assert.Greater(t, db.Hides(), hides, "couriers hear of it")
	interrupt.Store(false)
	again := record(process("s", arrival))
	again.Project = "gone"
	same := record(measured("s", "test_1", arrival.Add(time.Millisecond)))
	same.Project, same.Metric.TotalTime, same.Metric.MemUsage, same.Metric.ItemFSLoc = "gone", 1e6+1, -1, "tests/test_gone.py"
	appendAll(t, db, again, same)
	assert.False(t, again.Repeat || same.Repeat, "the earlier ones are gone already")
	assert.Len(t, listed(t, db.Metrics(t.Context(), monitor.MetricQuery{Project: "gone"}, monitor.Page{})), 1)
	pending, err := db.Next(t.Context(), dest, 0, 100_000)
	require.NoError(t, err)
	for _, p := range pending {
		require.Contains(t, []string{"gone", "shop"}, p.Project)
	}
	d, err = db.NextDeletion(t.Context())
	require.NoError(t, err)
	require.False(t, d.State.Began.IsZero())
	require.NoError(t, db.DeleteRecords(t.Context(), d))
	require.NoError(t, db.SweepDeletion(t.Context(), d))
	requireConsistent(t, path)
	require.Equal(t, before, answersOf(t, db, "shop"))
	size, err := db.SizeOf(t.Context(), "gone")
	require.NoError(t, err)
	assert.EqualValues(t, 2, size.Records())
}
