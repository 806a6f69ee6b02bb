package sqlite

import (
	"sync"

	"pymon-bridge/monitor"
)

// phase is what the file can be used for.
type phase int

const (
	phaseClosed   phase = iota
	phaseChecking       // accepts, while the whole file is being read
	phaseOK             // accepts, and the file was whole when it was checked
	phaseFailed         // does not accept until a check has passed
	phaseDamaged        // does not accept until somebody repairs it
)

// state is the phase, with the words for it.
type state struct {
	mu     sync.Mutex
	phase  phase
	detail string
}

func (s *state) set(p phase, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.detail = p, detail
}

func (s *state) get() (phase, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase, s.detail
}

// advance sets the phase unless it is no longer the one it was.
func (s *state) advance(from, to phase, detail string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != from {
		return false
	}
	s.phase, s.detail = to, detail
	return true
}

// refusal returns the error for a write that must not be tried, nil when it may.
func (s *state) refusal() error {
	switch p, detail := s.get(); p {
	case phaseOK, phaseChecking:
		return nil
	default:
		return unavailable("the journal does not accept: %s", detail)
	}
}

// Health says whether the journal accepts, and if not, why.
func (db *DB) Health() monitor.Health {
	h := monitor.Health{Component: "journal", Required: true}
	p, detail := db.state.get()
	h.OK, h.Detail = p == phaseOK || p == phaseChecking, detail
	if err := db.space.refusal(); h.OK && err != nil {
		h.OK, h.Detail = false, err.Error()
	}
	return h
}
