package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// tally keeps every latency of a load. Ten minutes of 3,000 requests a second are 15 MB.
type tally struct {
	mu     sync.Mutex
	kinds  map[string]*latencies
	due    int // rows
	missed int // rows that were due and never sent
}

// latencies are those of one kind of clients.
type latencies struct {
	all        []time.Duration // those of requests that were not answered as expected, too
	refused    int             // another status than expected
	unanswered int
	late       int    // requests that were due and never sent: the client waited until the end for an answer, or had no session
	example    string // of what went wrong
}

// of returns the latencies of a kind. The caller has the lock.
func (t *tally) of(kind string) *latencies {
	if t.kinds == nil {
		t.kinds = map[string]*latencies{}
	}
	if t.kinds[kind] == nil {
		t.kinds[kind] = new(latencies)
	}
	return t.kinds[kind]
}

// add notes the answer to a request that was due at a time. path is for the reader of a failure.
func (t *tally) add(kind, path string, due time.Time, status, expected int, err error) {
	took := time.Since(due)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of(kind)
	l.all = append(l.all, took)
	switch {
	case err != nil:
		l.unanswered++
		l.example = path + ": " + err.Error()
	case status != expected:
		l.refused++
		l.example = fmt.Sprintf("%s: status %d", path, status)
	}
}

// unsent notes a request with so many rows that was due at a time. It would have taken longer than until now.
func (t *tally) unsent(kind string, rows int, due time.Time) {
	took := time.Since(due)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of(kind)
	l.all = append(l.all, took)
	l.late++
	t.missed += rows
}

// sort makes the latencies ready for [latencies.percentile].
func (t *tally) sort() {
	for _, l := range t.kinds {
		slices.Sort(l.all)
	}
}

// percentile returns the latency that a part of the requests did not exceed, from 0 to 1.
func (l *latencies) percentile(part float64) time.Duration {
	return l.all[max(0, int(float64(len(l.all))*part+0.999999)-1)]
}
