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
func (db *DB) NoteLoss(ctx context.Context, dest monitor.Destination, what string) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	return db.write(ctx, func(w *writer) error {
		l := monitor.Loss{At: db.Now().UTC().Round(0), What: what}
		if _, err := w.row("SELECT cursor FROM destinations WHERE name = ?", []any{string(dest)}, &l.Cursor); err != nil {
			return err
		}
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

// mendLosses forgets what a replay that ends has sent again.
func (w *writer) mendLosses(r *monitor.Replay) error {
	lost, err := w.losses(r.State.Dest)
	if err != nil || len(lost) == 0 {
		return err
	}
	return w.storeLosses(r.State.Dest, slices.DeleteFunc(lost, func(l monitor.Loss) bool { return l.MendedBy(r) }))
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
