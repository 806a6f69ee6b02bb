package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	lateReaders  = 12
	readersGoal  = 2.0 // p99 of posts beside readers, as a ratio to without
	readersRound = 3
)

// benchReaders measures how much clients that read late pages delay clients that post.
func benchReaders(b *testing.B, r *report, folders *backlogs) {
	small, _ := folders.get(b)
	bridge := harness.StartBridge(b, harness.BridgeConfig{Data: small, Args: []string{"--no-judge"}})
	prepare(b, bridge.URL)
	var numbers atomic.Int64
	posts := load{connections: postGoalConnections, duration: 3 * time.Second, pause: testTime, numbers: &numbers}
	var quiet, beside []time.Duration
	var quietRates, besideRates, ratios []float64
	pages := 0
	for range readersRound {
		without := posts.run(b, bridge.URL)
		end := readLatePages(b, bridge.URL)
		with := posts.run(b, bridge.URL)
		pages += end()
		quiet, beside = append(quiet, without.p99), append(beside, with.p99)
		quietRates, besideRates = append(quietRates, without.rate()), append(besideRates, with.rate())
		ratios = append(ratios, float64(with.p99)/float64(without.p99))
	}
	table := r.add(fmt.Sprintf("Posts of %d clients, each with a test between two posts, beside %d that read late pages of %d metrics",
		postGoalConnections, lateReaders, smallBacklog), "what", "measured", "goal", "verdict")
	table.row("p99 of a POST", millis(median(quiet)), "", "")
	table.row("the same p99 beside the readers", millis(median(beside)), "", "")
	table.row("their ratio", fmt.Sprintf("%.1f", median(ratios)), fmt.Sprintf("≤ %.0f", readersGoal), verdict(median(ratios) <= readersGoal))
	table.row("posts per second without and beside the readers",
		fmt.Sprintf("%.0f, %.0f", median(quietRates), median(besideRates)), "", "")
	table.row("pages read per second", fmt.Sprintf("%.0f", float64(pages)/(readersRound*posts.duration.Seconds())), "", "")
}

// readLatePages starts clients that read pages from the middle of the list, where a page is furthest from both ends. end
// stops them and returns how many pages they got.
func readLatePages(b *testing.B, url string) (end func() (pages int)) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var got atomic.Int64
	var readers sync.WaitGroup
	for n := range lateReaders {
		readers.Go(func() {
			for ctx.Err() == nil {
				page := smallBacklog/2/500 - lateReaders + n
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/api/v1/metrics/?page=%d", url, page), nil)
				if err != nil {
					return
				}
				resp, err := http.DefaultClient.Do(request)
				if err != nil {
					continue // the end
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if err == nil && resp.StatusCode == http.StatusOK {
					got.Add(1)
				}
			}
		})
	}
	return func() int {
		cancel()
		readers.Wait()
		pages := int(got.Load())
		require.Positive(b, pages)
		return pages
	}
}
