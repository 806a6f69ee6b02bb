package httpd_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const large = 4 << 20 // bytes of a body; the oldest eight of them, and more of the younger ones, fit into the budget

// Bodies that stop in the middle hold memory only until others need it.
func TestLargeBodiesShareABudget(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		assert.NoError(t, b.Open(net))
		whole := post("/metrics/", strings.Repeat("x", large))
		for range 8 { // they take what is for the oldest
			net.connect(t, whole[:large])
		}
		synctest.Wait()
		for range 120 { // they announce much, and take nearly all that is left in small steps
			net.connect(t, whole[:70<<10])
		}
		time.Sleep(10 * time.Second)
		small := net.connect(t, post("/metrics/", strings.Repeat("x", 64<<10)))
		assert.Equal(t, http.StatusCreated, readAnswer(small).status, "a body of 64 KiB needs no budget")
		synctest.Wait()
		assert.Equal(t, 128, b.Connections()["receiving"], "nobody needs what they have")
		begin := time.Now()
		for range 10 {
			assert.Equal(t, http.StatusCreated, readAnswer(net.connect(t, whole)).status)
		}
		assert.Less(t, time.Since(begin), time.Second)
		assert.Contains(t, b.calls.noted(&b.calls.refused), "slow", "those who had it")
	})
}

// Sixty clients each send 3 MB at 200 KB a second, in bursts. The bridge cannot hold all bodies at once.
func TestHonestLargeBodiesAllArrive(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		assert.NoError(t, b.Open(net))
		whole := post("/metrics/", strings.Repeat("x", 3_000_000))
		clients := make([]client, 60)
		for n := range clients {
			clients[n] = net.connect(t)
		}
		for burst := range slices.Chunk(whole, 60_000) {
			for _, c := range clients {
				c.send(burst)
			}
			time.Sleep(300 * time.Millisecond)
		}
		for n, c := range clients {
			assert.Equal(t, http.StatusCreated, readAnswer(c).status, fmt.Sprint(n))
		}
	})
}

// A client sends its whole body before it reads the answer, also when the body has lost its memory meanwhile.
func TestARefusedBodyIsReadToItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		assert.NoError(t, b.Open(net))
		whole := post("/metrics/", strings.Repeat("x", large-1)) // sixteen fit exactly
		var stalled []client
		for range 16 {
			stalled = append(stalled, net.connect(t, whole[:large-1]))
		}
		synctest.Wait()
		assert.Equal(t, http.StatusCreated, readAnswer(net.connect(t, whole)).status)
		time.Sleep(20 * time.Second)
		assert.Equal(t, 16, b.Connections()["receiving"], "nobody needs their places")
		for _, c := range stalled {
			_, err := c.Write(whole[large-1:])
			assert.NoError(t, err, "the bridge reads on before it answers")
		}
		statuses := map[int]int{}
		for _, c := range stalled {
			statuses[readAnswer(c).status]++
		}
		assert.Equal(t, map[int]int{http.StatusRequestTimeout: 1, http.StatusCreated: 15}, statuses)
	})
}

// When memory is short, the client that is slowest loses it.
func TestTheSlowestBodyLosesItsMemory(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		b.PostFn = func(context.Context) error { time.Sleep(2 * time.Second); return nil }
		assert.NoError(t, b.Open(net))
		whole := post("/metrics/", strings.Repeat("x", large))
		var slow, fast, greedy []client
		for range 4 {
			slow = append(slow, net.connect(t, whole[:large/2]))
			fast = append(fast, net.connect(t, whole[:large/2]))
		}
		for range 20 {
			greedy = append(greedy, net.connect(t, whole))
		}
		for n := range 40 { // 8 KiB and 320 KiB per second
			for k := range slow {
				slow[k].send(whole[large/2+n*800 : large/2+(n+1)*800])
				fast[k].send(whole[large/2+n*32<<10 : large/2+(n+1)*32<<10])
			}
			time.Sleep(100 * time.Millisecond)
		}
		for _, c := range greedy {
			assert.Equal(t, http.StatusCreated, readAnswer(c).status)
		}
		for n := range fast {
			slow[n].send(whole[large/2+40*800:])
			assert.Equal(t, http.StatusRequestTimeout, readAnswer(slow[n]).status)
			fast[n].send(whole[large/2+40*32<<10:])
			assert.Equal(t, http.StatusCreated, readAnswer(fast[n]).status)
		}
		assert.Equal(t, []string{"slow", "slow", "slow", "slow"}, b.calls.noted(&b.calls.refused))
	})
}

// Nobody is at fault when many send much at once: some wait until others are done, although each has a part.
func TestLargeBodiesWaitForEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		b.PostFn = func(context.Context) error { time.Sleep(time.Second); return nil }
		whole := post("/metrics/", strings.Repeat("x", large))
		assert.NoError(t, b.Open(net))
		begin, all := time.Now(), []client(nil)
		for range 40 {
			all = append(all, net.connect(t, whole))
		}
		for n, c := range all {
			assert.Equal(t, http.StatusCreated, readAnswer(c).status, fmt.Sprint(n))
		}
		assert.GreaterOrEqual(t, time.Since(begin), 3*time.Second, "16 at a time at most")
		assert.LessOrEqual(t, time.Since(begin), 6*time.Second, "8 at a time at least")
	})
}

func TestABodyAboveTheBudgetIsTaken(t *testing.T) {
	bubble(t, func(t *testing.T, b *bridge, net *pipes) {
		b.Routes("/", monitor.ScopeRead).POST("/huge", func(c *gin.Context) {
			_, err := httpd.ReadBody(c.Request, nil, 100<<20)
			assert.NoError(t, err)
		})
		assert.NoError(t, b.Open(net))
		for range 2 {
			assert.Equal(t, http.StatusOK, readAnswer(net.connect(t, post("/huge", strings.Repeat("x", 80<<20)))).status)
		}
	})
}
