package sqlite

import (
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// phase says whether the file accepts records.
type phase int

const (
	phaseClosed   phase = iota
	phaseChecking       // accepts; the check of the whole file goes on
	phaseOK             // accepts; the file has passed its check
	phaseFailed         // does not accept until the file passes a check
	phaseDamaged        // does not accept until the operator repairs the file
	phaseUnseen         // does not accept while the system does not tell whether the files are still there
	phaseGone           // does not accept any more, since the file was removed or replaced
)

// state is the phase with its description.
type state struct {
	mu     sync.Mutex
	phase  phase
	detail string
	remind time.Time // when the log has to say again that the file is damaged
	growth error     // why SQLite's log cannot be emptied, nil for no reason
}

// remindEvery is how often the log says that the file is damaged.
const remindEvery = 10 * time.Minute

// due says that the log has to say again that the file is damaged. The first time was when the damage was found.
func (s *state) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseDamaged || now.Before(s.remind) {
		return false
	}
	again := !s.remind.IsZero()
	s.remind = now.Add(remindEvery)
	return again
}

// note keeps why SQLite's log cannot be emptied.
func (s *state) note(growth error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.growth = growth
}

// grows says why SQLite's log grows, empty for no reason.
func (s *state) grows() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.growth == nil {
		return ""
	}
	return "; SQLite's log grows, since it cannot be emptied: " + s.growth.Error()
}

func (s *state) set(p phase, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.detail = p, detail
}

// end sets a phase that only [DB.Close] ends. It returns false when the phase is set already.
func (s *state) end(p phase, detail string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := s.phase == p
	s.phase, s.detail = p, detail
	return !again
}

func (s *state) get() (phase, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase, s.detail
}

// advance sets the phase to, if the phase is from. Otherwise it changes nothing and returns false.
func (s *state) advance(from, to phase, detail string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != from {
		return false
	}
	s.phase, s.detail = to, detail
	return true
}

// refusal returns an error with EUnavailable in the phases that do not accept.
func (s *state) refusal() error {
	switch p, detail := s.get(); p {
	case phaseOK, phaseChecking:
		return nil
	default:
		return unavailable("the journal accepts no records: %s", detail)
	}
}

// Health says whether the journal accepts records, and why it does not.
func (db *DB) Health() monitor.Health {
	h := monitor.Health{Component: "journal", Required: true}
	p, detail := db.state.get()
	h.OK, h.Detail = p == phaseOK || p == phaseChecking, detail
	if err := db.space.refusal(); h.OK && err != nil {
		h.OK, h.Detail = false, err.Error()
	}
	h.Detail += db.state.grows()
	return h
}
