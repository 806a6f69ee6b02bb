package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
)

const (
	pagesRuns    = 20 // of judgedTests tests: 1,000,000 metrics
	pagesGoal    = 2.0
	pagesRounds  = 9
	pageReaders  = 4
	pagesDefault = "/p/default/"
)

// benchPages measures the pages of a large project from the local file, beside SQL that reads the same rows of the same file.
func benchPages(b *testing.B, r *report) {
	dir := b.TempDir()
	fillRuns(b, dir, pagesRuns)
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: dir})
	prepare(b, bridge.URL)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, sqlite.FileName)+"?mode=ro")
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	run := fmt.Sprintf("%032x", pagesRuns-1)
	first := askForPage(b, bridge.URL, pagesDefault+"runs/"+run)
	table := r.add(fmt.Sprintf("Pages of %d runs of %d tests, from the local file", pagesRuns, judgedTests),
		"page", "answer", "SQL for the same rows", "ratio", "goal", "verdict", "bytes")
	table.row("the run, for the first time", millis(first.took), "", "", "", "", fmt.Sprint(first.bytes))
	const runRows = `SELECT r.item_path, r.item_variant, l.item_fs_loc, m.total_time, m.user_time + m.kernel_time, m.mem_usage
		FROM sessions s JOIN metrics m ON m.session = s.hash JOIN series r ON r.id = m.series JOIN locations l ON l.id = m.location
		WHERE s.project = 'default' AND s.run = ? `
	test := url.Values{"path": {"tests.shop.test_7"}, "name": {"test_total_35[1, EUR]"}}
	for _, page := range []struct{ name, path, query string }{
		{"the run", "runs/" + run, runRows + "ORDER BY m.total_time DESC LIMIT 50"},
		{"the run, filtered by a word", "runs/" + run + "?q=test_123", runRows + "AND instr(r.item_variant, 'test_123') ORDER BY m.total_time DESC LIMIT 50"},
		{"the test", "test?" + test.Encode(), `SELECT m.*, s.* FROM series r JOIN metrics m ON m.series = r.id JOIN sessions s ON s.hash = m.session
			WHERE r.project = 'default' AND r.item_path = 'tests.shop.test_7' AND r.item_variant = 'test_total_35[1, EUR]' AND ? <> '' ORDER BY m.utc_ns DESC`},
		{"the overview", "", runRows + "ORDER BY m.total_time DESC LIMIT 10"},
	} {
		var pages, bare []time.Duration
		var ratios []float64
		var bytes int
		for range pagesRounds {
			answer, took := askForPage(b, bridge.URL, pagesDefault+page.path), askSQL(b, db, page.query, run)
			bytes = answer.bytes
			pages, bare = append(pages, answer.took), append(bare, took)
			ratios = append(ratios, float64(answer.took)/float64(took))
		}
		ratio, small := median(ratios), median(pages) < 10*time.Millisecond
		table.row(page.name, millis(median(pages)), millis(median(bare)), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≤ %.0f, or 10 ms", pagesGoal),
			verdict(ratio <= pagesGoal || small), fmt.Sprint(bytes))
	}
	benchPageReaders(b, r, bridge.URL, run)
}

// benchPageReaders measures how much readers of pages delay clients that post.
func benchPageReaders(b *testing.B, r *report, base, run string) {
	var numbers atomic.Int64
	posts := load{connections: postGoalConnections, duration: 3 * time.Second, pause: testTime, numbers: &numbers}
	var quiet, beside []time.Duration
	var ratios []float64
	for range readersRound {
		without := posts.run(b, base)
		ctx, cancel := context.WithCancel(b.Context())
		var readers sync.WaitGroup
		for n := range pageReaders {
			readers.Go(func() {
				for i := n; ctx.Err() == nil; i++ {
					paths := []string{"runs/" + run + fmt.Sprint("?offset=", 50*i%1000), "", "runs/" + run + fmt.Sprint("?q=", i%500)}
					resp, err := http.Get(base + pagesDefault + paths[i%len(paths)])
					if err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
				}
			})
		}
		with := posts.run(b, base)
		cancel()
		readers.Wait()
		quiet, beside = append(quiet, without.p99), append(beside, with.p99)
		ratios = append(ratios, float64(with.p99)/float64(without.p99))
	}
	table := r.add(fmt.Sprintf("Posts of %d clients, each with a test between two posts, beside %d that read these pages", postGoalConnections, pageReaders),
		"what", "measured", "goal", "verdict")
	table.row("p99 of a POST", millis(median(quiet)), "", "")
	table.row("the same p99 beside the readers", millis(median(beside)), "", "")
	table.row("their ratio", fmt.Sprintf("%.1f", median(ratios)), fmt.Sprintf("≤ %.0f", readersGoal), verdict(median(ratios) <= readersGoal))
}

// pageAnswer is an answer to a request for a page.
type pageAnswer struct {
	took  time.Duration
	bytes int // as sent, compressed
}

// askForPage requests a page as a browser does.
func askForPage(b *testing.B, base, path string) pageAnswer {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, base+path, nil)
	require.NoError(b, err)
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Accept-Encoding", "gzip")
	begin := time.Now()
	resp, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	body, err := io.ReadAll(resp.Body)
	took := time.Since(begin)
	require.NoError(b, err)
	require.NoError(b, resp.Body.Close())
	require.Equal(b, http.StatusOK, resp.StatusCode, path)
	return pageAnswer{took, len(body)}
}

// askSQL reads all rows of a query.
func askSQL(b *testing.B, db *sql.DB, query, run string) time.Duration {
	b.Helper()
	begin := time.Now()
	rows, err := db.QueryContext(b.Context(), query, run)
	require.NoError(b, err)
	names, err := rows.Columns()
	require.NoError(b, err)
	row := make([]any, len(names))
	for i := range row {
		row[i] = new(any)
	}
	for rows.Next() {
		require.NoError(b, rows.Scan(row...))
	}
	require.NoError(b, rows.Err())
	require.NoError(b, rows.Close())
	return time.Since(begin)
}
