package sqlite

import (
	"context"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// decision is what was decided about one record. It reaches the record when the transaction has committed.
type decision struct {
	seq     uint64
	repeat  bool
	differs bool
	series  bool // the metric's series is new
	context *monitor.Context
	session *monitor.Session
	at      monitor.Instant
}

// Append implements [monitor.Journal]. All records are stored in one transaction. Where there is no room it fails
// unless every record is a repeat.
func (db *DB) Append(ctx context.Context, recs []*monitor.Record) error {
	if err := db.owned(); err != nil {
		return err
	}
	decisions := make([]decision, len(recs))
	err := db.write(ctx, func(w *writer) error {
		a := appender{writer: w, zones: db.zones, full: db.room(), tallies: make(tallies)}
		for i, rec := range recs {
			var err error
			if decisions[i], err = a.record(rec); err != nil {
				return err
			}
			if rec.Source != "" && !decisions[i].repeat {
				if err := w.notOwed(rec.Source, decisions[i].seq); err != nil {
					return err
				}
			}
		}
		return a.writeTallies()
	})
	if err != nil {
		return err
	}
	for i, rec := range recs {
		decisions[i].apply(rec)
	}
	return nil
}

func (d *decision) apply(rec *monitor.Record) {
	rec.Seq, rec.Repeat, rec.Differs, rec.NewSeries = d.seq, d.repeat, d.differs, d.series
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
	zones   monitor.Zones
	full    error // why nothing but repeats is accepted, nil when there is room
	tallies tallies
}

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

func (a *appender) context(rec *monitor.Record) (decision, error) {
	h, err := a.hash(rec.Project, rec.Context.H)
	if err != nil {
		return decision{}, err
	}
	if h.id != 0 {
		if stored, err := storedContext(a.writer, h.id); err != nil || stored != nil {
			return repeatOf(stored, err, func(s *monitor.Record) bool { return sameContext(s.Context, rec.Context) })
		}
	}
	if a.full != nil {
		return decision{}, a.full
	}
	if err := a.addHash(rec.Project, rec.Context.H, &h); err != nil {
		return decision{}, err
	}
	c := *rec.Context
	if rec.Source == "" {
		c.Env = monitor.Environment(&c)
	}
	seq := a.take()
	_, err = a.exec(insertContext, seq, h.id, c.CPUCount, number(c.CPUFrequency), c.CPUType, text(c.CPUVendor), c.RAMTotal,
		c.MachineNode, c.MachineType, c.MachineArch, c.SystemInfo, c.PythonInfo, c.Env, nanoseconds(rec.Received))
	return decision{seq: seq, context: &c}, err
}

func (a *appender) session(rec *monitor.Record) (decision, error) {
	h, err := a.hash(rec.Project, rec.Session.SessionH)
	if err != nil {
		return decision{}, err
	}
	if h.session {
		stored, err := storedSession(a.writer, h.id)
		return repeatOf(stored, err, func(s *monitor.Record) bool { return sameSession(s.Session, rec.Session) })
	}
	if a.full != nil {
		return decision{}, a.full
	}
	s := *rec.Session
	if rec.Source == "" {
		if err := a.fixSession(rec, &s); err != nil {
			return decision{}, err
		}
	}
	if err := a.addHash(rec.Project, s.SessionH, &h); err != nil {
		return decision{}, err
	}
	seq := a.take()
	_, err = a.exec(insertSession, seq, h.id, rec.Project, s.RunDate, text(s.ScmRef), s.Description, rec.Client,
		s.Start.UTC, s.Start.Offset, s.Run, s.Run == s.SessionH, s.Branch, s.Build, s.Machine,
		s.Imported, s.StatesOffset, string(s.Completion), s.Method, nanoseconds(rec.Received))
	if err != nil {
		return decision{}, err
	}
	if err := a.addTags(h.id, s.Description); err != nil {
		return decision{}, err
	}
	a.hashes.put(digestOf(rec.Project, s.SessionH), hashed{id: h.id, session: true, offset: s.Start.Offset, states: s.StatesOffset})
	a.offsets.put(digestOf(rec.Project), zone{offset: s.Start.Offset, known: true})
	return decision{seq: seq, session: &s}, nil
}

// addTags keeps the tags where they can be searched, as reading the description gives them back.
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

// fixSession decides the session's instant, its run and what follows from its tags.
func (a *appender) fixSession(rec *monitor.Record, s *monitor.Session) error {
	date, err := monitor.ParseTime(s.RunDate)
	if err != nil {
		return monitor.Errorf(monitor.EInvalid, "run_date: %w", err)
	}
	if !s.StatesOffset {
		last, err := a.lastOffset(rec.Project)
		if err != nil {
			return err
		}
		s.Start.Offset = a.zones.Session(date, rec.Received, last)
	}
	s.Start = date.At(s.Start.Offset)
	s.Start.UTC += monitor.HashMod(monitor.HashOf(rec.Project, s.SessionH), 1000)
	s.FixTags()
	leader, err := a.leader(rec)
	if err != nil {
		return err
	}
	s.Run = monitor.RunOf(s, rec.Client, leader)
	return nil
}

// leader returns the leader of the project's most recent run with the session's commit, description and client, nil
// when there is none.
func (a *appender) leader(rec *monitor.Record) (*monitor.Leader, error) {
	l := monitor.Leader{ScmRef: rec.Session.ScmRef, Description: rec.Session.Description, Client: rec.Client}
	found, err := a.row(`SELECT s.run, s.utc_ns, EXISTS (SELECT 1 FROM metrics m WHERE m.session = s.hash)
		FROM sessions s WHERE s.leads = 1 AND s.project = ? AND s.client = ? AND s.scm_ref IS ? AND s.description = ?
		ORDER BY s.seq DESC LIMIT 1`,
		[]any{rec.Project, rec.Client, text(l.ScmRef), l.Description}, &l.Run, &l.Start, &l.Measured)
	if err != nil || !found {
		return nil, err
	}
	return &l, nil
}

// repeatOf returns what became of a context or session that is there already.
func repeatOf(stored *monitor.Record, err error, same func(stored *monitor.Record) bool) (decision, error) {
	if err != nil {
		return decision{}, err
	}
	return decision{seq: stored.Seq, repeat: true, differs: !same(stored), context: stored.Context, session: stored.Session}, nil
}
