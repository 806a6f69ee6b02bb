package influx

import (
	"sync"
	"time"
)

// hintsFor is how long it is believed when sessions began.
const hintsFor = 10 * time.Second

// hints are guesses at where metrics are and how many. Answers do not depend on them, only how soon they come. It is
// safe for concurrent use.
type hints struct {
	mu         sync.Mutex
	starts     []int64 // of sessions, in order; not changed once it is here
	learned    time.Time
	perSession float64
}

// sessions returns when sessions began. ok is false if that is not known or too long ago.
func (h *hints) sessions(now time.Time) (starts []int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.starts, !h.learned.IsZero() && now.Sub(h.learned) < hintsFor
}

func (h *hints) setSessions(now time.Time, starts []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starts, h.learned = starts, now
}

// rate returns about how many metrics a session has.
func (h *hints) rate() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.perSession == 0 {
		return usualRate
	}
	return h.perSession
}

func (h *hints) setRate(perSession float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.perSession = perSession
}
