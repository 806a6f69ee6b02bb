package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// rig is a courier between a fake journal and a fake sink, in a synctest bubble.
type rig struct {
	*journal.Courier
	j    *fakeJournal
	sink *fakeSink
	log  *log
}

func newRig() *rig { return newRigOn(newFakeJournal()) }

func newRigOn(j *fakeJournal) *rig {
	r := &rig{j: j, sink: newFakeSink(), log: &log{}}
	r.j.stored = r.sink.had
	r.Courier = journal.NewCourier(r.j, r.sink, r.j, r.j, r.log.logger())
	return r
}

// add appends records and wakes the courier.
func (r *rig) add(recs ...*monitor.Record) (seqs []uint64) {
	for _, rec := range recs {
		seqs = append(seqs, r.j.add(rec))
	}
	r.Wake()
	return seqs
}

// run opens the courier, calls act, and closes the courier at once. It then checks that the fakes found nothing wrong.
func (r *rig) run(t *testing.T, act func()) {
	t.Helper()
	require.NoError(t, r.Open(t.Context()))
	act()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, r.Close(ctx))
	assert.Empty(t, r.j.wrong)
	assert.Empty(t, r.sink.wrong)
}

// after lets time pass, and lets every goroutine do its work. The fakes see what the test did before.
func (r *rig) after(d time.Duration) {
	r.sink.sync()
	r.j.sync()
	after(d)
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestCourierDeliversPromptlyAndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, func() {
			r.after(10 * time.Second)
			r.add(context1("p", "c"), session1("p", "s"), metric1("p", "c", "s"))
			r.after(50 * time.Millisecond)
			seqs := r.add(metric1("p", "c", "s"))
			assert.Zero(t, r.sink.count(), "the courier gathers records")
			r.after(60 * time.Millisecond)
			assert.Equal(t, []int{2, 2}, r.sink.sent())
			assert.Equal(t, known("p", "c", "s"), r.sink.origin(seqs[0]))
			assert.EqualValues(t, 4, r.j.acked())
			assert.Empty(t, r.j.pins, "the origin follows from the stored records")
		})
	})
}

func TestCourierReadsTheJournalEverySecondWithoutWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.run(t, func() {
			r.after(100 * time.Second)
			assert.InDelta(t, 100, r.j.nexts, 2)
			r.j.add(context1("p", "c")) // without Wake
			r.after(time.Second)
			assert.EqualValues(t, 1, r.j.acked())
		})
	})
}

func TestCourierKeepsTheDestinationBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.BatchSize = 10
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			time.Sleep(150 * time.Millisecond)
			return monitor.Reply{}
		}
		r.j.FailFn = func(op string) error {
			if op == "next" {
				time.Sleep(140 * time.Millisecond)
			}
			return nil
		}
		r.add(context1("p", "c"), session1("p", "s"))
		for range 98 {
			r.add(metric1("p", "c", "s"))
		}
		start := time.Now()
		r.run(t, func() {
			for r.j.acked() < 100 {
				r.after(time.Millisecond)
			}
			// There are eleven deliveries, and one read before the first. The other reads happen during deliveries.
			assert.InDelta(t, 11*150+140, time.Since(start).Milliseconds(), 5)
		})
	})
}

func TestCourierDeliversParkedMetricsAfterTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		m := r.add(metric1("p", "c", "s"))[0]
		r.j.cursor, r.j.parked[m] = m, time.Now().Add(24*time.Hour) // then the clock was set back
		r.run(t, func() {
			r.after(time.Second)
			assert.True(t, r.sink.has(m))
		})
	})
}

// boundedJournal returns at most a megabyte and one record from a read.
type boundedJournal struct{ *fakeJournal }

func (j boundedJournal) Next(ctx context.Context, d monitor.Destination, after uint64, n int) ([]monitor.Pending, error) {
	recs, err := j.fakeJournal.Next(ctx, d, after, n)
	left := 1 << 20
	for i := range recs {
		if left -= recs[i].Size(); left <= 0 {
			return recs[:i+1], err
		}
	}
	return recs, err
}

func TestCourierDeliversLargeRecords(t *testing.T) {
	large := func(i int) *monitor.Record {
		rec := metric1("p", "c", "s")
		rec.Metric.ItemVariant = fmt.Sprint(i, strings.Repeat("x", 600<<10))
		return rec
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.Courier = journal.NewCourier(boundedJournal{r.j}, r.sink, r.j, r.j, discard())
		r.add(context1("p", "c"), session1("p", "s"))
		for i := range 20 {
			r.add(large(i))
		}
		require.NoError(t, r.Open(t.Context()))
		require.NoError(t, r.Close(t.Context()))
		assert.Equal(t, 22, r.sink.count(), "the courier reads on after a batch of few large records")
	})
}

func TestCourierSurvivesAFailingJournal(t *testing.T) {
	for _, op := range []string{"next", "pin", "ack", "find", "stats"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				r.j.anyProject = true
				r.run(t, func() {
					r.j.mu.Lock()
					r.j.FailFn = func(o string) error {
						if o == op {
							return errors.New("disk on fire")
						}
						return nil
					}
					r.j.mu.Unlock()
					r.add(context1("q", "c"), session1("p", "s"), metric1("p", "c", "s"))
					r.after(10 * time.Second)
					if op != "stats" {
						assert.Less(t, r.j.acked(), uint64(3))
						h := r.Health()
						assert.False(t, h.OK)
						assert.Contains(t, h.Detail, "disk on fire")
					}
					r.j.mu.Lock()
					r.j.FailFn = nil
					r.j.mu.Unlock()
					r.after(2 * time.Minute)
					assert.EqualValues(t, 3, r.j.acked())
					assert.Equal(t, 3, r.sink.count())
					assert.True(t, r.Health().OK)
				})
			})
		})
	}
}

func TestCourierOpenReturnsTheErrorOfTheJournal(t *testing.T) {
	for _, op := range []string{"cursor", "stats"} {
		r := newRig()
		r.j.FailFn = func(o string) error {
			if o == op {
				return errors.New("disk on fire")
			}
			return nil
		}
		assert.ErrorContains(t, r.Open(t.Context()), "disk on fire")
		assert.NoError(t, r.Close(t.Context()))
	}
}

func TestCourierCloseDeliversTheRecordsThatAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.BatchSize = 10
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			time.Sleep(100 * time.Millisecond)
			return monitor.Reply{}
		}
		require.NoError(t, r.Open(t.Context()))
		synctest.Wait()
		for range 95 {
			r.j.add(context1("p", "c"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		require.NoError(t, r.Close(ctx))
		assert.Equal(t, time.Second, time.Since(start))
		assert.EqualValues(t, 95, r.j.acked())
		assert.Empty(t, r.j.wrong)
	})
}

func TestCourierAcknowledgesADeliveryThatEndsAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.sink.DeliverFn = func(context.Context, []*monitor.Point) monitor.Reply {
			time.Sleep(time.Second)
			return delivered
		}
		r.run(t, func() {
			r.add(context1("p", "c"))
			r.after(500 * time.Millisecond)
		})
		assert.EqualValues(t, 1, r.j.acked())
	})
}

func TestCourierCloseIsBounded(t *testing.T) {
	hang := func(ctx context.Context, _ []*monitor.Point) monitor.Reply {
		<-ctx.Done()
		return monitor.Reply{Kind: monitor.Unavailable, Message: ctx.Err().Error()}
	}
	confused := func(ctx context.Context, _ []*monitor.Point) monitor.Reply {
		<-ctx.Done()
		return refused // because the request was cancelled
	}
	tries := 0
	awayThenHang := func(ctx context.Context, points []*monitor.Point) monitor.Reply {
		if tries++; tries > 1 {
			return hang(ctx, points)
		}
		return away
	}
	slowThenAway := func(context.Context, []*monitor.Point) monitor.Reply {
		time.Sleep(3 * time.Second)
		return away
	}
	tests := []struct {
		name    string
		deliver func(context.Context, []*monitor.Point) monitor.Reply
		within  time.Duration
	}{
		{"the destination hangs", hang, 5 * time.Second},
		{"the destination hangs and then refuses", confused, 5 * time.Second},
		{"the destination is away", func(context.Context, []*monitor.Point) monitor.Reply { return away }, 0},
		{"the destination was away and now hangs", awayThenHang, 0},
		{"the destination goes away during the stop", slowThenAway, 2100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				r.BatchSize = 1
				r.sink.DeliverFn = tt.deliver
				require.NoError(t, r.Open(t.Context()))
				synctest.Wait()
				r.add(context1("p", "c"), context1("p", "c"), context1("p", "c"))
				r.after(time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				require.NoError(t, r.Close(ctx))
				assert.Equal(t, tt.within, time.Since(start))
				assert.Zero(t, r.j.acked())
				assert.Empty(t, r.j.deadSeqs())
			})
		})
	}
}
