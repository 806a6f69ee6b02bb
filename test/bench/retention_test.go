package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

const (
	oldRecords      = 200_000 // in runs of backlogSession records, which are 40 days old
	retentionGoal   = 2.0     // p99 of posts while runs are removed, as a ratio to without
	retentionRounds = 3
)

// benchRetention measures how much the removal of old runs delays clients that post.
func benchRetention(b *testing.B, r *report) {
	old := filepath.Join(b.TempDir(), "old")
	db := openBacklog(b, old)
	for n := 0; n < oldRecords; n += backlogBatch {
		recs := make([]*monitor.Record, backlogBatch)
		for i := range recs {
			recs[i] = aged(backlogRecord(n + i))
		}
		require.NoError(b, db.Append(b.Context(), recs))
	}
	fresh := backlogRecord(oldRecords + 1) // nothing goes where nothing arrived for longer than --keep
	fresh.Received = time.Now()
	fresh.Session.RunDate = fresh.Received.UTC().Format("2006-01-02T15:04:05.000000")
	require.NoError(b, db.Append(b.Context(), []*monitor.Record{fresh}))
	require.NoError(b, db.Close())
	var numbers atomic.Int64
	posts := load{connections: postGoalConnections, duration: 3 * time.Second, pause: testTime, numbers: &numbers}
	turn := func(args ...string) (result, int) {
		data := filepath.Join(b.TempDir(), "old") // each turn has all runs: a quick machine removes them in two turns
		require.NoError(b, os.CopyFS(data, os.DirFS(old)))
		bridge := harness.StartBridge(b, harness.BridgeConfig{Data: data, Args: append(args, "--no-judge", "--quiet-after", "1s")})
		prepare(b, bridge.URL)
		before := runsOf(b, bridge.URL)
		if len(args) > 0 {
			require.Eventually(b, func() bool { return runsOf(b, bridge.URL) < before }, time.Minute, 10*time.Millisecond, "no removal has begun")
		}
		before = runsOf(b, bridge.URL)
		res := posts.run(b, bridge.URL)
		went := before - runsOf(b, bridge.URL)
		require.Equal(b, 0, bridge.Stop().ExitCode())
		return res, went
	}
	var quiet, beside []time.Duration
	var quietRates, besideRates, ratios []float64
	went := 0
	for range retentionRounds {
		without, _ := turn()
		with, runs := turn("--keep", "1d")
		require.Positive(b, runs, "nothing was removed meanwhile")
		went += runs
		quiet, beside = append(quiet, without.p99), append(beside, with.p99)
		quietRates, besideRates = append(quietRates, without.rate()), append(besideRates, with.rate())
		ratios = append(ratios, float64(with.p99)/float64(without.p99))
	}
	table := r.add(fmt.Sprintf("Posts of %d clients, each with a test between two posts, while old runs of %d records are removed", postGoalConnections,
		backlogSession), "what", "measured", "goal", "verdict")
	table.row("p99 of a POST", millis(median(quiet)), "", "")
	table.row("the same p99 while runs are removed", millis(median(beside)), "", "")
	table.row("their ratio", fmt.Sprintf("%.1f", median(ratios)), fmt.Sprintf("≤ %.0f", retentionGoal), verdict(median(ratios) <= retentionGoal))
	table.row("posts per second without and beside the removal", fmt.Sprintf("%.0f, %.0f", median(quietRates), median(besideRates)), "", "")
	table.row("records removed per second", fmt.Sprintf("%.0f", float64(went*backlogSession)/(retentionRounds*posts.duration.Seconds())), "", "")
}

// aged moves a record into the past, with its arrival.
func aged(rec *monitor.Record) *monitor.Record {
	const age = -40 * 24 * time.Hour // a longer pause would be taken for a jump of the clock
	const layout = "2006-01-02T15:04:05.000000"
	rec.Received = rec.Received.Add(age)
	move := func(text *string) {
		if at, err := time.Parse(layout, *text); err == nil {
			*text = at.Add(age).Format(layout)
		}
	}
	if rec.Session != nil {
		move(&rec.Session.RunDate)
	} else if rec.Metric != nil {
		move(&rec.Metric.ItemStartTime)
	}
	return rec
}

func runsOf(b *testing.B, url string) int {
	b.Helper()
	resp, err := http.Get(url + "/api/v1/runs/count")
	require.NoError(b, err)
	var answer struct{ Count int }
	require.NoError(b, json.NewDecoder(resp.Body).Decode(&answer))
	require.NoError(b, resp.Body.Close())
	return answer.Count
}
