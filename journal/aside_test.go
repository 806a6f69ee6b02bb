package journal_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// The destination takes all records but one, in each class. The one is set aside, and arrives when the destination takes it,
// also after a restart.
func TestCourierSetsAsideWhatTheDestinationDoesNotTakeNow(t *testing.T) {
	for _, reply := range []monitor.Reply{tooLarge, failed} {
		for _, class := range []monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric} {
			t.Run(fmt.Sprint(reply.Kind, " ", class), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { setsAside(t, reply, class) })
			})
		}
	}
}

func setsAside(t *testing.T, reply monitor.Reply, class monitor.Class) {
	r := newRig()
	var mended atomic.Bool
	tries := 0
	r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
		for _, p := range points {
			if p.Class() == class && p.Project == "bad" && !mended.Load() {
				if len(points) == 1 {
					tries++
				}
				return reply
			}
		}
		return delivered
	}
	counts := map[monitor.Class]int{}
	r.OnDelivered = func(class monitor.Class, n int, _ time.Time) { counts[class] += n }
	var bad uint64
	r.run(t, func() {
		seqs := r.add(context1("bad", "c"), session1("bad", "s"), metric1("bad", "c", "s"))
		bad = map[monitor.Class]uint64{monitor.ClassContext: seqs[0], monitor.ClassSession: seqs[1], monitor.ClassMetric: seqs[2]}[class]
		r.add(context1("p", "c"), session1("p", "s"))
		for range 95 {
			r.add(metric1("p", "c", "s"))
		}
		r.after(20 * time.Second)
		assert.Equal(t, 99, r.sink.count())
		assert.EqualValues(t, 100, r.j.acked())
		assert.True(t, r.Health().OK)
		assert.Contains(t, r.Health().Detail, "; 1 records are set aside and tried again")
		first := tries
		for range 60 { // nothing waits for it
			m := r.add(metric1("p", "c", "s"))[0]
			r.after(10 * time.Second)
			assert.True(t, r.sink.has(m))
		}
		assert.InDelta(t, 20, tries-first, 1, "it is tried twice a minute")
		assert.Equal(t, 1, strings.Count(r.log.String(), "it is set aside"))
		assert.True(t, r.log.has("it is set aside", bad))
		assert.Equal(t, 159, counts[monitor.ClassContext]+counts[monitor.ClassSession]+counts[monitor.ClassMetric])
	})
	r.run(t, func() {
		r.after(time.Minute)
		assert.Equal(t, 1, r.j.parkedCount(), "it is still set aside after a restart")
		mended.Store(true)
		r.RetryNow()
		r.after(time.Second)
		assert.True(t, r.sink.has(bad))
		assert.Zero(t, r.j.parkedCount())
		assert.Empty(t, r.j.deadSeqs())
		assert.NotContains(t, r.Health().Detail, "set aside")
	})
}

// When the destination takes one record that was set aside, the others follow at once.
func TestCourierDeliversAllThatIsSetAsideTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var mended atomic.Bool
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if points[0].Measured() != nil && !mended.Load() {
				return tooLarge
			}
			return delivered
		}
		r.fill(100)
		r.run(t, func() {
			r.after(time.Minute)
			assert.Equal(t, 98, r.j.parkedCount())
			assert.Equal(t, known("p", "c", "s"), r.sink.tried[50])
			mended.Store(true)
			r.after(time.Minute)
			assert.Equal(t, 100, r.sink.count())
		})
	})
}

// A destination that fails for a while, at everything, has nothing set aside, and is asked less and less often.
func TestCourierSetsNothingAsideInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		back := time.Now().Add(time.Hour)
		requests := 0
		fails := func() monitor.Reply {
			if requests++; time.Now().Before(back) {
				return failed
			}
			return delivered
		}
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply { return fails() }
		r.sink.ProbeFn = func(monitor.Class) monitor.Reply { return fails() }
		r.fill(100)
		r.run(t, func() {
			r.after(30 * time.Minute)
			assert.False(t, r.Healthy())
			assert.Less(t, requests, 300)
			r.after(32 * time.Minute)
			assert.Equal(t, 100, r.sink.count())
			assert.NotContains(t, r.log.String(), "set aside")
		})
	})
}

// Neither is anything halved or set aside for failures that are not the destination's own, or that differ.
func TestCourierWaitsForADestinationThatFailsDifferently(t *testing.T) {
	for name, reply := range map[string]func(n int) monitor.Reply{
		"a proxy's words": func(int) monitor.Reply {
			return monitor.Reply{Kind: monitor.Unavailable, Status: 502, Message: "bad gateway"}
		},
		"other words": func(n int) monitor.Reply {
			return monitor.Reply{Kind: monitor.Failed, Status: 500, Message: strings.Repeat("x", n%7)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				n := 0
				r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
					if n++; n < 50 {
						return reply(n)
					}
					return delivered
				}
				r.fill(100)
				r.run(t, func() {
					r.after(time.Hour)
					assert.Equal(t, 100, r.sink.count())
					assert.Equal(t, append(slices.Repeat([]int{2}, 50), 98), r.sink.sent(), "nothing is halved")
				})
			})
		})
	}
}
