package journal

import (
	"math"
	"sync"
	"time"
)

// loadTime is over how long a load is an average. What was one such time ago counts a third of what is now.
const loadTime = time.Second

// load is the part of the time in which something worked. The zero value has no load. It is safe for concurrent use.
type load struct {
	mu    sync.Mutex
	value float64   // at the time at
	at    time.Time // end of the last work
}

// add adds work that ends now.
func (l *load) add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := time.Now()
	since := max(took, end.Sub(l.at), time.Nanosecond)
	old := fade(since)
	l.value = old*l.value + (1-old)*float64(took)/float64(since)
	l.at = end
}

// now is the load at present.
func (l *load) now() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value * fade(time.Since(l.at))
}

// fade is the weight of what was some time ago.
func fade(since time.Duration) float64 { return math.Exp(-since.Seconds() / loadTime.Seconds()) }
