package sqlite

import (
	"context"
	"errors"

	"pymon-bridge/monitor"
)

// Try decides what [DB.Append] would decide, sets Repeat, Differs and NewSeries, and stores nothing.
func (db *DB) Try(ctx context.Context, recs []*monitor.Record) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	decisions := make([]decision, len(recs))
	err := db.write(ctx, func(w *writer) error {
		if err := db.decide(w, recs, decisions); err != nil {
			return err
		}
		return errTried
	})
	if !errors.Is(err, errTried) {
		return err
	}
	for i, rec := range recs {
		d := &decisions[i]
		rec.Repeat, rec.Differs, rec.NewSeries = d.repeat, d.differs, d.newSeries
	}
	return nil
}

// errTried ends a transaction that was not to be stored. It is a [monitor.Error], since any other kind counts as a failed write, after
// which the file is checked.
var errTried = &monitor.Error{Code: monitor.EInternal, Message: "nothing was to be stored"}

// noteOrigin stores what a new record says about its delivery: the destination that it was read from, which is not owed it, and the
// origin that another bridge pinned to it.
func (a *appender) noteOrigin(rec *monitor.Record, d *decision) error {
	if d.repeat {
		return nil
	}
	if rec.Source != "" {
		if err := a.notOwed(rec.Source, d.seq); err != nil {
			return err
		}
	}
	if rec.Import != nil && rec.Import.Origin != nil {
		return a.pin(d.seq, rec.Import.Origin)
	}
	return nil
}

// apart gives the run of an imported session another id where a live session has the id, or may get it by its tag.
func (a *appender) apart(project string, s *monitor.Session) error {
	tag := s.Tag(monitor.TagRun)
	live := tag != "" && s.Run == tag
	if !live {
		var err error
		live, err = a.row("SELECT 1 FROM sessions WHERE project = ? AND run = ? AND imported = 0 LIMIT 1", []any{project, s.Run}, new(int))
		if err != nil {
			return err
		}
	}
	if live {
		s.Run += monitor.ImportedRun
	}
	return nil
}
