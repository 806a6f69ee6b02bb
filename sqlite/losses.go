package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"pymon-bridge/monitor"
)

// keptLosses bounds how many losses of a destination are kept. The earliest one tells the most.
const keptLosses = 10

// NoteLoss implements [monitor.Journal].
func (db *DB) NoteLoss(ctx context.Context, dest monitor.Destination, what string, had []monitor.Class) (noted bool, err error) {
	if err := db.requireOwner(); err != nil {
		return false, err
	}
	l := monitor.Loss{At: db.Now().UTC().Round(0), What: what}
	if l.Cursor, err = db.Cursor(ctx, dest); err == nil {
		err = db.readFrom(ctx, db.listers, func(q querier) error {
			noted, err = hasDelivered(ctx, q, dest, l.Cursor, had)
			return err
		})
	}
	if err != nil || !noted {
		return false, err
	}
	return true, db.write(ctx, func(w *writer) error {
		open, err := openReplays(ctx, w.conn)
		if err != nil {
			return err
		}
		for _, r := range open {
			if r.State.Dest == dest && r.State.Position == 0 {
				l.Replay = r.ID
			}
		}
		lost, err := w.losses(dest)
		if err != nil || len(lost) == keptLosses {
			return err
		}
		return w.storeLosses(dest, append(lost, l))
	})
}

// hasDelivered says whether the file has a record of some classes that a destination got, with a number up to the given one. It looks
// from the first record on.
func hasDelivered(ctx context.Context, q querier, dest monitor.Destination, upTo uint64, classes []monitor.Class) (has bool, err error) {
	for _, class := range classes {
		from := map[monitor.Class]string{
			monitor.ClassContext: "contexts x CROSS JOIN hashes h ON h.id = x.hash", monitor.ClassSession: "sessions x CROSS JOIN hashes h ON h.id = x.hash",
			monitor.ClassMetric: "metrics x CROSS JOIN hashes h ON h.id = x.session", monitor.ClassOutcome: "outcomes x CROSS JOIN hashes h ON h.id = x.session",
		}[class]
		query := newClause("SELECT EXISTS (SELECT 1 FROM destinations d CROSS JOIN "+from+" WHERE d.name = ? AND x.seq <= ?", string(dest), upTo)
		query.seen("h.project", "")
		query.add(` AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.dest = d.id AND p.seq = x.seq AND p.delivered = 0)
			AND NOT EXISTS (SELECT 1 FROM dead_letters l WHERE l.dest = d.id AND l.seq = x.seq))`)
		if n, err := countOf(ctx, q, query); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// mendLosses forgets what a replay that ends has sent again.
func (w *writer) mendLosses(r *monitor.Replay) error {
	lost, err := w.losses(r.State.Dest)
	if err != nil || len(lost) == 0 {
		return err
	}
	return w.storeLosses(r.State.Dest, slices.DeleteFunc(lost, func(l monitor.Loss) bool { return l.MendedBy(r) }))
}

// forgetLosses forgets the losses of which the file has no record any more: no replay could mend anything.
func (w *writer) forgetLosses(ctx context.Context) error {
	all, err := columnOf[monitor.Destination](ctx, w.conn, "SELECT name FROM destinations WHERE lost <> ''")
	if err != nil {
		return err
	}
	for _, dest := range all {
		lost, err := w.losses(dest)
		if err != nil {
			return err
		}
		var left []monitor.Loss
		for _, l := range lost {
			has, err := hasDelivered(ctx, w.conn, dest, l.Cursor, []monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric, monitor.ClassOutcome})
			if err != nil {
				return err
			}
			if has {
				left = append(left, l)
			}
		}
		if err := w.storeLosses(dest, left); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) losses(dest monitor.Destination) ([]monitor.Loss, error) {
	var text string
	if _, err := w.row("SELECT lost FROM destinations WHERE name = ?", []any{string(dest)}, &text); err != nil {
		return nil, err
	}
	return lossesIn(text)
}

func (w *writer) storeLosses(dest monitor.Destination, lost []monitor.Loss) error {
	text := ""
	if len(lost) > 0 {
		b, err := json.Marshal(lost)
		if err != nil {
			return err
		}
		text = string(b)
	}
	_, err := w.exec("UPDATE destinations SET lost = ? WHERE name = ?", text, string(dest))
	return err
}

// lossesIn reads the column lost.
func lossesIn(text string) (lost []monitor.Loss, err error) {
	if text != "" {
		if err = json.Unmarshal([]byte(text), &lost); err != nil {
			err = fmt.Errorf("read what a destination lost: %w", err)
		}
	}
	return lost, err
}
