package monitor

import (
	"fmt"
	"time"
)

// maxDecided is the longest text in bytes that InfluxDB takes.
const maxDecided = 1<<16 - 1

// CheckDecided checks what another bridge has decided about a placed record. An arrival that lies ahead becomes now, since the
// clock of the other bridge was wrong. Fails with EInvalid, which names each wrong field.
func (r *Record) CheckDecided(now time.Time) error {
	if r.Received.After(now) {
		r.Received = now
	}
	wrong := fields{}
	switch {
	case r.Context != nil:
		wrong.require("env", r.Context.Env)
	case r.Session != nil:
		r.Session.checkDecided(now, wrong)
		wrong.limit("client", r.Client)
	default:
		wrong.offset(r.Measured().At)
		if r.Import != nil && r.Import.Origin != nil {
			wrong.origin("pinned_", r.Import.Origin)
		}
	}
	return invalid(string(r.Class()), wrong)
}

func (s *Session) checkDecided(now time.Time, wrong fields) {
	if s.Ended.After(now) {
		s.Ended = now
	}
	switch ends := s.Completion != CompletionUnknown; {
	case ends && s.Ended.IsZero():
		wrong["ended"] = "expected a time, since the session has a completion"
	case !ends && !s.Ended.IsZero():
		wrong["ended"] = "expected none, since the session has no completion"
	}
	wrong.offset(s.Start)
	wrong.require("run", s.Run)
	wrong.limit("branch", s.Branch)
	wrong.limit("build", s.Build)
	wrong.limit("machine", s.Machine)
}

// origin checks the origin of a metric or an outcome. Its run may be empty, since its session may have no hash.
func (f fields) origin(prefix string, o *Origin) {
	for i, name := range o.Names() {
		f.limit(prefix+name, *o.Texts()[i])
	}
	f.require(prefix+"env", o.Env)
}

func (f fields) require(name, text string) {
	f.limit(name, text)
	if text == "" {
		f[name] = nonEmpty(text)
	}
}

func (f fields) limit(name, text string) {
	if len(text) > maxDecided {
		f[name] = fmt.Sprintf("expected at most %d bytes, got %d", maxDecided, len(text))
	}
}

// offset checks that a clock can have the offset of an instant: the greatest that a client can state is below a day.
func (f fields) offset(at Instant) {
	if at.Offset <= -24*3600 || at.Offset >= 24*3600 {
		f["utc_offset"] = "expected less than a day"
	}
}
