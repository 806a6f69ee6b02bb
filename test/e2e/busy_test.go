package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// 70 clients ask for different reports of one project, again and again. More of them wait than may. `check` of another
// project gets its answer in its turn.
func TestQuestionsOfOneProjectDoNotDelayCheckOfAnother(t *testing.T) {
	t.Parallel()
	const clients = 70
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--no-judge"}})
	for _, project := range []string{"crowd", "shop"} {
		posts, process := newBulkPoster(bridge.URL+"/p/"+project), newMachine()
		process.enrol(t, posts)
		posts.mustPostAll(t, process.metrics("test_pay", time.Now(), 200))
	}
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var asking sync.WaitGroup
	var done atomic.Bool
	refused := make(chan struct{}, 1)
	for n := range clients {
		asking.Go(func() {
			for !done.Load() {
				resp, err := client.Get(fmt.Sprintf("%s/p/crowd/api/v1/regressions?branch=b%d", bridge.URL, n))
				if !assert.NoError(t, err) {
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusServiceUnavailable {
					select {
					case refused <- struct{}{}:
					default:
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	defer asking.Wait()
	defer done.Store(true)
	select {
	case <-refused: // as many wait as may
	case <-time.After(time.Minute):
		require.Fail(t, "no question was refused")
	}
	r, report := check(t, bridge, "--timeout", "30s")
	assert.Less(t, r.ExitCode, 2, r.Stderr)
	assert.NotContains(t, r.Stderr, "asking again")
	assert.Equal(t, "shop", report.Project)
}
