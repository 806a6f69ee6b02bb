package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyTable makes a file with a table of any texts, at any size of pages. It returns the IDs that the table has or had.
func anyTable(t *rapid.T, path string) (pool *sql.DB, size int, ids []int64) {
	size = rapid.SampledFrom([]int{512, 1024, 4096, 65536}).Draw(t, "size of pages")
	pool, err := openURL(path, "busy_timeout(0)", 1, url.Values{})
	require.NoError(t, err)
	exec := func(query string, args ...any) {
		_, err := pool.ExecContext(context.Background(), query, args...)
		require.NoError(t, err)
	}
	exec(fmt.Sprintf("PRAGMA page_size = %d; PRAGMA auto_vacuum = %d; PRAGMA synchronous = off; PRAGMA journal_mode = memory", size, rapid.IntRange(0, 2).Draw(t, "vacuum")))
	exec("CREATE TABLE names (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL)")
	anyID := rapid.OneOf(rapid.Int64Range(-3000, 3000), rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0, 1 << 32}))
	rows := rapid.SampledFrom([]int{0, 1, fewRows, 60, 300}).Draw(t, "rows")
	ids = rapid.SliceOfNDistinct(anyID, rows, rows, rapid.ID).Draw(t, "ids")
	if rapid.Bool().Draw(t, "not the least ID") {
		ids = slices.DeleteFunc(ids, func(id int64) bool { return id == math.MinInt64 })
	}
	if rapid.Bool().Draw(t, "in order") { // as a dictionary grows: its pages are full
		slices.Sort(ids)
	}
	// The head of a row grows with texts of 58 and 8186 bytes. A row that is larger than a page without 35 bytes has other pages.
	anySize := rapid.OneOf(rapid.SampledFrom([]int{0, 1, 57, 58, 8185, 8186}), rapid.IntRange(0, 100), rapid.IntRange(size-60, size+10), rapid.IntRange(0, 3*size))
	anyText := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.SampledFrom([]string{"x", "\x00", "\xff"}).Draw(t, "of"), min(anySize.Draw(t, "bytes"), 20_000))
	}))
	for _, id := range ids {
		texts := []any{id, anyText.Draw(t, "a"), ""}
		if rapid.Bool().Draw(t, "has b") {
			texts[2] = anyText.Draw(t, "b")
		}
		exec("INSERT INTO names VALUES (?, ?, ?)", texts...)
	}
	if rapid.Bool().Draw(t, "a later version") {
		exec("ALTER TABLE names ADD COLUMN later TEXT NOT NULL DEFAULT 'x'")
	}
	if rapid.Bool().Draw(t, "removed") {
		exec("DELETE FROM names WHERE id % 3 = 0; PRAGMA incremental_vacuum")
	}
	return pool, size, ids
}

// TestTextsAreThoseOfSQLite compares the texts that are read from pages with those that SQLite gives.
func TestTextsAreThoseOfSQLite(t *testing.T) {
	dir, round := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		pool, size, ids := anyTable(t, filepath.Join(dir, fmt.Sprint(round)))
		defer pool.Close()
		wanted := slices.DeleteFunc(slices.Clone(ids), func(int64) bool { return rapid.IntRange(0, 9).Draw(t, "unwanted") == 0 })
		for range rapid.SampledFrom([]int{0, 0, 1, 40}).Draw(t, "others") {
			wanted = append(wanted, rapid.Int64Range(-4000, 4000).Draw(t, "another"))
		}
		slices.Sort(wanted)
		wanted = slices.Compact(wanted)
		want, got := map[int64][]string{}, map[int64][]string{}
		require.NoError(t, each(context.Background(), pool, "SELECT id, a, b FROM names", nil, func(row scanner) error {
			var id int64
			texts := make([]string, 2)
			err := row.Scan(&id, &texts[0], &texts[1])
			if slices.Contains(wanted, id) {
				want[id] = texts
			}
			return err
		}))
		if !slices.Contains(ids, math.MinInt64) { // no page may have this one
			requirePages(t, pool, size, wanted, want)
		}
		err := eachText(context.Background(), pool, "names", []string{"a", "b"}, slices.Clone(wanted), func(id int64, texts []string) error {
			got[id] = slices.Clone(texts)
			return nil
		})
		require.Equal(t, want, got)
		require.Equal(t, len(want) < len(wanted), err != nil, "a row is missing")
	})
}

// requirePages reads rows from pages: once each of those that stand in one page.
func requirePages(t *rapid.T, pool *sql.DB, size int, wanted []int64, want map[int64][]string) {
	got := map[int64]bool{}
	read, err := eachTextOfPages(context.Background(), pool, "names", []string{"a", "b"}, wanted, func(id int64, texts []string) error {
		require.False(t, got[id], "twice")
		require.Equal(t, want[id], texts)
		got[id] = true
		return nil
	})
	require.NoError(t, err)
	require.Len(t, read, len(got))
	for id, texts := range want {
		const head = 12 // of a row, at most
		require.True(t, got[id] || head+len(texts[0])+len(texts[1]) > size-35, "row %d", id)
	}
}

// TestARowThatIsSmallerThanWhatFollowsItInItsPage has a page that is full up to the pointers to its rows. The second row begins there, and
// is mostly on another page.
func TestARowThatIsSmallerThanWhatFollowsItInItsPage(t *testing.T) {
	for size := 470; size < 500; size++ {
		pool, err := openURL(filepath.Join(t.TempDir(), "file"), "page_size(512)", 1, url.Values{})
		require.NoError(t, err)
		long := strings.Repeat("y", size)
		_, err = pool.ExecContext(t.Context(), "CREATE TABLE names (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO names VALUES (1, ?, ''), (2, ?, '')",
			strings.Repeat("x", 446), long)
		require.NoError(t, err)
		ids := []int64{1, 2}
		for id := range int64(fewRows) {
			ids = append(ids, 10+id)
		}
		_ = eachText(t.Context(), pool, "names", []string{"a", "b"}, ids, func(id int64, texts []string) error { // the other rows are missing
			require.True(t, id == 1 || texts[0] == long, "%d bytes: %q", size, texts[0])
			return nil
		})
		require.NoError(t, pool.Close())
	}
}

// TestTextsAreThoseOfATransaction reads pages that others have changed since the transaction began, and those that it has changed itself.
func TestTextsAreThoseOfATransaction(t *testing.T) {
	pool, err := openURL(filepath.Join(t.TempDir(), "file"), "page_size(512);auto_vacuum(2);journal_mode(wal)", 2, url.Values{})
	require.NoError(t, err)
	defer pool.Close()
	change := func(q interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}, query string) {
		_, err := q.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	change(pool, `CREATE TABLE before (id INTEGER PRIMARY KEY, a TEXT); CREATE TABLE names (id INTEGER PRIMARY KEY, a TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO before SELECT i, hex(randomblob(90)) FROM n;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO names SELECT i, 'old ' || i FROM n`)
	var ids []int64
	for id := range int64(500) {
		ids = append(ids, id+1)
	}
	requireTexts := func(q querier, text string) {
		read, err := eachTextOfPages(t.Context(), q, "names", []string{"a"}, ids, func(id int64, texts []string) error {
			require.Equal(t, fmt.Sprint(text, " ", id), texts[0])
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, ids, read)
	}
	tx, err := pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	requireTexts(tx, "old")
	const moved = "UPDATE names SET a = '%s ' || id; DROP TABLE IF EXISTS before; PRAGMA incremental_vacuum; PRAGMA wal_checkpoint"
	change(pool, fmt.Sprintf(moved, "new"))
	requireTexts(tx, "old")
	require.NoError(t, tx.Rollback())
	requireTexts(pool, "new")
	if tx, err = pool.BeginTx(t.Context(), nil); err == nil {
		change(tx, "UPDATE names SET a = 'own ' || id")
		requireTexts(tx, "own")
		err = tx.Rollback()
	}
	require.NoError(t, err)
	requireTexts(pool, "new")
}

// BenchmarkTexts reads rows of a dictionary in both ways: neighbours, as the tests of a suite are, and any rows.
func BenchmarkTexts(b *testing.B) {
	pool, err := openURL(filepath.Join(b.TempDir(), "file"), "journal_mode(wal);cache_size(-4096)", 1, url.Values{})
	require.NoError(b, err)
	defer pool.Close()
	const rows = 50_000
	_, err = pool.ExecContext(b.Context(), `CREATE TABLE names (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO names SELECT i, 'tests/shop/test_' || (i / 20) || '.py', 'test_' || i || '[a-b]' FROM n`, rows)
	require.NoError(b, err)
	ways := map[string]func(ids []int64, visit func(int64, []string) error) error{
		"pages": func(ids []int64, visit func(int64, []string) error) error {
			_, err := eachTextOfPages(b.Context(), pool, "names", []string{"a", "b"}, ids, visit)
			return err
		},
		"rows": func(ids []int64, visit func(int64, []string) error) error {
			return eachTextOfRows(b.Context(), pool, "names", []string{"a", "b"}, ids, visit)
		},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, apart := range []int64{1, farID, 2 * farID, 500} {
		for _, n := range []int64{8, fewRows, 90} {
			for way, read := range ways {
				b.Run(fmt.Sprintf("%d rows, %d apart, by %s", n, apart, way), func(b *testing.B) {
					for b.Loop() {
						ids := make([]int64, n)
						for i, from := 0, 1+random.Int64N(rows-n*apart); i < len(ids); i++ {
							ids[i] = from + int64(i)*apart
						}
						found := 0
						require.NoError(b, read(ids, func(int64, []string) error { found++; return nil }))
						require.Len(b, ids, found)
					}
				})
			}
		}
	}
}
