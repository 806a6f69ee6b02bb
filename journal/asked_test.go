package journal_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// No metric goes out without its session before the destination was asked for it, however many others are asked for.
func TestCourierLooksForEachHashBeforeItGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := newFarStore(20 * time.Millisecond)
		r := newFarRig(far)
		r.BatchSize = 1000
		for i := range 50 {
			far.sessions[fmt.Sprint("there", i)] = &monitor.Session{Run: "r"}
		}
		r.run(t, func() {
			for i := range 3000 {
				r.add(metric1("p", "", fmt.Sprint("unknown", i)))
			}
			var there []uint64
			for i := range 50 {
				there = append(there, r.add(metric1("p", "", fmt.Sprint("there", i)))[0])
			}
			r.after(9 * time.Minute)
			assert.Equal(t, 3050, r.sink.count())
			for _, seq := range there {
				assert.Equal(t, "r", r.sink.origin(seq).Run)
			}
		})
	})
}

// partialStore is a store far away that cannot ask everywhere.
type partialStore struct {
	asks  atomic.Bool
	other bool // it can ask in the project of a metric, but not in any project
}

func (s *partialStore) answer(project string) error {
	if s.asks.Load() || s.other && project != "" {
		return monitor.Errorf(monitor.ENotFound, "not there")
	}
	return monitor.Errorf(monitor.ENotFound, "not there: %w", monitor.ErrNotAsked)
}

func (s *partialStore) Context(_ context.Context, project, _ string) (*monitor.Context, error) {
	return nil, s.answer(project)
}

func (s *partialStore) Session(_ context.Context, project, _ string) (*monitor.Session, error) {
	return nil, s.answer(project)
}

// While the destination cannot be asked, a metric waits longer, but not for ever.
func TestCourierWaitsForALookupThatIsAnswered(t *testing.T) {
	for _, answered := range []bool{false, true} {
		for _, other := range []bool{false, true} {
			t.Run(fmt.Sprint(answered, other), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					far := &partialStore{other: other}
					r := newFarRig(far)
					r.run(t, func() {
						r.add(session1("p", "s"))
						m := r.add(metric1("p", "lost", "s"), metric1("p", "", "lost"), metric1("p", "lost", "lost"))
						r.after(5 * time.Minute)
						assert.Equal(t, 3, r.j.parkedCount())
						far.asks.Store(answered)
						r.after(3 * time.Second)
						assert.Equal(t, answered, r.sink.has(m[0]))
						assert.Equal(t, answered, r.sink.has(m[1]))
						assert.Equal(t, answered, r.sink.has(m[2]))
						r.after(5 * time.Minute)
						assert.Equal(t, 4, r.sink.count())
					})
				})
			})
		}
	}
}

// One answer is enough: the destination need not be asked again at the end of the wait.
func TestCourierNeedsOneAnswerToALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &partialStore{}
		far.asks.Store(true)
		r := newFarRig(far)
		r.run(t, func() {
			m := r.add(metric1("p", "lost", "lost"))[0]
			r.after(10 * time.Second)
			far.asks.Store(false)
			r.after(45 * time.Second)
			assert.False(t, r.sink.has(m))
			r.after(10 * time.Second)
			assert.True(t, r.sink.has(m))
		})
	})
}
