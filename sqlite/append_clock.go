package sqlite

import (
	"time"

	"pymon-bridge/monitor"
)

// place returns the start of a metric or an outcome. It is usual when an equal metric can stand nowhere else.
func (a *appender) place(r *newRow, start monitor.LocalTime) (at monitor.Instant, usual bool, err error) {
	switch {
	case r.rec.Placed():
		return r.metric.At, a.steady(r, start, r.metric.At), nil
	case r.session.stated && !start.HasOffset:
		at := start.At(r.session.clock.Start.Offset)
		return at, a.steady(r, start, at), nil
	case r.rec.Import != nil && r.session.session:
		at := a.timeZones.Importing(r.rec.Import.Zone).ImportedMetric(start, r.session.clock)
		return at, a.steady(r, start, at), nil
	case r.rec.Import != nil:
		return a.timeZones.Importing(r.rec.Import.Zone).Imported(start), false, nil
	case r.session.session:
		at, usual := a.timeZones.Metric(start, r.metric.TotalTime, r.rec.Received, r.session.clock)
		return at, usual && !r.session.unsteady, nil
	}
	last, err := a.lastOffset(r.rec.Project)
	if err != nil {
		return at, false, err
	}
	return a.timeZones.Orphan(start, r.metric.TotalTime, r.rec.Received, last), false, nil
}

// steady says that an equal metric can stand nowhere else: all metrics of the session stand where its clock says, and so does
// this one. A metric of a destination may have found its nanosecond taken there.
func (a *appender) steady(r *newRow, start monitor.LocalTime, at monitor.Instant) bool {
	return r.session.session && !r.session.unsteady && at.Micros() == r.session.clock.At(start).Micros() &&
		(r.rec.Source == "" || at.UTC == ownTime(r, at))
}

// noteClock notes in the session that a metric stands elsewhere than the clock of its session says, or is displaced: it stands at a
// nanosecond that is not its own. A displaced metric counts although another one has its nanosecond. That one may be removed, and a repeat
// would then find the nanosecond free. The first time in a session, noteClock returns how far the clock was from the arrival.
func (a *appender) noteClock(r *newRow, start monitor.LocalTime, at monitor.Instant, displaced bool) (wrong time.Duration, err error) {
	s := &r.session
	if !s.session || s.unsteady || !displaced && a.steady(r, start, at) {
		return 0, nil
	}
	wrong = at.Time().Sub(s.clock.At(start).Time())
	if _, err := a.exec("UPDATE sessions SET unsteady = 1 WHERE hash = ?", s.id); err != nil {
		return 0, err
	}
	s.unsteady = true
	a.hashes.put(digestOf(r.rec.Project, r.metric.SessionH), *s)
	return wrong, nil
}

// warnOfClock tells the operator that times were taken from arrivals, once for each session.
func (db *DB) warnOfClock(rec *monitor.Record, wrong time.Duration) {
	if wrong == 0 || rec.Source != "" || rec.Import != nil {
		return
	}
	log := db.logger.With("project", rec.Project, "difference", wrong.Round(time.Second).String())
	if rec.Session != nil {
		log.Warn("the date of a session is wrong, so the session starts when it arrived: is the clock of its machine wrong, or do its "+
			"tests replace the clock for the whole run?", "session", rec.Session.SessionH, "run_date", rec.Session.RunDate)
		return
	}
	log.Info("the clock of a test is not the clock of its session; the time of such a test follows from its arrival",
		"session", rec.Measured().SessionH, "test", rec.Measured().ItemVariant)
}
