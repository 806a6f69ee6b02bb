package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// AddReplay asks the bridge that serves the file, or the next one, for a replay. It works beside that bridge.
func (db *DB) AddReplay(ctx context.Context, r monitor.Replay) (id int64, err error) {
	return db.addCommand(ctx, commandReplay, r)
}

// ReplayState returns how far a replay is.
func (db *DB) ReplayState(ctx context.Context, id int64) (s monitor.ReplayState, err error) {
	ended, err := db.commandState(ctx, id, &s)
	if ended != 0 {
		s.Ended = time.Unix(0, ended)
	}
	return s, err
}

// RefuseReplays ends all open replays with an error: the bridge cannot carry them out.
func (db *DB) RefuseReplays(ctx context.Context, why string) error {
	open, err := db.openReplays(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	return db.write(ctx, func(w *writer) error {
		for _, r := range open {
			if err := db.endReplay(w, r, why); err != nil {
				return err
			}
		}
		return nil
	})
}

func (db *DB) openReplays(ctx context.Context) (open []*monitor.Replay, err error) {
	err = db.read(ctx, func(q querier) error {
		open, err = openReplays(ctx, q)
		return err
	})
	return open, err
}

func openReplays(ctx context.Context, q querier) (open []*monitor.Replay, err error) {
	commands, err := openCommands(ctx, q, commandReplay)
	for _, c := range commands {
		r := &monitor.Replay{ID: c.id}
		if err := errors.Join(json.Unmarshal(c.arguments, r), json.Unmarshal(c.state, &r.State)); err != nil {
			return nil, fmt.Errorf("read command %d: %w", c.id, err)
		}
		open = append(open, r)
	}
	return open, err
}

// NextReplay implements [monitor.ReplayQueue].
func (db *DB) NextReplay(ctx context.Context, dest monitor.Destination) (*monitor.Replay, error) {
	if err := db.requireOwner(); err != nil {
		return nil, err
	}
	open, err := db.openReplays(ctx)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	if r := open[0]; r.State.Dest == dest {
		return r, nil
	}
	var next *monitor.Replay
	err = db.write(ctx, func(w *writer) error {
		next = nil
		if open, err = openReplays(ctx, w.conn); err != nil { // the other courier may have begun it meanwhile
			return err
		}
		for _, r := range open {
			if r.State.Began.IsZero() {
				if err := db.beginReplay(w, r, dest); err != nil {
					return err
				}
			} else if r.State.Dest != dest {
				if err := db.endReplay(w, r, "the bridge delivers to another destination now"); err != nil {
					return err
				}
			}
			if r.State.Ended.IsZero() {
				next = r
				return nil
			}
		}
		return nil
	})
	return next, err
}

// beginReplay fixes what a replay sends: what dest has now.
func (db *DB) beginReplay(w *writer, r *monitor.Replay, dest monitor.Destination) error {
	s := &r.State
	s.Dest, s.Began = dest, db.Now().UTC().Round(0)
	_, err := w.row("SELECT cursor, reports FROM destinations WHERE name = ?", []any{string(dest)}, &s.UpTo, &s.ReportsUpTo)
	if err != nil {
		return err
	}
	return db.storeReplay(w, r)
}

func (db *DB) endReplay(w *writer, r *monitor.Replay, why string) error {
	r.State.Error, r.State.Ended = why, db.Now()
	return w.storeState(r.ID, r.State, nanoseconds(r.State.Ended))
}

// storeReplay stores how far a replay is, and ends it when it is done.
func (db *DB) storeReplay(w *writer, r *monitor.Replay) error {
	if r.State.RecordsDone() && (r.Dead != nil || r.State.Reports >= r.State.ReportsUpTo) {
		r.State.Ended = db.Now()
		if err := w.mendLosses(r); err != nil {
			return err
		}
	}
	return w.storeState(r.ID, r.State, nanoseconds(r.State.Ended))
}

// AckReplay implements [monitor.ReplayQueue].
func (db *DB) AckReplay(ctx context.Context, r *monitor.Replay, step monitor.ReplayStep) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	done := *r
	err := db.write(ctx, func(w *writer) error {
		done = *r
		s := &done.State
		dead, err := w.noteReplayed(s.Dest, step)
		if err != nil {
			return err
		}
		s.StillDead += dead
		s.Refused += int64(len(step.Refused)) - dead
		for _, l := range step.Refused {
			if l.Status != 0 {
				continue
			}
			if s.Unsent++; len(s.UnsentSeqs) < monitor.MaxUnsentSeqs {
				s.UnsentSeqs = append(slices.Clip(s.UnsentSeqs), l.Seq)
			}
		}
		s.SetAside += int64(len(step.SetAside))
		s.Position = step.Position
		s.Sent += int64(len(step.Delivered))
		s.Incomplete += step.Incomplete
		for words, n := range step.Reasons {
			s.Reasons = s.Reasons.Plus(words, n)
		}
		return db.storeReplay(w, &done)
	})
	if err == nil {
		*r = done
	}
	return err
}

// noteReplayed changes the dead letters of a destination after a step, and sets records aside. It returns how many of the
// refused records are dead letters.
func (w *writer) noteReplayed(name monitor.Destination, step monitor.ReplayStep) (dead int64, err error) {
	var dest, letters int64
	if _, err = w.row("SELECT id, dead FROM destinations WHERE name = ?", []any{string(name)}, &dest, &letters); err != nil {
		return 0, err
	}
	if letters > 0 {
		_, err = w.exec("DELETE FROM dead_letters WHERE dest = ? AND seq IN (SELECT value FROM json_each(?))", dest,
			jsonList(step.Delivered))
	}
	for _, l := range step.Refused {
		if err == nil {
			var n int64
			n, err = w.changes("UPDATE dead_letters SET status = ?, reason = ?, buried = ? WHERE dest = ? AND seq = ?",
				l.Status, l.Reason, nanoseconds(l.At), dest, l.Seq)
			dead += n
		}
	}
	for _, l := range step.SetAside {
		if err == nil {
			var n int64
			n, err = w.changes("DELETE FROM dead_letters WHERE dest = ? AND seq = ?", dest, l.Seq)
			if err == nil {
				_, err = w.exec("INSERT INTO parked (dest, seq, since, aside, delivered) VALUES (?, ?, ?, 1, ?)", dest, l.Seq,
					nanoseconds(l.At), 1-n) // a dead letter was never delivered
			}
		}
	}
	return dead, err
}

// changes runs a statement and returns how many rows it changed.
func (w *writer) changes(query string, args ...any) (int64, error) {
	result, err := w.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ReplayReports implements [monitor.ReplayQueue].
func (db *DB) ReplayReports(ctx context.Context, r *monitor.Replay, max int) ([]monitor.PendingReport, error) {
	pending, err := db.reportsBetween(ctx, r.State.Reports, r.State.ReportsUpTo, max)
	for i, p := range pending {
		if r.Project != "" && p.Project != r.Project || !r.Chooses(p.Started) {
			pending[i].Report = nil
		}
	}
	return pending, err
}

// AckReplayReport implements [monitor.ReplayQueue].
func (db *DB) AckReplayReport(ctx context.Context, r *monitor.Replay, p monitor.PendingReport, refusal string) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	done := *r
	switch s := &done.State; {
	case refusal != "":
		s.Refused++
		s.Reasons = s.Reasons.Plus(refusal, 1)
	case p.Report != nil:
		s.SentReports++
	}
	done.State.Reports = p.Version
	err := db.write(ctx, func(w *writer) error { return db.storeReplay(w, &done) })
	if err == nil {
		*r = done
	}
	return err
}
