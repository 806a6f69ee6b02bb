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
	if m := p.Measured(); m != nil {
		p.Received = m.At.Plus(max(0, m.TotalTime)).Time()
		wrong := fields{}
		wrong.origin("", &p.Origin)
		if err := invalid(string(p.Class()), wrong); err != nil {
			return err
		}
	}
	if err := p.CheckDecided(now); err != nil {
		return err
	}
	switch {
	case p.Context != nil:
		return p.Context.Validate()
	case p.Session != nil:
		return p.Session.restorable()
	case p.Outcome != nil:
		return p.Outcome.Validate()
	}
	return p.Metric.Validate()
}

// restorable checks what a client cannot send wrong.
func (s *Session) restorable() error {
	switch {
	case len(s.Tags) > MaxTags:
		return Errorf(EInvalid, "invalid session: expected at most %d tags", MaxTags)
	case !slices.Contains([]Completion{CompletionUnknown, Complete, Partial}, s.Completion):
		return Errorf(EInvalid, "invalid session: expected a known completion")
	}
	return s.Validate()
}
