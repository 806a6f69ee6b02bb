package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

var (
	refused   = monitor.Reply{Kind: monitor.Refused, Status: 422, Message: "field type conflict"}
	tooLarge  = monitor.Reply{Kind: monitor.TooLarge, Status: 413, Message: "too large"}
	failed    = monitor.Reply{Kind: monitor.Failed, Status: 500, Message: "engine: field type conflict"}
	denied    = monitor.Reply{Kind: monitor.Denied, Status: 401, Message: "unauthorized access"}
	away      = monitor.Reply{Kind: monitor.Unavailable, Message: "connection refused"}
	overload  = monitor.Reply{Kind: monitor.Unavailable, Status: 429, Message: "slow down", RetryAfter: time.Minute}
	delivered = monitor.Reply{Kind: monitor.Delivered, Status: 204}
)

// contains says whether one of the points has one of the sequence numbers.
func contains(points []*monitor.Point, seqs map[uint64]bool) bool {
	for _, p := range points {
		if seqs[p.Seq] {
			return true
		}
	}
	return false
}

// fill appends n records: a context, a session, and metrics.
func (r *rig) fill(n int) {
	r.add(context1("p", "c"), session1("p", "s"))
	for range n - 2 {
		r.add(metric1("p", "c", "s"))
	}
}

func TestCourierBuriesExactlyThePointsAtFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		bad := map[uint64]bool{1: true, 100: true, 101: true, 4000: true}
		limited := uint64(77)
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if contains(points, bad) {
				return refused
			}
			return delivered
		}
		r.sink.LimitFn = func(p *monitor.Point) string {
			if p.Seq == limited {
				return "series key above 65535 bytes"
			}
			return ""
		}
		type count struct {
			class monitor.Class
			n     int
		}
		var buried, arrived []count
		r.OnBuried = func(class monitor.Class, n int) { buried = append(buried, count{class, n}) }
		r.OnDelivered = func(class monitor.Class, n int, oldest time.Time) {
			arrived = append(arrived, count{class, n})
			assert.Equal(t, time.Now(), oldest)
		}
		asked := map[monitor.ReplyKind]int{}
		r.OnReply = func(reply monitor.Reply) { asked[reply.Kind]++ }
		r.fill(5000)
		r.run(t, func() {
			synctest.Wait()
			assert.Equal(t, []uint64{1, 77, 100, 101, 4000}, r.j.deadSeqs())
			assert.Equal(t, 4995, r.sink.count())
			assert.EqualValues(t, 5000, r.j.acked())
			assert.Equal(t, monitor.DeadLetter{Dest: dest, Seq: 100, Class: monitor.ClassMetric, Status: 422,
				Reason: "field type conflict", At: time.Now()}, r.j.dead[100])
			assert.Equal(t, "series key above 65535 bytes", r.j.dead[limited].Reason)
			assert.Zero(t, r.j.dead[limited].Status)
			assert.Equal(t, []count{{monitor.ClassContext, 1}, {monitor.ClassMetric, 4}}, buried)
			assert.Equal(t, []count{{monitor.ClassSession, 1}, {monitor.ClassMetric, 4994}}, arrived)
			assert.Less(t, asked[monitor.Refused]+asked[monitor.Delivered], 120)
			h := r.Health()
			assert.True(t, h.OK)
			assert.Equal(t, "delivering to "+string(dest)+"; 5 records are dead letters", h.Detail)
			for _, l := range r.j.dead {
				assert.Contains(t, r.log.String(), fmt.Sprintf("project=p class=%s seq=%d status=%d reason=%q", l.Class, l.Seq, l.Status, l.Reason))
			}
		})
	})
}

func TestCourierHalvesADeliveryThatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if len(points) > 30 || contains(points, map[uint64]bool{50: true}) {
				return tooLarge
			}
			return delivered
		}
		r.fill(100)
		r.run(t, func() {
			r.after(time.Second)
			assert.Empty(t, r.j.deadSeqs(), "InfluxDB did not say that the record is wrong")
			assert.Equal(t, 99, r.sink.count())
			assert.EqualValues(t, 100, r.j.acked())
		})
	})
}

func TestCourierRetriesForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var times []time.Time
		back := time.Now().Add(12 * time.Hour)
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			times = append(times, time.Now())
			if time.Now().Before(back) {
				return away
			}
			return delivered
		}
		r.fill(100)
		r.run(t, func() {
			r.after(time.Hour)
			assert.False(t, r.Healthy())
			h := r.Health()
			assert.False(t, h.OK)
			assert.False(t, h.Required)
			assert.Equal(t, "delivery", h.Component)
			assert.Contains(t, h.Detail, "connection refused")
			assert.Contains(t, h.Detail, "100 records kept")
			r.after(12 * time.Hour)
			assert.EqualValues(t, 100, r.j.acked())
			assert.True(t, r.Healthy())
			assert.Empty(t, r.j.deadSeqs())
		})
		for i := 1; i < len(times)-2; i++ {
			assert.LessOrEqual(t, times[i].Sub(times[i-1]), time.Minute)
		}
		// The average wait is half a minute, so twelve hours have about 1,440 tries.
		assert.InDelta(t, 1440, len(times), 150)
		assert.Equal(t, 1, strings.Count(r.log.String(), "level=WARN"), "an outage gives one warning")
	})
}

// The destination takes the request and does not answer.
func TestCourierSaysThatTheDestinationIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			time.Sleep(time.Minute)
			return delivered
		}
		r.run(t, func() {
			r.add(context1("p", "c"))
			r.after(4 * time.Second)
			assert.True(t, r.Health().OK)
			r.after(2 * time.Second)
			assert.False(t, r.Healthy())
			assert.False(t, r.Health().OK)
			assert.Equal(t, string(dest)+" has given no answer since 2000-01-01T00:00:00Z", r.Health().Detail)
			r.after(time.Minute)
			assert.True(t, r.Health().OK)
		})
	})
}

func TestCourierHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var times []time.Time
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			times = append(times, time.Now())
			if len(times) < 3 {
				return overload
			}
			return delivered
		}
		r.add(context1("p", "c"))
		r.run(t, func() { r.after(time.Hour) })
		for i := 1; i < len(times); i++ {
			assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), time.Minute)
			assert.LessOrEqual(t, times[i].Sub(times[i-1]), 61*time.Second)
		}
		assert.Len(t, times, 3)
	})
}

func TestCourierKeepsRecordsWhileAccessIsDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		requests := 0
		var allowed atomic.Bool
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			requests++
			if !allowed.Load() {
				return denied
			}
			return delivered
		}
		r.fill(100)
		r.run(t, func() {
			r.after(10 * time.Minute)
			assert.LessOrEqual(t, requests, 21)
			assert.GreaterOrEqual(t, requests, 12)
			assert.Equal(t, 1, strings.Count(r.log.String(), "level=ERROR"), "the operator is told once")
			assert.Contains(t, r.log.String(), `said="401 unauthorized access"`)
			h := r.Health()
			assert.False(t, h.OK)
			assert.Contains(t, h.Detail, "401 unauthorized access")
			assert.Contains(t, h.Detail, "100 records kept")
			allowed.Store(true)
			r.after(time.Minute)
			assert.Equal(t, 100, r.sink.count())
			assert.True(t, r.Health().OK)
			assert.Empty(t, r.j.deadSeqs())
		})
	})
}

func TestCourierBuriesNothingWhileEverythingIsRefused(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				requests := 0
				var fixed atomic.Bool
				r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
					requests++
					if !fixed.Load() {
						return refused
					}
					return delivered
				}
				r.sink.ProbeFn = func(class monitor.Class) monitor.Reply {
					assert.Equal(t, monitor.ClassMetric, class)
					if !fixed.Load() {
						return refused
					}
					return delivered
				}
				for range n {
					r.add(metric1("p", "", ""))
				}
				r.run(t, func() {
					r.after(time.Hour)
					assert.Empty(t, r.j.deadSeqs())
					assert.Equal(t, 1, strings.Count(r.log.String(), "level=ERROR"), "the operator is told once")
					assert.Less(t, requests, 120*60, "the courier asks slowly")
					assert.False(t, r.Healthy())
					assert.Contains(t, r.Health().Detail, "422 field type conflict; nothing is buried")
					fixed.Store(true)
					r.after(time.Minute)
					assert.Empty(t, r.j.deadSeqs())
					assert.Equal(t, n, r.sink.count())
					assert.True(t, r.Health().OK)
				})
			})
		})
	}
}

func TestCourierBuriesAllPointsWhenOnlyTheProbeIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		probes, alone := 0, map[uint64]int{}
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if len(points) == 1 {
				alone[points[0].Seq]++
			}
			return refused
		}
		r.sink.ProbeFn = func(monitor.Class) monitor.Reply {
			if probes++; probes == 1 {
				return away // the courier repeats the probe until there is an answer
			}
			return delivered
		}
		for range 40 {
			r.add(metric1("p", "", ""))
		}
		r.run(t, func() {
			r.after(time.Minute)
			assert.Len(t, r.j.deadSeqs(), 40)
			for seq, n := range alone {
				assert.Equal(t, 3, n, "sends of %d alone", seq)
			}
			assert.Contains(t, r.log.String(), "records=35", "five letters of a batch have lines of their own")
		})
	})
}

// A destination that accepts one point works, whatever it replies to a probe.
func TestCourierTrustsADestinationThatAcceptsOnePoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			if points[len(points)-1].Seq > 1 {
				return refused
			}
			return delivered
		}
		r.sink.ProbeFn = func(monitor.Class) monitor.Reply { return refused }
		for range 40 {
			r.add(metric1("p", "", ""))
		}
		r.run(t, func() {
			r.after(time.Minute)
			assert.Len(t, r.j.deadSeqs(), 39)
			assert.Equal(t, 1, r.sink.count())
			assert.True(t, r.Healthy())
		})
	})
}

// The courier delivers no part twice.
func TestCourierContinuesHalvingAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		bad := map[uint64]bool{40: true}
		n, done := 0, map[uint64]int{}
		r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
			n++
			switch {
			case n%3 == 2:
				return away
			case contains(points, bad):
				return refused
			}
			for _, p := range points {
				done[p.Seq]++
			}
			return delivered
		}
		r.fill(64)
		r.run(t, func() {
			r.after(10 * time.Minute)
			assert.Equal(t, []uint64{40}, r.j.deadSeqs())
			assert.Len(t, done, 63)
			for seq, times := range done {
				assert.Equal(t, 1, times, seq)
			}
		})
	})
}

func TestCourierBuriesAPointThatMakesTheSinkPanic(t *testing.T) {
	check := func(points []*monitor.Point) {
		if contains(points, map[uint64]bool{7: true}) {
			panic("index out of range")
		}
	}
	for name, sink := range map[string]*fakeSink{
		"when it is prepared": {PrepareFn: check},
		"when it is sent": {DeliverFn: func(_ context.Context, points []*monitor.Point) monitor.Reply {
			check(points)
			return delivered
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				r.sink.PrepareFn, r.sink.DeliverFn = sink.PrepareFn, sink.DeliverFn
				r.fill(20)
				r.run(t, func() {
					r.after(time.Second)
					assert.Equal(t, []uint64{7}, r.j.deadSeqs())
					assert.Contains(t, r.j.dead[7].Reason, "index out of range")
					assert.Equal(t, 19, r.sink.count())
				})
			})
		})
	}
}

// The test tries a thousand random patterns.
func TestCourierFindsEveryPatternOfPointsAtFault(t *testing.T) {
	const batch, patterns = 64, 1000
	random := rand.New(rand.NewPCG(1, 2))
	for i := range patterns {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			bad := map[uint64]bool{}
			share := random.Float64() * random.Float64()
			for seq := range uint64(batch) {
				if random.Float64() < share {
					bad[seq+1] = true
				}
			}
			r.sink.DeliverFn = func(_ context.Context, points []*monitor.Point) monitor.Reply {
				if contains(points, bad) {
					return refused
				}
				return delivered
			}
			for range batch {
				r.add(metric1("p", "", ""))
			}
			if err := r.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			ok := len(r.j.dead) == len(bad) && len(r.sink.stored) == batch-len(bad) && len(r.j.wrong) == 0
			for seq := range bad {
				_, dead := r.j.dead[seq]
				ok = ok && dead
			}
			if !ok {
				t.Fatalf("pattern %d: %v dead, %d stored, wrong: %v", i, r.j.deadSeqs(), r.sink.count(), r.j.wrong)
			}
		})
	}
}

// TestTheLagOfAnEndCountsFromItsArrival holds that a session that lasted for hours shows no delay.
func TestTheLagOfAnEndCountsFromItsArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		var lags []time.Duration
		r.OnDelivered = func(_ monitor.Class, _ int, oldest time.Time) { lags = append(lags, time.Since(oldest)) }
		end := session1("p", "s")
		r.add(end)
		end.Received, end.Session.Ended = time.Now().Add(-3*time.Hour), time.Now()
		r.run(t, synctest.Wait)
		assert.Equal(t, []time.Duration{0}, lags)
	})
}
