package sqlite

import "pymon-bridge/monitor"

// end stores the end of a session that is stored already, as d says. The session gets another number, under which it is owed
// to all destinations once more. The first end stays.
func (a *appender) end(rec *monitor.Record, hash int64, d decision) (decision, error) {
	sent := rec.Session
	switch {
	case sent.Completion == monitor.CompletionUnknown:
		return d, nil
	case d.session.Completion != monitor.CompletionUnknown:
		first, again := d.session.End, sent.End
		again.Ended = first.Ended
		d.differs = d.differs || first != again || d.session.Completion != sent.Completion
		return d, nil
	case a.full != nil:
		return decision{}, a.full
	}
	s := d.session
	s.Completion, s.End = sent.Completion, sent.End
	if !rec.Placed() {
		s.Ended = rec.Received
	}
	_, err := a.exec("UPDATE sessions SET completion = ?, exit_status = ?, collected = ?, deselected = ?, partial = ?, ended = ? "+
		"WHERE hash = ?", s.Completion, s.ExitStatus, s.Collected, s.Deselected, s.Reason, nanoseconds(s.Ended), hash)
	if err != nil {
		return decision{}, err
	}
	d.seq, d.repeat = a.take(), false
	_, err = a.exec("INSERT INTO ends (seq, session, imported) VALUES (?, ?, ?)", d.seq, hash, rec.Import != nil || rec.Source != "")
	return d, err
}
