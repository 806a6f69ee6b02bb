package main

import (
	"math"
	"sync"
	"time"

	"pymon-bridge/monitor/turns"
)

// Posts come first. While records come at busyRate or faster, what reads rests for as long as it worked, and what judges for twice as
// long. While fewer come, they rest less.
const (
	mostReadingRest, mostJudgingRest = 1, 2
	// busyRate is in records a second for each processor. To accept so many takes about a twentieth of the processors on a quick
	// machine, and a fifth on a slow one.
	busyRate = 250
)

// rest returns the function for a queue whose places rest, with the greatest ratio of the rest to the work.
func (b *bridge) rest(most float64) func() float64 {
	return func() float64 { return most * min(1, b.rate.now()/(busyRate*float64(turns.Processors))) }
}

// rate is how many records come in a second. What came a second ago counts a third of what comes now. The zero value has none. It is
// safe for concurrent use.
type rate struct {
	mu    sync.Mutex
	value float64
	at    time.Time // when the last ones came
}

func (r *rate) add(records int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value = r.faded() + float64(records)
	r.at = time.Now()
}

func (r *rate) now() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faded()
}

func (r *rate) faded() float64 { return r.value * math.Exp(-time.Since(r.at).Seconds()) }
