package influx

import (
	"sync"
	"time"
)

// hintsFor is how long it is believed when sessions began.
const hintsFor = 10 * time.Second

// scanID identifies what a scan chooses.
type scanID [32]byte

// everyMetric is the id of a scan without conditions.
var everyMetric scanID

const (
	// usualRate is how many candidates are expected of a session before any were counted.
	usualRate = 256
	// maxRates is of how many scans it is remembered.
	maxRates = 1000
)

// hints are guesses at where metrics are and how many. Answers do not depend on them, only how soon they come. It is
// safe for concurrent use.
type hints struct {
	mu      sync.Mutex
	starts  []int64 // of sessions, in order; not changed once it is here
	learned time.Time
	rates   map[scanID]float64
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

// rate returns about how many metrics of a scan a session has. Where that is not known, it is no more than those of all.
func (h *hints) rate(scan scanID) (perSession float64, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rate, known := h.rates[scan]; known {
		return rate, true
	}
	if rate, ok := h.rates[everyMetric]; ok {
		return rate, false
	}
	return usualRate, false
}

// setRate notes the rate of a scan. It forgets the others when there are many.
func (h *hints) setRate(scan scanID, perSession float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.rates[scan]; !known && len(h.rates) >= maxRates || h.rates == nil {
		h.rates = map[scanID]float64{}
	}
	h.rates[scan] = perSession
}
