package journal_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// failsAt returns a destination that takes 5 ms for an answer and fails at the records of some projects.
func failsAt(reply monitor.Reply, bad func(project string) bool) func(context.Context, []*monitor.Point) monitor.Reply {
	return func(_ context.Context, points []*monitor.Point) monitor.Reply {
		time.Sleep(5 * time.Millisecond)
		for _, p := range points {
			if bad(p.Project) {
				return reply
			}
		}
		return delivered
	}
}

// Records that are set aside delay no good ones, also after a restart.
func TestCourierIsNotDelayedByWhatIsSetAside(t *testing.T) {
	for _, reply := range []monitor.Reply{tooLarge, failed} {
		t.Run(fmt.Sprint(reply.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				r.sink.DeliverFn = failsAt(reply, func(project string) bool { return project == "bad" })
				r.add(context1("p", "c"), session1("p", "s"), context1("bad", "c"), session1("bad", "s"))
				for range 500 {
					r.add(metric1("bad", "c", "s"))
				}
				r.run(t, func() { r.after(5 * time.Minute) })
				assert.Equal(t, 502, r.j.parkedCount())
				r = newRigOn(r.j)
				r.sink.DeliverFn = failsAt(reply, func(project string) bool { return project == "bad" })
				r.j.stored = func(seq uint64) bool { return seq <= 2 || r.sink.has(seq) }
				r.run(t, func() {
					for range 10 {
						good := r.add(metric1("p", "c", "s"))[0]
						start := time.Now()
						for !r.sink.has(good) {
							r.after(10 * time.Millisecond)
						}
						assert.Less(t, time.Since(start), 3*time.Second, "three tries of the first in vain")
						r.after(10 * time.Second)
					}
					r.RetryNow()
					good := r.add(metric1("p", "c", "s"))[0]
					r.after(time.Second)
					assert.True(t, r.sink.has(good), "a round of all takes turns with new records")
				})
			})
		})
	}
}

// A record that the destination takes again does not wait for all those that it still does not take.
func TestCourierTriesWhatIsSetAsideInTurns(t *testing.T) {
	for _, now := range []bool{false, true} {
		t.Run(fmt.Sprint("retry now ", now), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				var mended atomic.Bool
				r.sink.DeliverFn = failsAt(failed, func(project string) bool {
					return project == "bad" || project == "late" && !mended.Load()
				})
				for range 250 {
					r.add(metric1("bad", "", ""))
				}
				late := r.add(metric1("late", "", ""))[0]
				for range 249 {
					r.add(metric1("bad", "", ""))
				}
				r.run(t, func() {
					r.after(5 * time.Minute)
					assert.Equal(t, 500, r.j.parkedCount())
					mended.Store(true)
					if now {
						r.RetryNow()
						r.after(30 * time.Second)
					} else {
						r.after(15 * time.Minute)
					}
					assert.True(t, r.sink.has(late))
					r.sink.sent()
					r.after(5 * time.Minute)
					assert.LessOrEqual(t, len(r.sink.sent()), 220, "twenty in half a minute")
				})
			})
		})
	}
}

// Restarts keep no record from its turn.
func TestCourierTriesEachSetAsideDespiteRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var mended atomic.Bool
		r.sink.DeliverFn = failsAt(failed, func(project string) bool { return project == "bad" || !mended.Load() })
		for range 99 {
			r.add(metric1("bad", "", ""))
		}
		late := r.add(metric1("late", "", ""))[0]
		r.run(t, func() { r.after(3 * time.Minute) })
		assert.Equal(t, 100, r.j.parkedCount())
		mended.Store(true)
		for range 150 { // at each start, it is among the twenty that are tried with a chance of one in five
			if r.sink.has(late) {
				break
			}
			r.run(t, func() { r.after(40 * time.Second) })
		}
		assert.True(t, r.sink.has(late))
	})
}

// A repaired file may lack a record that was set aside.
func TestCourierForgetsWhatTheJournalLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.j.aside[7] = true
		r.run(t, func() {
			assert.Contains(t, r.Health().Detail, "1 records are set aside")
			r.after(time.Minute)
			assert.NotContains(t, r.Health().Detail, "set aside")
		})
	})
}

// What is set aside is in the journal, and not in memory.
func TestCourierHasNothingInMemoryThatIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		r := newRig()
		r.Courier = journal.NewCourier(r.j, r.sink, r.j, r.j, discard())
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if points[0].Measured() != nil {
				return monitor.Reply{Kind: monitor.TooLarge, Status: 413, Message: strings.Repeat("x", 1900)}
			}
			return delivered
		}
		r.fill(n)
		heap := func() int {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		before := heap()
		r.run(t, func() {
			r.after(2 * time.Minute)
			assert.Equal(t, n-2, r.j.parkedCount())
			r.sink.sent()
			assert.Less(t, heap()-before, 1000*n, "the fakes' own memory")
		})
	})
}
