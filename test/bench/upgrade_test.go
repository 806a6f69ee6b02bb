package bench_test

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pymon-bridge/test/harness"
)

const (
	upgrades     = 20
	upgradeEach  = 2 * time.Second
	upgradePosts = 5 * time.Millisecond // between two posts
	upgradeGoal  = 500 * time.Millisecond
)

// benchUpgrade replaces the program again and again while clients post 200 times a second, whether or not the posts before have
// been answered. A post counts from the moment when it should begin.
func benchUpgrade(b *testing.B, r *report) {
	bridge := harness.StartBridge(b, harness.BridgeConfig{Program: harness.Program(b)})
	prepare(b, bridge.URL)
	address := strings.TrimPrefix(bridge.URL, "http://")
	var numbers atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	failed := 0
	post := func(due time.Time) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_, err = exchange(conn, appendRequest(nil, numbers.Add(1)), nil)
			_ = conn.Close()
		}
		mu.Lock()
		defer mu.Unlock()
		if took = append(took, time.Since(due)); err != nil {
			failed++
		}
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		begin := time.Now()
		for due := begin; due.Before(begin.Add(upgrades * upgradeEach)); due = due.Add(upgradePosts) {
			time.Sleep(time.Until(due))
			clients.Go(func() { post(due) })
		}
	})
	for range upgrades {
		next := time.Now().Add(upgradeEach)
		bridge.Upgrade()
		time.Sleep(time.Until(next))
	}
	clients.Wait()
	var waits []time.Duration
	for _, said := range regexp.MustCompile(`"clients_waited_at_most":(\d+)`).FindAllStringSubmatch(bridge.Log(), -1) {
		ns, _ := strconv.ParseInt(said[1], 10, 64) // the expression takes digits only
		waits = append(waits, time.Duration(ns))
	}
	posts, longest := sorted(took), sorted(waits)
	most := percentile(posts, 100)
	table := r.add("Posts while the program is replaced", "posts", "failed", "p50", "p99", "longest", "nobody accepts: median", "longest", "goal", "verdict")
	table.row(fmt.Sprint(len(posts)), fmt.Sprint(failed), millis(percentile(posts, 50)), millis(percentile(posts, 99)), millis(most),
		millis(median(longest)), millis(percentile(longest, 100)), "none fails, none waits longer than "+upgradeGoal.String(),
		verdict(failed == 0 && most <= upgradeGoal))
	table.note("%d upgrades in %s, a post each %s on a connection of its own.", upgrades, upgrades*upgradeEach, upgradePosts)
}
