package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// decision is what acceptance decided about one record. The record gets it when the transaction has committed.
type decision struct {
	seq       uint64
	repeat    bool
	differs   bool
	newSeries bool
	context   *monitor.Context
	session   *monitor.Session
	at        monitor.Instant
	wrong     time.Duration // how far a clock was from the arrival, the first time that the session shows it
}

// Append implements [monitor.Journal]. One transaction stores all records. When there is no room, Append fails unless
// every record is a repeat.
func (db *DB) Append(ctx context.Context, recs []*monitor.Record) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	decisions := make([]decision, len(recs))
	if err := db.write(ctx, func(w *writer) error { return db.decide(w, recs, decisions) }); err != nil {
		return err
	}
	for i, rec := range recs {
		decisions[i].apply(rec)
		db.warnOfClock(rec, decisions[i].wrong)
	}
	return nil
}

// decide stores records in a transaction, and notes what was decided.
func (db *DB) decide(w *writer, recs []*monitor.Record, decisions []decision) error {
	a := appender{writer: w, timeZones: db.zones, full: db.requireRoom(), tallies: make(tallies), outcomes: make(outcomeTallies)}
	for i, rec := range recs {
		var err error
		if decisions[i], err = a.record(rec); err != nil {
			return err
		}
		if err := a.noteOrigin(rec, &decisions[i]); err != nil {
			return err
		}
	}
	return a.writeTallies()
}

// apply gives a record what was decided about it.
func (d *decision) apply(rec *monitor.Record) {
	rec.Seq, rec.Repeat, rec.Differs, rec.NewSeries = d.seq, d.repeat, d.differs, d.newSeries
	switch {
	case rec.Measured() != nil:
		rec.Measured().At = d.at
	case d.repeat:
		rec.Context, rec.Session = d.context, d.session
	case rec.Context != nil:
		*rec.Context = *d.context
	default:
		*rec.Session = *d.session
	}
}

// appender stores records within one transaction.
type appender struct {
	*writer
	timeZones monitor.Zones
	full      error // why only repeats are accepted; nil when there is room
	tallies   tallies
	outcomes  outcomeTallies
}

// record stores a record unless it is stored already.
func (a *appender) record(rec *monitor.Record) (decision, error) {
	switch rec.Class() {
	case monitor.ClassContext:
		return a.context(rec)
	case monitor.ClassSession:
		return a.session(rec)
	case monitor.ClassOutcome:
		return a.outcome(rec)
	default:
		return a.metric(rec)
	}
}

// context stores a context unless its project has one with the same hash.
func (a *appender) context(rec *monitor.Record) (decision, error) {
	h, err := a.hash(rec.Project, rec.Context.H)
	if err != nil {
		return decision{}, err
	}
	if h.id != 0 {
		d, err := a.findStored(rec, "SELECT "+contextColumns+contextTables+"WHERE c.hash = ?", h.id, scanContext)
		if err != nil || d.repeat {
			return d, err
		}
	}
	if a.full != nil {
		return decision{}, a.full
	}
	if err := a.addHash(rec.Project, rec.Context.H, &h); err != nil {
		return decision{}, err
	}
	kept := *rec
	kept.Context = new(*rec.Context)
	if !rec.Placed() {
		kept.Context.Env = monitor.Environment(kept.Context)
	}
	seq := a.take()
	_, err = a.exec(insertContext, values([]any{seq, h.id}, contextRow(&kept))...)
	return decision{seq: seq, context: kept.Context}, err
}

// session stores a session. When its project has one with the same hash, it stores the end of that one, if there is an end to store.
func (a *appender) session(rec *monitor.Record) (decision, error) {
	h, err := a.hash(rec.Project, rec.Session.SessionH)
	if err != nil {
		return decision{}, err
	}
	if h.session {
		d, err := a.findStored(rec, "SELECT "+sessionColumns+sessionTables+"WHERE s.hash = ?", h.id, scanSession)
		if err != nil || rec.Import != nil && !rec.Placed() {
			return d, err
		}
		return a.end(rec, h.id, d)
	}
	if a.full != nil {
		return decision{}, a.full
	}
	return a.newSession(rec, h)
}

// newSession stores a session whose hash no stored session has. h is the entry of the hash.
func (a *appender) newSession(rec *monitor.Record, h hashEntry) (decision, error) {
	kept := *rec
	kept.Session = new(*rec.Session)
	s := kept.Session
	s.Imported = s.Imported || rec.Import != nil
	if !rec.Placed() {
		if s.Completion != monitor.CompletionUnknown {
			s.Ended = rec.Received
		}
		if err := a.fixSession(rec, s); err != nil {
			return decision{}, err
		}
	}
	if rec.Import != nil {
		if err := a.apart(rec.Project, s); err != nil {
			return decision{}, err
		}
	}
	if rec.Source == "" { // the session of a file may have had another project
		s.Start.UTC = s.Start.Micros()*1000 + monitor.HashMod(monitor.HashOf(rec.Project, s.SessionH), 1000)
	}
	earlier := h.id != 0 // metrics may have arrived before their session
	if err := a.addHash(rec.Project, s.SessionH, &h); err != nil {
		return decision{}, err
	}
	clock := clockOf(s.RunDate, s.Start)
	d := decision{seq: a.take(), session: s, wrong: time.Duration(clock.Wrong) * time.Microsecond}
	_, err := a.exec(insertSession,
		values([]any{d.seq, h.id, rec.Project, s.Run == s.SessionH, earlier}, sessionRow(&kept))...)
	if err != nil {
		return decision{}, err
	}
	if err := a.addTags(h.id, s.Description); err != nil {
		return decision{}, err
	}
	a.hashes.put(digestOf(rec.Project, s.SessionH),
		hashEntry{id: h.id, session: true, clock: clock, stated: s.StatesOffset, unsteady: earlier})
	return d, nil
}

// findStored returns the decision about a context or session that a query finds by the ID of its hash. The decision is
// no repeat when the query finds none.
func (a *appender) findStored(rec *monitor.Record, query string, hash int64,
	scan func(scanner) (*monitor.Record, error)) (decision, error) {
	s, err := a.statement(query)
	if err != nil {
		return decision{}, err
	}
	stored, err := scan(s.QueryRow(hash))
	if errors.Is(err, sql.ErrNoRows) {
		return decision{}, nil
	}
	if err != nil {
		return decision{}, err
	}
	return decision{seq: stored.Seq, repeat: true, differs: !sameAsSent(stored, rec),
		context: stored.Context, session: stored.Session}, nil
}

// sameAsSent compares the fields of two contexts or two sessions that clients send. It ignores the fields that
// acceptance adds.
func sameAsSent(a, b *monitor.Record) bool {
	if a.Session != nil {
		s, t := a.Session, b.Session
		return s.SessionH == t.SessionH && s.RunDate == t.RunDate && s.ScmRef == t.ScmRef && s.Description == t.Description
	}
	c, d := *a.Context, *b.Context
	same := monitor.SameFloat(c.CPUFrequency, d.CPUFrequency)
	c.Env, d.Env, c.CPUFrequency, d.CPUFrequency = "", "", 0, 0
	return same && c == d
}

// addTags stores the tags of a session where queries find them. It takes them from the description, as all later
// reading does.
func (a *appender) addTags(session int64, description string) error {
	for i, tag := range wire.ParseDescription(description) {
		_, err := a.exec("INSERT INTO tags (session, position, name, value) VALUES (?, ?, ?, ?)",
			session, i, tag.Name, text(tag.Value))
		if err != nil {
			return err
		}
	}
	return nil
}

// fixSession decides the session's instant and run, and the fields that come from its tags.
func (a *appender) fixSession(rec *monitor.Record, s *monitor.Session) error {
	date, err := monitor.ParseTime(s.RunDate)
	if err != nil {
		return monitor.Errorf(monitor.EInvalid, "run_date: %w", err)
	}
	switch {
	case s.StatesOffset && !date.HasOffset:
		s.Start = date.At(s.Start.Offset)
	case rec.Import != nil:
		s.Start = a.timeZones.Importing(rec.Import.Zone).Imported(date)
	default:
		last, err := a.lastOffset(rec.Project)
		if err != nil {
			return err
		}
		s.Start = a.timeZones.Session(date, rec.Received, last)
	}
	s.FixTags()
	leader, err := a.leader(rec)
	if err != nil {
		return err
	}
	s.Run = monitor.RunOf(s, rec.Client, leader)
	return nil
}

// leader returns the project's most recent run leader with the session's commit, description and client. It returns nil
// when there is none. Imported sessions lead each other only.
func (a *appender) leader(rec *monitor.Record) (*monitor.Leader, error) {
	l := monitor.Leader{ScmRef: rec.Session.ScmRef, Description: rec.Session.Description, Client: rec.Client}
	found, err := a.row(`SELECT s.run, s.utc_ns, s.completion <> '' OR EXISTS (SELECT 1 FROM metrics m WHERE m.session = s.hash) OR
			EXISTS (SELECT 1 FROM outcomes o WHERE o.session = s.hash)
		FROM sessions s WHERE s.leads = 1 AND s.project = ? AND s.client = ? AND s.scm_ref IS ? AND s.description = ? AND s.imported = ?
		ORDER BY s.seq DESC LIMIT 1`,
		[]any{rec.Project, rec.Client, text(l.ScmRef), l.Description, rec.Import != nil}, &l.Run, &l.Start, &l.Measured)
	if err != nil || !found {
		return nil, err
	}
	return &l, nil
}
