package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// contents is everything that a bridge wrote into its two buckets, by measurement.
func contents(influx *harness.Influx, bucket, meta string) map[string][]harness.Row {
	all := map[string][]harness.Row{}
	for measurement, in := range map[string]string{"contexts": meta, "sessions": meta, "test_metrics": bucket, "test_outcomes": bucket,
		"regressions": bucket, "runs": bucket, "machines": bucket} {
		rows := influx.Points(in, measurement)
		slices.SortFunc(rows, func(a, b harness.Row) int { return a["_time"].(time.Time).Compare(b["_time"].(time.Time)) })
		all[measurement] = rows
	}
	return all
}

// replayed is the JSON of `replay` and `dead retry`.
type replayed struct {
	Done                      bool
	Sent, Refused, Incomplete int
	SentReports               int `json:"sent_reports"`
	StillDead                 int `json:"still_dead"`
	Reasons                   map[string]int
}

// again runs a command that delivers again, and returns its result.
func again(t *testing.T, data string, status int, args ...string) (r replayed) {
	t.Helper()
	result := harness.RunProgram(t, nil, append(args, "--json", "--data", data)...)
	require.Equal(t, status, result.ExitCode, result.Stderr+result.Stdout)
	require.NoError(t, json.Unmarshal([]byte(result.Stdout), &r), result.Stdout)
	return r
}

// A bucket is deleted, and the bridge is killed while it delivers again. Meanwhile clients go on posting. In the end each
// point is there as before, and none twice. The bridge says what is to be done, and then that it is ready.
func TestReplayFillsADeletedBucket(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	bridge, bucket, meta := startBridge(t, proxy.Influx(), harness.BridgeConfig{Args: []string{"--client-timezone", "UTC", "--quiet-after", "1h"}})
	posts, process := newBulkPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	rows := process.metrics("test_cart[before]", time.Now(), 6_000)
	posts.mustPostAll(t, rows)
	posts.mustPost(t, "/sessions/", process.endJSON()) // otherwise a pause could be taken for the end, and a report replaced
	bridge.WaitDelivered()
	waitReports(t, bridge, 1)
	before := contents(influx, bucket, meta)
	require.Len(t, before["test_metrics"], 6_000)

	influx.DeleteBucket(bucket)
	influx.DeleteBucket(meta)
	another := newMachine()
	another.enrol(t, posts)
	posts.mustPostAll(t, another.metrics("test_cart[first]", time.Now(), 1))
	require.Eventually(t, func() bool { // otherwise delivery would wait for half a minute, twice
		bridge.Signal(syscall.SIGHUP)
		_, lines := bridge.Ready()
		return strings.Contains(lines, "bucket "+bucket+" was missing and was created again at")
	}, time.Minute, 200*time.Millisecond)
	assert.Contains(t, bridge.WaitSays("[-]delivery"), "pymon-bridge replay delivers again what the file has of them")
	assert.Positive(t, bridge.Metrics()["pymon_bridge_journal_losses"])

	var written atomic.Int64
	reached := make(chan struct{})
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		if w.Has("test_metrics") && written.Add(1) == 1 {
			answer := w.Forward()
			close(reached)
			time.Sleep(100 * time.Millisecond)
			return answer
		}
		return w.Forward()
	})
	asked := again(t, bridge.Data, 0, "replay", "--no-wait")
	assert.False(t, asked.Done)
	<-reached
	bridge.Kill()
	proxy.OnWrite(nil)
	bridge.Start()
	late := another.metrics("test_cart[meanwhile]", time.Now(), 300)
	posts.mustPostAll(t, late)
	r := again(t, bridge.Data, 0, "replay") // waits for its turn behind the first one
	assert.GreaterOrEqual(t, r.Sent, 6_002)
	bridge.WaitDelivered()

	after := contents(influx, bucket, meta)
	for measurement, rows := range before {
		known := map[string]bool{}
		for _, row := range after[measurement] {
			known[fmt.Sprint(row)] = true
		}
		for _, row := range rows {
			require.True(t, known[fmt.Sprint(row)], "%s lacks %v", measurement, row)
		}
	}
	assert.Len(t, after["test_metrics"], 6_301)
	assert.Len(t, after["contexts"], 2)
	assert.Len(t, after["sessions"], 2)
	bridge.WaitReady()
	_, lines := bridge.Ready()
	assert.Contains(t, lines, "[+]delivery ok")
	assert.Zero(t, bridge.Metrics()["pymon_bridge_journal_losses"])
}

// The first destination is replaced by a second one, which gets everything. What the bucket's retention refuses in a replay
// is told, and not buried. After the retention is lifted, a replay brings it back. All points are as the file has them.
func TestReplayCountsWhatARetentionRefuses(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	cfg := harness.BridgeConfig{Influx: influx, Bucket: influx.NewBucket("first", 0), MetaBucket: influx.NewBucket("meta", 0),
		Args: []string{"--client-timezone", "UTC", "--no-judge"}}
	bridge := harness.StartBridge(t, cfg)
	posts, process := newBulkPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	now := time.Now()
	rows := process.metrics("test_cart[new]", now, 200)
	for n := range 50 {
		rows = append(rows, process.metric(fmt.Sprintf("test_cart[old %d]", n), now.Add(-40*24*time.Hour)))
	}
	posts.mustPostAll(t, rows)
	bridge.WaitDelivered()
	first := contents(influx, cfg.Bucket, cfg.MetaBucket)
	bridge.Stop()

	cfg.Data, cfg.Bucket, cfg.MetaBucket = bridge.Data, influx.NewBucket("second", 0), influx.NewBucket("meta", 0)
	bridge = harness.StartBridge(t, cfg)
	bridge.WaitDelivered()
	require.Equal(t, first, contents(influx, cfg.Bucket, cfg.MetaBucket))
	influx.DeleteBucket(cfg.Bucket)
	influx.AddBucket(cfg.Bucket, retention)

	r := again(t, bridge.Data, 1, "replay")
	assert.Equal(t, []int{202, 50, 0}, []int{r.Sent, r.Refused, r.StillDead}, r.Reasons)
	assert.Empty(t, harness.DeadLetters(t, bridge.Data))
	assert.Len(t, influx.Points(cfg.Bucket, "test_metrics"), 200)
	said := harness.RunProgram(t, nil, "replay", "--since", "41d", "--until", "39d", "--data", bridge.Data)
	assert.Equal(t, 1, said.ExitCode)
	assert.Contains(t, said.Stdout, "50 records: delivered before, but refused now\n")

	influx.SetRetention(cfg.Bucket, 0)
	r = again(t, bridge.Data, 0, "replay", "--since", "41d")
	assert.Equal(t, []int{252, 0}, []int{r.Sent, r.Refused})
	assert.Equal(t, first, contents(influx, cfg.Bucket, cfg.MetaBucket))
}

// Dead letters of a retention become points when the retention is lifted. Those that InfluxDB goes on refusing get its new
// words. What is dropped is no dead letter any more, and its record stays.
func TestDeadLettersAreListedRetriedAndDropped(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	proxy := harness.StartProxy(t, influx)
	bucket, meta := influx.NewBucket("pytest", retention), influx.NewBucket("meta", 0)
	bridge := harness.StartBridge(t, harness.BridgeConfig{Influx: proxy.Influx(), Bucket: bucket, MetaBucket: meta,
		Args: []string{"--client-timezone", "UTC", "--no-judge"}})
	now := time.Now()
	conflict := now.Add(-10 * 24 * time.Hour).Truncate(24 * time.Hour).Add(12 * time.Hour)
	influx.Write(bucket, fmt.Sprintf(`test_metrics total_time="a text" %d`, conflict.UnixNano()))
	posts, process := newBulkPoster(bridge.URL), newMachine()
	process.enrol(t, posts)
	rows := process.metrics("test_cart[new]", now, 20)
	for n := range 30 {
		rows = append(rows, process.metric(fmt.Sprintf("test_cart[old %d]", n), now.Add(-40*24*time.Hour)))
	}
	rows = append(rows, process.metric("test_cart[conflict 1]", conflict), process.metric("test_cart[conflict 2]", conflict))
	posts.mustPostAll(t, rows)
	bridge.WaitDelivered()
	dead := func(status int, args ...string) string {
		t.Helper()
		result := harness.RunProgram(t, nil, append([]string{"dead"}, append(args, "--data", bridge.Data)...)...)
		require.Equal(t, status, result.ExitCode, result.Stderr+result.Stdout)
		return result.Stdout + result.Stderr
	}
	list := dead(0, "list")
	assert.Regexp(t, `(?m)^30 +default +metric +0 +outside retention: `, list)
	assert.Regexp(t, `(?m)^2 +default +metric +422 .*field type conflict`, list)
	assert.Contains(t, list, "… and 12 more; --limit 0 lists all")
	letters := harness.DeadLetters(t, bridge.Data)
	number := fmt.Sprint(letters[slices.IndexFunc(letters, func(l harness.DeadLetter) bool { return l.Status == 422 })].Seq)
	shown := dead(0, "show", number)
	assert.Contains(t, shown, `"item_variant": "test_cart[conflict`)
	assert.Contains(t, shown, conflictWords)
	assert.Contains(t, dead(1, "show", "1"), "1 is no dead letter")
	assert.Contains(t, dead(1, "retry"), "expected numbers, --class, --project or --reason, or else --all")

	sent := len(proxy.Lines("test_metrics"))
	still := dead(1, "retry", "--reason", "outside retention")
	assert.Regexp(t, `(?m)^30 records: refused again, and still dead letters\n30 records: not sent, because InfluxDB would refuse them: (\d+, ){10}…\n  30: outside retention: `, still)
	assert.Len(t, proxy.Lines("test_metrics"), sent, "the retention is known")
	influx.SetRetention(bucket, 0)
	r := again(t, bridge.Data, 1, "dead", "retry", "--all")
	assert.Equal(t, []int{30, 0, 2}, []int{r.Sent, r.Refused, r.StillDead}, r.Reasons)
	assert.Len(t, harness.DeadLetters(t, bridge.Data), 2)
	assert.Len(t, influx.PointsBetween(bucket, "test_metrics", now.Add(-41*24*time.Hour), now.Add(-39*24*time.Hour)), 30)
	assert.Contains(t, bridge.WaitSays("2 records are dead letters"), "[+]delivery ok")

	assert.Contains(t, dead(1, "drop", "--all"), "expected a yes, or --yes, to remove 2 dead letters")
	assert.Contains(t, dead(0, "drop", number, "--yes"), "Removed 1 dead letter.")
	bridge.WaitSays("1 records are dead letters")
	assert.Contains(t, dead(0, "drop", "--reason", "already exists", "--yes"), "Removed 1 dead letter.")
	assert.Contains(t, dead(0, "list"), "There are no dead letters.")
	resp, err := http.Get(bridge.URL + "/api/v1/metrics/count")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "52", "the records are still there")
}

// Where nobody serves the file, the next bridge carries out the command. A bridge that delivers nowhere refuses it, and so
// does the command beside an older bridge.
func TestReplayWithoutABridgeThatDelivers(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	result := harness.RunProgram(t, nil, "replay", "--data", bridge.Data)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stderr, "the bridge that serves the directory delivers to no InfluxDB")
	bridge.Stop()
	result = harness.RunProgram(t, nil, "replay", "--data", bridge.Data)
	assert.Equal(t, 0, result.ExitCode, result.Stderr)
	assert.Contains(t, result.Stdout, "No bridge serves this directory now. The next one that does delivers again")

	for _, args := range [][]string{{"dead", "retry", "999999"}, {"dead", "retry", "--reason", "nosuch"}, {"dead", "drop", "424242", "--yes"},
		{"replay", "--project", "nosuch"}} {
		result = harness.RunProgram(t, nil, append(args, "--data", bridge.Data)...)
		assert.Equal(t, 1, result.ExitCode, args)
		assert.Regexp(t, "no dead letter fits|it has nothing of \"nosuch\"", result.Stderr)
		assert.Empty(t, result.Stdout)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.Mkdir(empty, 0o700))
	result = harness.RunProgram(t, nil, "replay", "--data", empty)
	assert.Equal(t, 1, result.ExitCode)
	assert.Contains(t, result.Stderr, "--data: expected the directory of a bridge")
	result = harness.RunProgram(t, nil, "replay", "--since", "yesterday", "--data", bridge.Data)
	assert.Equal(t, 2, result.ExitCode)
	assert.Contains(t, result.Stderr, "--since: expected a time such as")
}
