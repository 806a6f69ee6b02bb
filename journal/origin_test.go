package journal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestCourierParksAMetricUntilItsSessionArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, func() {
			m := r.add(context1("p", "c"), metric1("p", "c", "s"))[1]
			r.after(30 * time.Second)
			assert.False(t, r.sink.has(m))
			assert.Equal(t, 1, r.j.parkedCount())
			assert.EqualValues(t, 2, r.j.acked(), "the cursor goes on")
			r.add(session1("p", "s"))
			r.after(110 * time.Millisecond)
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(m))
			assert.Zero(t, r.j.parkedCount())
			assert.Empty(t, r.j.pins)
		})
	})
}

// When the session arrives, its parked metrics are delivered at once, in order, and in deliveries of the usual size.
func TestCourierDeliversParkedMetricsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.BatchSize = 10
		var order []uint64
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			for _, p := range points {
				order = append(order, p.Seq)
			}
			return delivered
		}
		r.run(t, func() {
			r.after(10 * time.Second)
			want := r.add(context1("p", "c"))
			for range 25 {
				want = append(want, r.add(metric1("p", "c", "s"))...)
			}
			r.after(300 * time.Millisecond)
			assert.Equal(t, 25, r.j.parkedCount())
			r.add(session1("p", "s"))
			for range 5 {
				r.add(metric1("p", "c", "s"))
			}
			r.after(110 * time.Millisecond)
			// First come the session, ten parked metrics, and the five new metrics. Then come the other parked metrics.
			want = append([]uint64{1, 27}, want[1:11]...)
			want = append(want, 28, 29, 30, 31, 32)
			for seq := uint64(12); seq <= 26; seq++ {
				want = append(want, seq)
			}
			assert.Equal(t, want, order)
			assert.Equal(t, []int{1, 1, 10, 5, 10, 5}, r.sink.sent())
		})
	})
}

// The rows of a session come in many batches. Its origin is looked up for the first of them, and again after a deletion, for
// which the courier stops.
func TestCourierLooksUpTheOriginOfASessionOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		finds := 0
		r.j.FailFn = func(op string) error {
			if op == "find" {
				finds++
			}
			return nil
		}
		r.add(context1("p", "c"), session1("p", "s"))
		send := func() {
			m := r.add(metric1("p", "c", "s"))[0]
			r.after(500 * time.Millisecond)
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(m))
		}
		r.run(t, func() {
			for range 5 {
				send()
			}
			assert.Equal(t, 2, finds, "a context and a session")
		})
		r.run(t, func() {
			send()
			assert.Equal(t, 4, finds)
			long := session1("p", "long")
			long.Session.Branch = strings.Repeat("b", 2000)
			r.add(long)
			for range 3 {
				r.add(metric1("p", "c", "long"))
				r.after(500 * time.Millisecond)
			}
			assert.Equal(t, 4+3*2, finds, "long texts take no memory")
		})
	})
}

func TestCourierLooksUpEachHashOncePerBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		finds := 0
		r.j.FailFn = func(op string) error {
			if op == "find" {
				finds++
			}
			return nil
		}
		r.add(context1("p", "c"))
		for i := range 100 {
			h := fmt.Sprint(i % 10)
			r.add(session1("p", h), metric1("p", "c", h))
		}
		r.run(t, func() {
			r.after(500 * time.Millisecond)
			assert.Equal(t, 201, r.sink.count())
			assert.Equal(t, 11, finds)
		})
	})
}

func TestCourierDeliversWithoutContextAfterAMinute(t *testing.T) {
	tests := []struct {
		name   string
		recs   []*monitor.Record
		metric *monitor.Record
		want   monitor.Origin
	}{
		{"no context", []*monitor.Record{session1("p", "s")}, metric1("p", "c", "s"),
			monitor.Origin{Env: monitor.UnknownEnv, Run: "run-p-s", ScmRef: "commit", Branch: "main"}},
		{"no session", []*monitor.Record{context1("p", "c")}, metric1("p", "c", "s"),
			monitor.Origin{Env: "env-p-c", Run: "s"}},
		{"neither", nil, metric1("p", "c", "s"), monitor.Origin{Env: monitor.UnknownEnv, Run: "s"}},
		{"records of another project", []*monitor.Record{context1("q", "c"), session1("q", "s")}, metric1("p", "c", "s"),
			monitor.Origin{Env: monitor.UnknownEnv, Run: "s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				var m uint64
				r.run(t, func() {
					r.add(tt.recs...)
					m = r.add(tt.metric)[0]
					r.after(40 * time.Second)
					assert.False(t, r.sink.has(m))
				})
				// A restart does not start the minute again.
				r.run(t, func() {
					r.after(22 * time.Second)
					assert.Equal(t, tt.want, r.sink.origin(m))
					assert.Equal(t, tt.want, r.j.pins[m])
					assert.Zero(t, r.j.parkedCount())
				})
			})
		})
	}
}

// Another bridge accepted the session. It delivers the session only when the destination is back.
func TestCourierWaitsForASessionDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		back := time.Now().Add(12 * time.Hour)
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			if time.Now().Before(back) {
				return away
			}
			return delivered
		}
		var m uint64
		r.run(t, func() {
			m = r.add(context1("p", "c"), metric1("p", "c", "s"))[1]
			r.after(time.Hour)
		})
		r.run(t, func() {
			r.add(context1("p", "c2"))
			r.after(11 * time.Hour)
			for r.j.acked() < 3 { // until the destination is back and has the records of this bridge
				r.after(time.Second)
			}
			r.after(30 * time.Second)
			assert.False(t, r.sink.has(m))
			r.add(session1("p", "s"))
			r.after(time.Second)
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(m))
		})
	})
}

// A destination that is often busy for a moment has no outage.
func TestCourierDoesNotWaitLongerAtABusyDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		deliveries := 0
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			if deliveries++; deliveries%2 == 0 {
				return monitor.Reply{Kind: monitor.Unavailable, Status: 429, Message: "busy"}
			}
			return delivered
		}
		r.run(t, func() {
			m := r.add(metric1("p", "c", "s"))[0]
			for i := range 75 {
				r.add(context1("p", fmt.Sprint(i)))
				r.after(time.Second)
			}
			assert.Equal(t, monitor.Origin{Env: monitor.UnknownEnv, Run: "s"}, r.sink.origin(m))
		})
	})
}

func TestCourierDoesNotWaitForASessionWithoutHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, func() {
			m := r.add(context1("p", "c"), metric1("p", "c", ""))[1]
			r.after(time.Second)
			assert.Equal(t, monitor.Origin{Env: "env-p-c"}, r.sink.origin(m))
			assert.Equal(t, r.sink.origin(m), r.j.pins[m])
		})
	})
}

func TestCourierUsesAContextOfAnotherProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.j.anyProject = true
		r.run(t, func() {
			m := r.add(context1("q", "c"), session1("p", "s"), metric1("p", "c", "s"))[2]
			r.after(time.Second)
			want := known("p", "c", "s")
			want.Env = "env-q-c"
			assert.Equal(t, want, r.sink.origin(m))
			assert.Equal(t, want, r.j.pins[m], "the origin was pinned before it was sent")
		})
	})
}

func TestCourierSendsThePinnedOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		pinned := monitor.Origin{Env: "as pinned", Run: "as pinned"}
		m := r.add(context1("p", "c"), session1("p", "s"), metric1("p", "c", "s"))[2]
		r.j.pins[m] = pinned
		r.run(t, func() {
			r.after(time.Second)
			assert.Equal(t, pinned, r.sink.origin(m))
		})
	})
}

// Outcomes wait for their session, have its origin, and arrive after it.
func TestCourierTreatsOutcomesLikeMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		counts := map[string]int{}
		r.OnDelivered = func(class monitor.Class, n int, _ time.Time) { counts["delivered "+string(class)] += n }
		r.OnBuried = func(class monitor.Class, n int) { counts["buried "+string(class)] += n }
		var order [][]uint64
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			var seqs []uint64
			for _, p := range points {
				seqs = append(seqs, p.Seq)
			}
			order = append(order, seqs)
			return delivered
		}
		r.sink.LimitFn = func(p *monitor.Point) string {
			if p.Outcome != nil && p.Outcome.NodeID == "too long" {
				return "series key above 65535 bytes"
			}
			return ""
		}
		r.run(t, func() {
			parked := r.add(context1("p", "c"), outcomeOf(metric1("p", "c", "s")), metric1("p", "c", "s"))[1]
			r.after(30 * time.Second)
			assert.Equal(t, 2, r.j.parkedCount())
			r.add(session1("p", "s"))
			long := outcomeOf(metric1("p", "c", "s"))
			long.Outcome.NodeID = "too long"
			last := r.add(long, outcomeOf(metric1("p", "c", "lost")))[1]
			r.after(110 * time.Millisecond)
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(parked))
			assert.Equal(t, [][]uint64{{1}, {4}, {2, 3}}, order)
			assert.Empty(t, r.j.pins)
			r.after(2 * time.Minute)
			assert.Equal(t, monitor.Origin{Env: "env-p-c", Run: "lost"}, r.sink.origin(last))
			assert.Equal(t, r.sink.origin(last), r.j.pins[last])
			assert.Equal(t, monitor.ClassOutcome, r.j.dead[5].Class)
		})
		assert.Equal(t, map[string]int{"delivered context": 1, "delivered session": 1, "delivered metric": 1,
			"delivered outcome": 2, "buried outcome": 1}, counts)
	})
}
