package bench_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
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

// chartRows asks for the measurements in the chart of a test.
const chartRows = `SELECT m.*, s.* FROM series r JOIN metrics m ON m.series = r.id JOIN sessions s ON s.hash = m.session
	WHERE r.project = 'default' AND r.item_path = 'tests.shop.test_7' AND r.item_variant = 'test_total_35[1, EUR]' AND ? <> '' ORDER BY m.utc_ns DESC`

// testRows asks for everything that the page of a test shows.
var testRows = []string{
	// the chart and the table, with the class of machine, and with the host, the system and the Python for the hairlines
	strings.Replace(strings.Replace(chartRows, "s.*", "s.*, c.*", 1), "WHERE", "LEFT JOIN contexts c ON c.hash = m.context WHERE", 1),
	// the attempts that failed or were repeated
	`SELECT o.*, s.* FROM series r JOIN outcomes o ON o.series = r.id JOIN sessions s ON s.hash = o.session WHERE r.project = 'default' AND
		r.item_path = 'tests.shop.test_7' AND r.item_variant = 'test_total_35[1, EUR]' AND ? <> '' AND (o.outcome IN ('failed', 'error') OR o.attempts > 1)`,
	// the verdicts of the table, the band and the points, as they are stored
	`SELECT run, content FROM reports WHERE project = 'default' AND run <= ?`,
	// the variants of the function and the tests of the file
	`SELECT component, item_path, item, item_variant, kind FROM series WHERE project = 'default' AND item_path = 'tests.shop.test_7' AND ? <> '' LIMIT 30`,
	// the menu of projects
	`SELECT DISTINCT project FROM sessions WHERE ? <> ''`,
	// whether the number of open regressions in the top bar is still right
	`SELECT count(*), max(version) FROM reports WHERE project = 'default' AND ? <> ''`,
}

// benchPages measures the pages of a large project from the local file, beside SQL that reads the same rows of the same file.
func benchPages(b *testing.B, r *report) {
	dir := b.TempDir()
	fillRuns(b, dir, pagesRuns)
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: dir})
	prepare(b, bridge.URL)
	waitForReports(b, bridge.URL)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, sqlite.FileName)+"?mode=ro")
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	run := fmt.Sprintf("%032x", pagesRuns-1)
	first := askForPage(b, bridge.URL, pagesDefault+"runs/"+run)
	table := r.add(fmt.Sprintf("Pages of %d runs of %d tests, from the local file", pagesRuns, judgedTests),
		"page", "answer", "SQL for the same rows", "ratio", "goal", "verdict", "bytes")
	table.row("the run, for the first time", millis(first.took), "", "", "", "", fmt.Sprint(first.bytes))
	second := fmt.Sprintf(`{"session_h": "second", "run_date": %q, "scm_ref": "c0ffee", "description": "{}"}`, time.Now().UTC().Format(harness.Isoformat))
	harness.NewPoster(bridge.URL).MustPost(b, "/p/second/sessions/", second) // a list of one project leads to it
	const runRows = `SELECT r.item_path, r.item_variant, l.item_fs_loc, m.total_time, m.user_time + m.kernel_time, m.mem_usage
		FROM sessions s JOIN metrics m ON m.session = s.hash JOIN series r ON r.id = m.series JOIN locations l ON l.id = m.location
		WHERE s.project = 'default' AND s.run = ? `
	testPath := "test?" + url.Values{"path": {"tests.shop.test_7"}, "name": {"test_total_35[1, EUR]"}}.Encode()
	const runList = `SELECT s.run, s.scm_ref, s.branch, s.build, s.utc_ns, sum(y.metrics) FROM sessions s JOIN tallies y ON y.session = s.hash
		WHERE s.project = 'default' AND s.run <= ? GROUP BY s.run ORDER BY s.utc_ns DESC LIMIT 50`
	for _, page := range []struct {
		name, path string
		queries    []string
	}{
		{"the list of runs", "runs", []string{runList}},
		{"the tests by folder", "tests", []string{`SELECT l.item_fs_loc, count(*), sum(m.total_time), sum(m.user_time + m.kernel_time), max(m.mem_usage)
			FROM sessions s JOIN metrics m ON m.session = s.hash JOIN locations l ON l.id = m.location
			WHERE s.project = 'default' AND s.run = ? GROUP BY l.id`}},
		{"the tests as one list", "tests?view=flat", []string{runRows + "ORDER BY m.total_time DESC LIMIT 50"}},
		{"the regressions", "regressions", []string{"SELECT run, content FROM reports WHERE project = 'default' AND run <= ?"}},
		{"the comparison of two runs", "compare", []string{`SELECT m.series, m.total_time FROM sessions s JOIN metrics m ON m.session = s.hash
			WHERE s.project = 'default' AND s.run IN (?, '` + fmt.Sprintf("%032x", pagesRuns-2) + `') ORDER BY m.series, m.session`}},
		{"the status", "../../-/status", []string{"SELECT max(version) FROM reports WHERE run <> ?"}},
		{"the list of projects", "../../?format=json", []string{runList}},
		{"the run", "runs/" + run, []string{runRows + "ORDER BY m.total_time DESC LIMIT 50"}},
		{"the run, filtered by a word", "runs/" + run + "?q=test_123", []string{runRows + "AND instr(r.item_variant, 'test_123') ORDER BY m.total_time DESC LIMIT 50"}},
		{"the test, and SQL for the chart only", testPath, []string{chartRows}},
		{"the test", testPath, testRows},
		{"the overview", "", []string{runRows + "ORDER BY m.total_time DESC LIMIT 10"}},
	} {
		var pages, bare []time.Duration
		var ratios []float64
		var bytes int
		for range pagesRounds {
			answer, took := askForPage(b, bridge.URL, pagesDefault+page.path), time.Duration(0)
			for _, query := range page.queries {
				took += askSQL(b, db, query, run)
			}
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

// benchPageReaders measures how much readers of pages delay clients that post. Pages may take one of two cores. A program that computes on
// one core, and asks the bridge nothing, shows how much of the delay that explains.
func benchPageReaders(b *testing.B, r *report, base, run string) {
	var numbers atomic.Int64
	posts := load{connections: postGoalConnections, duration: 3 * time.Second, pause: testTime, numbers: &numbers}
	var quiet, beside []time.Duration
	var ratios, busy []float64
	for range readersRound {
		without := posts.run(b, base)
		computing := exec.Command("sh", "-c", "while :; do :; done")
		require.NoError(b, computing.Start())
		busy = append(busy, float64(posts.run(b, base).p99)/float64(without.p99))
		require.NoError(b, computing.Process.Kill())
		_ = computing.Wait() // it was killed
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
	table.row("the ratio beside a program that computes on one core", fmt.Sprintf("%.1f", median(busy)), "", "")
}

// waitForReports waits until all runs are judged. Pages show what reports say, and judging takes a core.
func waitForReports(b *testing.B, base string) {
	b.Helper()
	require.Eventually(b, func() bool {
		resp, err := http.Get(base + pagesDefault + "runs?format=json")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		var list struct{ Runs []struct{ Sentence string } }
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			return false
		}
		judged := 0
		for _, r := range list.Runs {
			if r.Sentence != "" {
				judged++
			}
		}
		return judged >= pagesRuns
	}, 20*time.Minute, time.Second)
}

// pageAnswer is an answer to a request for a page.
type pageAnswer struct {
	took  time.Duration
	bytes int // as sent, compressed
}

// askForPage requests a page as a browser does.
func askForPage(b *testing.B, base, path string) pageAnswer {
	b.Helper()
	address, err := url.JoinPath(base, path[:len(path)-len(queryOf(path))])
	require.NoError(b, err)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address+queryOf(path), nil)
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

// queryOf returns the query of an address with its "?".
func queryOf(path string) string {
	before, _, _ := strings.Cut(path, "?")
	return path[len(before):]
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
