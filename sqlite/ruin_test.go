package sqlite_test

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// full makes a file that has something of everything, and returns the path of the file. It is closed.
func full(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	fillAll(t, db)
	require.NoError(t, db.Close())
	return path
}

func fillAll(t *testing.T, db *sqlite.DB) {
	t.Helper()
	digest := func(kind string, n int) string { return fmt.Sprintf("%s%031x", kind, n) }
	// A start on a whole second is not as Python writes it, so its text is stored. Sessions have such starts, or others, or both.
	fraction := [4][2]time.Duration{{0, 0}, {time.Millisecond, time.Millisecond}, {0, time.Millisecond}, {time.Microsecond, time.Millisecond}}
	for i := range 3 {
		recs := []*monitor.Record{record(machine(digest("a", i)))}
		for j := range 4 {
			n := 4*i + j
			start := arrival.Add(time.Duration(n) * time.Minute)
			s := record(process(digest("b", n), start))
			s.Received = start.Add(time.Second)
			s.Session.Description = fmt.Sprintf(`{"suite": "nightly %d", "note": %q}`, n, strings.Repeat("x", n%5*2000))
			recs = append(recs, s)
			for k := range 36 {
				m := measured(s.Session.SessionH, fmt.Sprintf("test_%d", (7*n+k)%50), start.Add(time.Duration(k)*time.Second+fraction[n%4][k%2]))
				m.ContextH, m.TotalTime = recs[0].Context.H, float64(k)/8
				m.ItemFSLoc = fmt.Sprintf("tests/test_%d.py", k%9)
				if k%11 == 3 {
					m.ItemVariant = fmt.Sprintf("%s[<object object at 0x7f%06x>]", m.Item, 1000*n+k)
				}
				rec := record(m)
				if k%6 == 5 {
					rec = record(&monitor.Outcome{Metric: *m, NodeID: fmt.Sprint("tests/test_shop.py::", k), Outcome: "failed", Attempts: 1})
				}
				rec.Received = start.Add(time.Minute)
				recs = append(recs, rec)
			}
			if j%2 == 0 {
				ended := record(new(*s.Session))
				ended.Session.Completion, ended.Received = monitor.Complete, start.Add(2*time.Minute)
				recs = append(recs, ended)
			}
		}
		appendAll(t, db, recs...)
	}
	for n := range 3 {
		_, err := db.AddToken(t.Context(), monitor.Token{Project: "shop", Label: fmt.Sprint("token ", n), Hash: [32]byte{byte(n + 1)},
			Scopes: []monitor.Scope{monitor.ScopeRead}})
		require.NoError(t, err)
	}
	require.NoError(t, db.RevokeToken(t.Context(), 3))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 200, Park: []uint64{17, 18, 19, 20, 21}, SetAside: []uint64{23},
		Bury: []monitor.DeadLetter{{Dest: dest, Seq: 40, Class: monitor.ClassMetric, Status: 422, Reason: "outside retention"}}}))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 200, Unpark: []uint64{21}}))
	require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{17: {Env: "unknown", Run: "r"}}))
	for n := range 5 {
		require.NoError(t, db.KeepReport(t.Context(), reportOn(fmt.Sprint("run ", n))))
	}
}

// contents are the queries for everything that a file keeps, by table. The first column is the key.
var contents = map[string]string{
	"contexts": "SELECT c.seq, h.project, h.h, c.* FROM contexts c JOIN hashes h ON h.id = c.hash",
	"sessions": "SELECT s.seq, h.project, h.h, s.* FROM sessions s JOIN hashes h ON h.id = s.hash",
	"metrics": `SELECT m.seq, s.h, s.project, c.h, c.project, r.*, l.item_fs_loc, m.*, t.* FROM metrics m JOIN hashes s ON s.id = m.session
		JOIN hashes c ON c.id = m.context JOIN series r ON r.id = m.series JOIN locations l ON l.id = m.location LEFT JOIN texts t ON t.seq = m.seq`,
	"outcomes": `SELECT m.seq, s.h, s.project, c.h, c.project, r.*, l.item_fs_loc, m.*, t.* FROM outcomes m JOIN hashes s ON s.id = m.session
		JOIN hashes c ON c.id = m.context JOIN series r ON r.id = m.series JOIN locations l ON l.id = m.location LEFT JOIN texts t ON t.seq = m.seq`,
	"ends":           "SELECT * FROM ends",
	"tokens":         "SELECT * FROM tokens",
	"reports":        "SELECT * FROM reports",
	"destinations":   "SELECT id, name, cursor, reports FROM destinations",
	"parked":         "SELECT seq, * FROM parked",
	"dead_letters":   "SELECT seq, * FROM dead_letters",
	"pinned_origins": "SELECT * FROM pinned_origins",
}

// content returns everything that a file keeps, by table and key.
func content(t *testing.T, path string) map[string]map[int64]string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	all := map[string]map[int64]string{}
	for table, query := range contents {
		all[table] = map[int64]string{}
		for _, row := range valuesOf(t, db, query) {
			all[table][row[0].(int64)] = fmt.Sprintf("%#v", row)
		}
	}
	return all
}

func valuesOf(t *testing.T, db *sql.DB, query string) (all [][]any) {
	t.Helper()
	rows, err := db.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		require.NoError(t, rows.Scan(into...))
		all = append(all, row)
	}
	require.NoError(t, rows.Err())
	return all
}

// places says on which pages SQLite keeps each row of a file.
type places struct {
	table   map[int]string           // of each page: a table or an index
	rows    map[string]map[int64]int // the leaf of each row, by table and rowid
	spill   map[int]int              // the leaf of each overflow page
	indexes map[string]string        // the table of each index
	pages   int
}

func placesOf(t *testing.T, path string) places {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	p := places{map[int]string{}, map[string]map[int64]int{}, map[int]int{}, map[string]string{}, 0}
	leaves := map[string]int{}
	next := map[string][]int64{}
	for _, row := range valuesOf(t, db, "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index'") {
		p.indexes[row[0].(string)] = row[1].(string)
	}
	for _, row := range valuesOf(t, db, "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND NOT wr AND name NOT LIKE 'sqlite%'") {
		name := row[0].(string)
		for _, row := range valuesOf(t, db, "SELECT rowid FROM "+name+" ORDER BY rowid") {
			next[name] = append(next[name], row[0].(int64))
		}
		p.rows[name] = map[int64]int{}
	}
	for _, row := range valuesOf(t, db, "SELECT name, path, pageno, pagetype, ncell FROM dbstat ORDER BY name, path") {
		name, path, page := row[0].(string), row[1].(string), int(row[2].(int64))
		p.table[page] = name
		switch row[3] {
		case "leaf":
			leaves[name+path] = page
			if rows, ok := next[name]; ok {
				for _, id := range rows[:row[4].(int64)] {
					p.rows[name][id] = page
				}
				next[name] = rows[row[4].(int64):]
			}
		case "overflow":
			p.spill[page] = leaves[name+path[:strings.LastIndex(path, "/")+1]]
		}
	}
	for name, left := range next {
		require.Empty(t, left, name)
	}
	require.NoError(t, db.QueryRow("PRAGMA page_count").Scan(&p.pages))
	return p
}

// excuse says which rows need not be in a recovered file, since their own pages were hit.
type excuse struct {
	places
	hit    map[int]bool // pages
	tables map[string]bool
}

func excuseOf(p places, hit []int) excuse {
	e := excuse{p, map[int]bool{}, map[string]bool{}}
	for _, page := range hit {
		e.hit[page] = true
		if leaf := p.spill[page]; leaf != 0 {
			e.hit[leaf] = true
		}
		e.tables[p.table[page]] = true
	}
	return e
}

// row says that the leaf of a row was hit, or its overflow.
func (e excuse) row(table string, id int64) bool { return e.hit[e.rows[table][id]] }

// text says that both copies of a row of a dictionary were hit.
func (e excuse) text(table string, id int64) bool {
	return e.row(table, id) && e.tables["sqlite_autoindex_"+table+"_1"]
}

// references has the rows of dictionaries that each record needs, by table and number.
type references map[string]map[int64]map[string][]int64

func referencesOf(t *testing.T, path string) references {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	all := references{}
	for table, query := range map[string]string{
		"metrics":  "SELECT seq, series, session, context, location FROM metrics",
		"outcomes": "SELECT seq, series, session, context, location FROM outcomes",
		"contexts": "SELECT seq, hash FROM contexts",
		"sessions": "SELECT seq, hash FROM sessions",
		"ends":     "SELECT e.seq, s.hash, s.seq FROM ends e JOIN sessions s ON s.hash = e.session",
	} {
		all[table] = map[int64]map[string][]int64{}
		for _, row := range valuesOf(t, db, query) {
			needs := map[string][]int64{"hashes": {row[1].(int64)}}
			if table == "ends" {
				needs["sessions"] = []int64{row[2].(int64)}
			} else if len(row) > 2 {
				needs = map[string][]int64{"series": {row[1].(int64)}, "hashes": {row[2].(int64), row[3].(int64)}, "locations": {row[4].(int64)}}
			}
			all[table][row[0].(int64)] = needs
		}
	}
	return all
}

// missing says that a record need not be there. other says that it may have another content, or its number may be new.
func (e excuse) missing(refs references, table string, id int64) bool {
	if e.row(table, id) || e.row("texts", id) && e.rows["texts"][id] != 0 {
		return true
	}
	for dictionary, ids := range refs[table][id] {
		if slices.ContainsFunc(ids, func(id int64) bool { return e.text(dictionary, id) }) {
			return true
		}
	}
	switch table {
	case "outcomes": // without texts, the metrics of its session tell whether it had some
		session := refs[table][id]["hashes"][0]
		for metric, needs := range refs["metrics"] {
			if e.tables["texts"] && needs["hashes"][0] == session && e.missing(refs, "metrics", metric) {
				return true
			}
		}
	case "ends":
		return e.missing(refs, "sessions", refs[table][id]["sessions"][0])
	case "parked", "tokens", "dead_letters", "pinned_origins":
		for _, record := range []string{"metrics", "outcomes", "contexts", "sessions"} {
			if e.rows[record][id] != 0 && e.missing(refs, record, id) {
				return true
			}
		}
		listed := table == "parked" || table == "dead_letters" // for a destination
		return e.hit[1] || e.hit[2] || e.tables[table] || e.tables["sqlite_schema"] || listed && e.tables["destinations"]
	}
	return false
}

func (e excuse) other(refs references, table string, id int64) bool {
	if e.missing(refs, table, id) {
		return true
	}
	for dictionary, ids := range refs[table][id] {
		if slices.ContainsFunc(ids, func(id int64) bool { return e.row(dictionary, id) }) {
			return true
		}
	}
	return false
}

// judge compares what was recovered with the original, row by row. It returns what should not be.
func (e excuse) judge(refs references, want, got map[string]map[int64]string) (faults []string, saved, lost int) {
	for table := range contents {
		for id, row := range want[table] {
			found, ok := got[table][id]
			switch {
			case ok && found == row:
				saved++
			case !ok && e.missing(refs, table, id):
				lost++
			case ok && e.other(refs, table, id):
			case !ok:
				faults = append(faults, fmt.Sprintf("%s %d is missing", table, id))
			default:
				faults = append(faults, fmt.Sprintf("%s %d differs:\n%.900s\n%.900s", table, id, row, found))
			}
		}
		for id, row := range got[table] {
			if _, ok := want[table][id]; !ok && !e.tables[table] {
				faults = append(faults, fmt.Sprintf("%s %d was not in the file: %.900s", table, id, row))
			}
		}
	}
	slices.Sort(faults)
	return faults, saved, lost
}

// written writes a file into a new directory and returns its path.
func written(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

// sum counts the values of all maps together.
func sum(all map[string]map[int64]string) (n int) {
	for m := range maps.Values(all) {
		n += len(m)
	}
	return n
}
