package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// A proxy answers each n-th request as InfluxDB answers a point at fault. Records arrive one by one and in a batch.
func TestCourierBuriesNoGoodPointBehindAProxyThatRefusesEachNthRequest(t *testing.T) {
	for _, n := range []int{2, 3, 10} {
		for _, reply := range []monitor.Reply{refused, tooLarge, denied, away} {
			for _, batch := range []int{1, 50} {
				t.Run(fmt.Sprintf("%d %s %d", n, reply.Kind, batch), func(t *testing.T) {
					for range 20 { // the numbers of probes are random
						synctest.Test(t, func(t *testing.T) { buryBehindProxy(t, n, reply, batch) })
					}
				})
			}
		}
	}
}

// enough is a number of requests that no delivery of 100 records needs.
const enough = 5000

func buryBehindProxy(t *testing.T, n int, reply monitor.Reply, batch int) {
	r := newRig()
	requests := rand.IntN(n)
	bad, dead := map[uint64]bool{}, []uint64(nil)
	if n == 10 || reply.Kind == monitor.Denied || reply.Kind == monitor.Unavailable {
		bad, dead = map[uint64]bool{7: true}, []uint64{7} // else no six requests in a row could show its fault
	}
	r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
		switch requests++; {
		case requests > enough:
			return delivered // ends a courier that would ask for ever
		case requests%n == 0:
			return reply
		case contains(points, bad):
			return monitor.Reply{Kind: monitor.Refused, Status: 422, Message: fmt.Sprintf("dropped 1 point at %d", requests)}
		}
		return delivered
	}
	r.sink.ProbeFn = func(monitor.Class) monitor.Reply {
		if requests++; requests%n == 0 {
			return reply
		}
		return delivered
	}
	r.run(t, func() {
		defer func() { assert.Less(t, requests, enough, "the courier comes to an end") }()
		for range 100 / batch {
			for range batch {
				r.add(metric1("p", "", ""))
			}
			r.after(450 * time.Millisecond)
		}
		for end := time.Now().Add(time.Hour); time.Now().Before(end) && r.sink.count()+len(r.j.deadSeqs()) < 100; {
			r.after(10 * time.Second)
		}
		assert.Equal(t, 100-len(dead), r.sink.count())
		assert.Equal(t, dead, r.j.deadSeqs(), "the point at fault is buried, though its words differ in a number")
		assert.Equal(t, len(dead), strings.Count(r.log.String(), "it is a dead letter"))
	})
}
