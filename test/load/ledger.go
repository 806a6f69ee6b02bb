package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// ledger knows what was sent, and what became of it.
type ledger struct {
	mu       sync.Mutex
	sessions []*session // by number
	last     []measured // one of each project
}

// session is what a process sent of one session. Only its process changes it.
type session struct {
	hash     string // begins with its number in the ledger
	run      string // tag `run`
	began    time.Time
	plugin   bool
	accepted bool   // itself
	rows     []fate // by the number of the test
}

// fate is what became of a row.
type fate byte

const (
	unsent   fate = iota
	accepted      // answered with 201
	refused       // answered with another status
	unknown       // without an answer, so it may be stored
	stored        // accepted, and found in the bridge once
)

// open begins a session of a process.
func (l *ledger) open(p *process) *session {
	p.rounds++
	s := &session{run: fmt.Sprintf("%s-%d", p.name, p.rounds), began: time.Now().UTC(), plugin: p.plugin, rows: make([]fate, p.tests)}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.hash = fmt.Sprintf("%08x%016x%08x", len(l.sessions), rand.Uint64(), rand.Uint32())
	l.sessions = append(l.sessions, s)
	return s
}

// find returns the session with a hash, or nil.
func (l *ledger) find(hash string) *session {
	n, err := strconv.ParseUint(hash[:min(8, len(hash))], 16, 32)
	if err != nil || n >= uint64(len(l.sessions)) || l.sessions[n].hash != hash {
		return nil
	}
	return l.sessions[n]
}

// measured is something that a project has.
type measured struct {
	project string
	run     string
	test    int // number
}

// running notes the last test of a project.
func (l *ledger) running(m measured) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.last {
		if l.last[i].project == m.project {
			l.last[i] = m
			return
		}
	}
	l.last = append(l.last, m)
}

// any returns the last test of one of the projects. ok is false before the first one.
func (l *ledger) any() (m measured, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) == 0 {
		return measured{}, false
	}
	return l.last[rand.IntN(len(l.last))], true
}

// mark notes the answer to the rows of some tests.
func (s *session) mark(first, count, status int, err error) {
	f := refused
	switch {
	case err != nil:
		f = unknown
	case status == http.StatusCreated:
		f = accepted
	}
	for n := range count {
		s.rows[first+n] = f
	}
}

// count returns the number of rows by their fate.
func (l *ledger) count() (of [stored + 1]int) {
	for _, s := range l.sessions {
		for _, f := range s.rows {
			of[f]++
		}
	}
	return of
}
