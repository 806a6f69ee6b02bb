package monitor

import (
	"slices"
	"time"
)

// Restore checks that a point that was read from a destination is one that a bridge has written, since other programs may
// write there too. It gives a metric or an outcome the time of arrival that is not delivered: the end of the test, or now if
// that lies ahead, since a test may set its clock forward. Fails with EInvalid: the message, or a field, says what was expected.
func (p *Point) Restore(now time.Time) error {
	if !ValidProject(p.Project) {
		return Errorf(EInvalid, "invalid %s: expected a project", p.Class())
	}
	switch p.Class() {
	case ClassContext:
		return p.Context.Validate()
	case ClassSession:
		return p.Session.restorable()
	}
	m := p.Measured()
	p.Received = m.At.Plus(max(0, m.TotalTime)).Time()
	if p.Received.After(now) {
		p.Received = now
	}
	switch {
	case p.Env == "":
		return Errorf(EInvalid, "invalid %s: expected a class of machine", p.Class())
	case !civil(m.At):
		return Errorf(EInvalid, "invalid %s: expected an offset from UTC", p.Class())
	case p.Outcome != nil:
		return p.Outcome.Validate()
	}
	return m.Validate()
}

// restorable checks what a client cannot send wrong.
func (s *Session) restorable() error {
	switch {
	case len(s.Tags) > MaxTags:
		return Errorf(EInvalid, "invalid session: expected at most %d tags", MaxTags)
	case s.Run == "":
		return Errorf(EInvalid, "invalid session: expected a run")
	case !civil(s.Start):
		return Errorf(EInvalid, "invalid session: expected an offset from UTC")
	case !slices.Contains([]Completion{CompletionUnknown, Complete, Partial}, s.Completion):
		return Errorf(EInvalid, "invalid session: expected a known completion")
	}
	return s.Validate()
}

// civil says whether a clock can have the offset of an instant: the greatest that a client can state is below a day.
func civil(at Instant) bool { return at.Offset > -24*3600 && at.Offset < 24*3600 }
