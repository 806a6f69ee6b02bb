package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

func quiet(int64, int64) {}

func recovered(t *testing.T, from string) (*sqlite.Recovery, string, error) {
	t.Helper()
	into := filepath.Join(t.TempDir(), "new", sqlite.FileName)
	r, err := sqlite.Recover(t.Context(), from, into, slog.New(slog.DiscardHandler), quiet)
	return r, into, err
}

// ruin is a file with what is known of it, to be damaged again and again.
type ruin struct {
	whole  []byte
	want   map[string]map[int64]string
	places places
	refs   references
}

func newRuin(t *testing.T) ruin {
	t.Helper()
	path := full(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	return ruin{whole, content(t, path), placesOf(t, path), referencesOf(t, path)}
}

// recover damages a copy of the file, recovers it and compares. hit are the pages that damage changes.
func (r ruin) recover(t *testing.T, what string, damaged []byte, hit ...int) (saved, lost int) {
	t.Helper()
	from := written(t, damaged)
	result, into, err := recovered(t, from)
	require.NoError(t, err, what)
	got := content(t, into)
	faults, saved, lost := excuseOf(r.places, hit).judge(r.refs, r.want, got)
	if !assert.Empty(t, faults[:min(len(faults), 5)], what) {
		t.Logf("pages %v of %v; %+v", hit, tablesOf(r.places, hit), result)
	}
	for _, k := range result.Kinds {
		if table, ok := map[string]string{"metrics": "metrics", "sessions": "sessions", "tokens": "tokens", "reports": "reports"}[k.Kind]; ok {
			assert.Equal(t, len(got[table]), int(k.Saved), "%s: %s", what, k.Kind)
		}
	}
	for _, note := range result.Notes {
		assert.NotContains(t, note, "has a fault", what)
	}
	after, err := os.ReadFile(from)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(damaged, after), "the damaged file is unchanged")
	files, err := os.ReadDir(filepath.Dir(from))
	require.NoError(t, err)
	assert.Len(t, files, 1, "nothing stands beside it")
	return saved, lost
}

func tablesOf(p places, hit []int) (names []string) {
	for _, page := range hit[:min(len(hit), 20)] {
		names = append(names, p.table[page])
	}
	return names
}

func TestRecoverSavesEverythingOfAWholeFile(t *testing.T) {
	r := newRuin(t)
	saved, lost := r.recover(t, "whole", r.whole)
	assert.Equal(t, sum(r.want), saved)
	assert.Zero(t, lost)
}

// TestRecoverSavesWhatWasNotHit damages files in many ways at random places. A row may be missing only if its own pages were
// hit, and a row may be wrong only there. DAMAGES is how many files it damages: 300 take a minute or two.
func TestRecoverSavesWhatWasNotHit(t *testing.T) {
	t.Parallel()
	r := newRuin(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; %d pages", seed, r.places.pages)
	random := rand.New(rand.NewPCG(seed, 0))
	const size = 4096
	cases := 12 // one of each kind of damage, and 8 bits; each takes long
	if n, err := strconv.Atoi(os.Getenv("DAMAGES")); err == nil {
		cases = n
	}
	for n := range cases {
		b := bytes.Clone(r.whole)
		page, other := random.IntN(len(b)/size), random.IntN(len(b)/size)
		switch n % 12 {
		default:
			at := random.IntN(len(b))
			b[at] ^= 1 << random.IntN(8)
			r.recover(t, fmt.Sprint("bit of byte ", at), b, at/size+1)
		case 8:
			var hit []int
			for range 20 {
				at := random.IntN(len(b))
				b[at] ^= 1 << random.IntN(8)
				hit = append(hit, at/size+1)
			}
			r.recover(t, fmt.Sprint("bits of pages ", hit), b, hit...)
		case 9:
			clear(b[page*size:][:size])
			r.recover(t, fmt.Sprint("zeroed page ", page+1), b, page+1)
		case 10:
			copy(b[page*size:], r.whole[other*size:][:size])
			copy(b[other*size:], r.whole[page*size:][:size])
			r.recover(t, fmt.Sprint("swapped pages ", page+1, other+1), b, page+1, other+1)
		case 11:
			at := random.IntN(len(b))
			var hit []int
			for page := at/size + 1; page <= r.places.pages; page++ {
				hit = append(hit, page)
			}
			r.recover(t, fmt.Sprint("cut at ", at), b[:at], hit...)
		}
	}
}

// TestRecoverReadsFilesThatSQLiteCannotRead damages what SQLite reads first.
func TestRecoverReadsFilesThatSQLiteCannotRead(t *testing.T) {
	t.Parallel()
	r := newRuin(t)
	for _, pages := range []int{1, 4, 60} {
		b := bytes.Clone(r.whole)
		clear(b[:pages*4096])
		var hit []int
		for page := range pages {
			hit = append(hit, page+1)
		}
		saved, lost := r.recover(t, fmt.Sprint("first pages gone: ", pages), b, hit...)
		t.Logf("%d pages: %d saved, %d lost of %d", pages, saved, lost, sum(r.want))
	}
	for name, change := range map[string]func(b []byte){
		"header":             func(b []byte) { clear(b[:100]) },
		"magic":              func(b []byte) { copy(b, "SQLite format 4") },
		"size of pages":      func(b []byte) { b[16], b[17] = 0x20, 0 },
		"reserved bytes":     func(b []byte) { b[20] = 64 },
		"encoding":           func(b []byte) { b[59] = 2 },
		"list of free pages": func(b []byte) { copy(b[32:], []byte{0, 0, 0, 40, 0, 0, 0, 3}) },
		"version":            func(b []byte) { b[63] = 9 },
	} {
		b := bytes.Clone(r.whole)
		change(b)
		saved, lost := r.recover(t, name, b, 1)
		if name == "magic" {
			assert.Equal(t, sum(r.want), saved+lost)
		}
	}
}

// A record whose texts as sent are lost would seem to have the texts of its series. It is not saved.
func TestRecoverSavesNoRecordWithoutItsTexts(t *testing.T) {
	r := newRuin(t)
	lost := 0
	for page, table := range r.places.table {
		if table != "texts" {
			continue
		}
		b := bytes.Clone(r.whole)
		clear(b[(page-1)*4096:][:4096])
		_, into, err := recovered(t, written(t, b))
		require.NoError(t, err)
		got := content(t, into)
		for id, leaf := range r.places.rows["texts"] {
			for _, table := range []string{"metrics", "outcomes"} {
				if row, ok := got[table][id]; ok && leaf == page {
					assert.Equal(t, r.want[table][id], row)
				} else if leaf == page {
					lost++
				}
			}
		}
	}
	assert.Positive(t, lost)
}

// A page of another index stands where the index of the tokens' hashes was. That says nothing of tokens.
func TestRecoverKeepsTokensWhoseIndexIsLost(t *testing.T) {
	r := newRuin(t)
	var index, other int
	for page, table := range r.places.table {
		if table == "sqlite_autoindex_tokens_1" {
			index = page
		} else if table == "metrics_time" && r.whole[(page-1)*4096] == 10 { // a leaf
			other = page
		}
	}
	b := bytes.Clone(r.whole)
	copy(b[(index-1)*4096:], r.whole[(other-1)*4096:][:4096])
	r.recover(t, "page of another index", b, index)
}

// The root of a table is one of its leaves, as it was when the table was small.
func TestRecoverDoesNotBelieveARootWithoutPagesBelowIt(t *testing.T) {
	r := newRuin(t)
	for _, table := range []string{"sessions", "metrics"} {
		root, leaf := 0, 0
		for page, owner := range r.places.table {
			if owner == table && (root == 0 || page < root) {
				root = page
			}
		}
		for _, page := range r.places.rows[table] {
			leaf = page
		}
		require.NotEqual(t, root, leaf)
		b := bytes.Clone(r.whole)
		copy(b[(root-1)*4096:], r.whole[(leaf-1)*4096:][:4096])
		r.recover(t, table, b, root)
	}
}

// The roots of all tables are among the first pages, and what says where the others belong. Their rows tell it.
func TestRecoverFindsPagesThatNothingLeadsTo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	for n := range 100 {
		hash := fmt.Sprintf("%040x", n)
		recs := []*monitor.Record{record(process(hash, arrival.Add(time.Duration(n)*time.Minute)))}
		for k := range 20 {
			m := measured(hash, fmt.Sprintf("test_with_a_long_name_that_takes_room_%d", (20*n+k)%900), arrival.Add(time.Duration(n)*time.Minute))
			m.ContextH, m.ItemFSLoc = fmt.Sprintf("%032x", 7), fmt.Sprintf("tests/test_%d.py", (20*n+k)%400)
			recs = append(recs, record(m))
		}
		appendAll(t, db, recs...)
	}
	require.NoError(t, db.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	r := ruin{whole, content(t, path), placesOf(t, path), referencesOf(t, path)}
	const gone = 62
	var hit []int
	for page := range gone {
		hit = append(hit, page+1)
	}
	clear(whole[:gone*4096])
	saved, lost := r.recover(t, "first pages gone", whole, hit...)
	t.Logf("%d saved, %d lost", saved, lost)
	assert.Greater(t, saved, lost)
}

func TestRecoverOfAnEmptyFileSavesNothing(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("this was never a database"), make([]byte, 100_000)} {
		result, into, err := recovered(t, written(t, b))
		require.NoError(t, err)
		assert.Zero(t, sum(content(t, into)))
		assert.Zero(t, result.Last)
		db := open(t, dbAt(into, utcZones()))
		list, err := db.Tokens(t.Context())
		require.NoError(t, err)
		assert.True(t, list.Had, "nobody may use a bridge whose tokens are lost")
	}
}

// A token is revoked. Its row is still in the page, behind the last cell, or in an old copy of the page.
func TestNoRevokedTokenComesBack(t *testing.T) {
	t.Parallel()
	path := full(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	p := placesOf(t, path)
	page := p.rows["tokens"][1]
	require.Equal(t, 2, len(content(t, path)["tokens"]))
	stale := bytes.Clone(whole[(page-1)*4096:][:4096])
	require.Contains(t, string(stale), "token 2", "the row of the revoked token is still there")
	stale[4]++ // the count of cells
	damages := map[string]func(b []byte) []byte{
		"an old page in a free place, and nothing leads to the tokens": func(b []byte) []byte {
			clear(b[(page-1)*4096:][:4096])
			return append(b, stale...)
		},
		"the page from before the token was revoked": func(b []byte) []byte {
			pointer := binary.BigEndian.Uint16(stale[8+2*2:])
			binary.BigEndian.PutUint16(stale[5:], pointer) // where the cells begin
			copy(b[(page-1)*4096:], stale)
			return b
		},
	}
	for bit := 24; bit < 56; bit += 10 { // of the number of cells, and of where they begin
		damages[fmt.Sprint("bit ", bit)] = func(b []byte) []byte {
			b[(page-1)*4096+bit/8] ^= 1 << (bit % 8)
			return b
		}
	}
	for what, damage := range damages {
		b := damage(bytes.Clone(whole))
		result, into, err := recovered(t, written(t, b))
		require.NoError(t, err)
		tokens := content(t, into)["tokens"]
		assert.NotContains(t, tokens, int64(3), what)
		assert.Contains(t, result.Notes[0], "Tokens may be missing", what)
		list, err := open(t, dbAt(into, utcZones())).Tokens(t.Context())
		require.NoError(t, err)
		assert.True(t, list.Had, "the bridge is not open")
	}
}

// A file of the first version has no columns of later ones.
func TestRecoverBringsAnOlderFileUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	schema, err := os.ReadFile("schema.sql")
	require.NoError(t, err)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"PRAGMA auto_vacuum = INCREMENTAL", string(schema), "PRAGMA application_id = 0x70796d6e", "PRAGMA user_version = 1",
		"INSERT INTO hashes VALUES (1, 'b0', 'shop'), (2, 'a0', 'shop')",
		"INSERT INTO series VALUES (1, 'shop', 'c', 'tests.test_shop', 'test_a', 'test_a', 'function')", "INSERT INTO locations VALUES (1, 'tests/test_shop.py')",
		`INSERT INTO sessions VALUES (1, 1, 'shop', '2026-11-22T12:00:00.000000', NULL, '{"k": "v"}', '', 1795348800000000000, 0, 'b0', 1, '', '', '', 0, 0, '', '', 1)`,
		"INSERT INTO metrics VALUES (2, 1, 1, 2, 1, 1795348800000000007, 0, 1, 1.5, 0.5, 0.25, 0.5, 3.5)", "UPDATE sequence SET last = 2",
		"INSERT INTO tokens VALUES (1, 'shop', 'ci', 'read write', 1, zeroblob(32))"} {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())
	v := verified(t, path)
	assert.Empty(t, v.Findings)
	assert.Contains(t, v.Notes[0], "older version 1")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	clear(b[:16])
	_, into, err := recovered(t, written(t, b))
	require.NoError(t, err)
	got := content(t, into)
	assert.Equal(t, 3, len(got["sessions"])+len(got["metrics"])+len(got["tokens"]))
	assert.Empty(t, verified(t, into).Findings)
	opened := open(t, dbAt(into, utcZones()))
	assert.Len(t, next(t, opened), 2)
	var tags int
	require.NoError(t, raw(t, into).QueryRow("SELECT count(*) FROM tags").Scan(&tags))
	assert.Equal(t, 1, tags)
}

// Without copies while it goes on, SQLite's log would become as large as the file, and the disk would need the room twice.
func TestTheLogOfARecoveryStaysSmall(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db := dbAt(path, utcZones())
	require.NoError(t, db.Open(t.Context()))
	const sessions = 300
	for n := range sessions {
		s := process(fmt.Sprint(n), arrival)
		s.Description = fmt.Sprintf(`{"note": %q}`, strings.Repeat("x", 100_000))
		appendAll(t, db, record(s))
	}
	require.NoError(t, db.Close())
	into := filepath.Join(t.TempDir(), "new", sqlite.FileName)
	watched := &watchingContext{Context: t.Context(), path: into + ".recovering-wal"}
	result, err := sqlite.Recover(watched, path, into, slog.New(slog.DiscardHandler), quiet)
	require.NoError(t, err)
	assert.Contains(t, result.Kinds, sqlite.RecoveredKind{Kind: "sessions", Saved: sessions})
	watched.mu.Lock()
	defer watched.mu.Unlock()
	assert.Positive(t, watched.most)
	assert.Less(t, watched.most, int64(24<<20), "it is copied from 16 MB on, after a transaction")
	assert.Greater(t, size(into), int64(72<<20))
}

// watchingContext looks at the size of a file each time that somebody asks whether to go on.
type watchingContext struct {
	context.Context
	path string
	mu   sync.Mutex
	most int64
}

func (c *watchingContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = max(c.most, size(c.path))
	return c.Context.Done()
}

func TestRecoverNeedsANewDirectory(t *testing.T) {
	path := full(t)
	for _, name := range []string{sqlite.FileName, sqlite.FileName + "-wal"} {
		into := filepath.Join(t.TempDir(), sqlite.FileName)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(into), name), []byte("precious"), 0o600))
		_, err := sqlite.Recover(t.Context(), path, into, slog.New(slog.DiscardHandler), quiet)
		assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
		assert.Equal(t, map[string]string{name: "precious"}, files(t, filepath.Dir(into)))
	}
	none := filepath.Join(t.TempDir(), "none")
	_, err := sqlite.Recover(t.Context(), filepath.Join(none, sqlite.FileName), filepath.Join(none, "new", sqlite.FileName), slog.New(slog.DiscardHandler), quiet)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
	assert.NoDirExists(t, none)
}

// The tags of sessions are built from some descriptions at a time.
func TestRecoverBuildsTheTagsOfLongDescriptions(t *testing.T) {
	db, path := openNew(t)
	var recs []*monitor.Record
	for i := range 7 {
		s := process(fmt.Sprint("s", i), arrival)
		s.Description = fmt.Sprintf(`{"branch": "main", "note": %q}`, strings.Repeat(fmt.Sprint(i), 1<<20))
		recs = append(recs, record(s))
	}
	appendAll(t, db, recs...)
	_, into, err := recovered(t, killed(t, path))
	require.NoError(t, err)
	const tags = "SELECT s.seq, t.position, t.name, length(t.value), substr(t.value, 1, 9) FROM tags t JOIN sessions s ON s.hash = t.session ORDER BY s.seq, t.position"
	want := rowsOf(t, raw(t, path), tags)
	require.Len(t, want, 14)
	assert.Equal(t, want, rowsOf(t, raw(t, into), tags))
}
