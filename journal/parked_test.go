package journal_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/journal"
	"pymon-bridge/monitor"
)

// farStore is a store far away, which takes its time.
type farStore struct {
	took     time.Duration
	sessions map[string]*monitor.Session // by hash, of every project

	mu    sync.Mutex
	asked map[string]int // by project and hash
}

func newFarStore(took time.Duration) *farStore {
	return &farStore{took: took, sessions: map[string]*monitor.Session{}, asked: map[string]int{}}
}

func (s *farStore) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	return nil, s.ask(ctx, project, h)
}

func (s *farStore) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	if err := s.ask(ctx, project, h); project == "" || monitor.ErrorCode(err) != monitor.ENotFound {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.sessions[h]; found != nil {
		return found, nil
	}
	return nil, monitor.Errorf(monitor.ENotFound, "not there")
}

func (s *farStore) ask(ctx context.Context, project, h string) error {
	s.mu.Lock()
	s.asked[project+" "+h]++
	s.mu.Unlock()
	if s.took == 0 { // timers that have expired at once, in several goroutines, crash Go 1.26 with the race detector
		return monitor.Errorf(monitor.ENotFound, "not there")
	}
	select {
	case <-time.After(s.took):
		return monitor.Errorf(monitor.ENotFound, "not there")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *farStore) deliver(h string, session *monitor.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[h] = session
}

func newFarRig(far monitor.MetadataStore) *rig {
	r := newRig()
	r.Courier = journal.NewCourier(r.j, r.sink, r.j, far, r.log.logger())
	r.BatchSize = 10
	return r
}

func TestCourierIsNotDelayedByParkedMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFarRig(newFarStore(40 * time.Millisecond))
		r.run(t, func() {
			r.add(context1("p", "c"), session1("p", "s"))
			r.after(30 * time.Second)
			start := time.Now()
			for i := range 200 {
				r.add(metric1("p", "c", fmt.Sprint("unknown", i)))
			}
			good := r.add(metric1("p", "c", "s"))[0]
			for !r.sink.has(good) {
				r.after(time.Millisecond)
			}
			assert.Less(t, time.Since(start), 3*time.Second, "the twenty batches before it take a tenth of a second each")
			assert.Equal(t, 200, r.j.parkedCount())
			start = time.Now()
			good = r.add(metric1("p", "c", "s"))[0]
			for !r.sink.has(good) {
				r.after(time.Millisecond)
			}
			assert.Less(t, time.Since(start), 250*time.Millisecond)
			r.after(30 * time.Second)
			assert.Equal(t, 200, r.j.parkedCount(), "the wait begins when a metric is read")
			r.after(2 * time.Minute) // those in the journal are looked up when they are back
			assert.Equal(t, 204, r.sink.count())
			assert.Zero(t, r.j.parkedCount())
			for _, n := range r.sink.sent() {
				assert.LessOrEqual(t, n, 10)
			}
		})
	})
}

// pagedJournal counts the parked records that are in memory.
type pagedJournal struct {
	*fakeJournal
	pages []int
}

func (j *pagedJournal) Parked(ctx context.Context, d monitor.Destination, after uint64, n int) ([]monitor.Pending, error) {
	page, err := j.fakeJournal.Parked(ctx, d, after, n)
	if len(page) > 0 {
		j.pages = append(j.pages, len(page))
	}
	return page, err
}

// Parked metrics above the bounds of memory wait in the journal.
func TestCourierReadsParkedMetricsBack(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFarRig(newFarStore(0))
				j := &pagedJournal{fakeJournal: r.j}
				courier := func() {
					r.Courier = journal.NewCourier(j, r.sink, r.j, newFarStore(0), r.log.logger())
					r.BatchSize = 10
				}
				courier()
				r.run(t, func() {
					r.add(context1("p", "c"))
					for i := range 200 {
						r.add(metric1("p", "c", fmt.Sprint("s", i)))
					}
					r.after(30 * time.Second)
					assert.Equal(t, 200, r.j.parkedCount())
					assert.Empty(t, j.pages, "memory is full")
					r.add(session1("p", "s0"), session1("p", "s199"))
					r.after(time.Second)
					assert.Equal(t, known("p", "c", "s0"), r.sink.origin(2))
					if !restart {
						r.after(2 * time.Minute)
						assert.GreaterOrEqual(t, len(j.pages), 16, "160 metrics came back, ten at a time")
					}
				})
				courier()
				j.pages = nil // the courier may have read a page while it was closed
				r.run(t, func() {
					r.after(time.Second)
					if restart {
						assert.Equal(t, []int{10, 10, 10, 10}, j.pages, "memory is full again")
					}
					r.after(2 * time.Minute)
					assert.Equal(t, 203, r.sink.count())
					assert.Zero(t, r.j.parkedCount())
					assert.Equal(t, known("p", "c", "s199"), r.sink.origin(201), "its session arrived while it was in the journal")
				})
			})
		})
	}
}

func TestCourierBoundsTheBytesOfParkedMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		j := &pagedJournal{fakeJournal: r.j}
		r.Courier = journal.NewCourier(j, r.sink, r.j, r.j, discard())
		for i := range 100 {
			rec := metric1("p", "c", "s")
			rec.Metric.ItemVariant = fmt.Sprint(i, strings.Repeat("x", 600<<10))
			r.add(rec)
		}
		require.NoError(t, r.j.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 100, Park: seqsUpTo(100)}))
		r.run(t, func() {
			r.after(30 * time.Second)
			assert.Equal(t, 100, r.j.parkedCount())
			assert.Len(t, j.pages, 1, "one page is above the bound")
			r.after(2 * time.Minute)
			assert.Equal(t, 100, r.sink.count())
		})
	})
}

func seqsUpTo(n uint64) (seqs []uint64) {
	for seq := uint64(1); seq <= n; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

func TestCourierLooksForParkedMetricsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := newFarStore(time.Millisecond)
		r := newFarRig(far)
		r.run(t, func() {
			r.add(metric1("p", "", "other bridge's"))
			for range 100 { // records that cannot be what the metric waits for
				r.add(metric1("p", "", ""))
				r.after(100 * time.Millisecond)
			}
			assert.InDelta(t, 10, far.asked["p other bridge's"], 2)
			far.deliver("other bridge's", &monitor.Session{Run: "r"})
			r.after(1500 * time.Millisecond)
			assert.Equal(t, monitor.Origin{Env: monitor.UnknownEnv, Run: "r"}, r.sink.origin(1))
			assert.Empty(t, r.j.pins[1].Build)
		})
	})
}

// The unknown hashes of one project keep no other project's hash from being looked up.
func TestCourierLooksForHashesOfProjectsInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := newFarStore(60 * time.Millisecond)
		r := newFarRig(far)
		r.BatchSize = 1000
		r.run(t, func() {
			for i := range 2000 {
				r.add(metric1("p", "", fmt.Sprint("unknown", i)))
			}
			r.after(5 * time.Second)
			m := r.add(metric1("q", "", "other bridge's"))[0]
			r.after(2 * time.Second)
			far.deliver("other bridge's", &monitor.Session{Run: "r"})
			r.after(2 * time.Second)
			assert.True(t, r.sink.has(m))
			assert.Equal(t, "r", r.sink.origin(m).Run)
		})
	})
}

// A lookup far away that fails in another way than by time shows a fault of the journal.
func TestCourierReportsALookupThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFarRig(failingStore{})
		r.run(t, func() {
			r.add(metric1("p", "c", "s"))
			r.after(2 * time.Second)
			assert.Contains(t, r.Health().Detail, "disk on fire")
			assert.Zero(t, r.j.acked())
		})
	})
}

type failingStore struct{}

func (failingStore) Context(context.Context, string, string) (*monitor.Context, error) {
	return nil, monitor.Errorf(monitor.EInternal, "disk on fire")
}

func (failingStore) Session(context.Context, string, string) (*monitor.Session, error) {
	return nil, monitor.Errorf(monitor.EInternal, "disk on fire")
}
