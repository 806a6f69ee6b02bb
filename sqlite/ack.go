package sqlite

import (
	"context"
	"time"

	"pymon-bridge/monitor"
)

// Cursor implements [monitor.Journal].
func (db *DB) Cursor(ctx context.Context, dest monitor.Destination) (cursor uint64, err error) {
	_, err = db.row(ctx, "SELECT cursor FROM destinations WHERE name = ?", []any{string(dest)}, &cursor)
	return cursor, err
}

// Ack implements [monitor.Journal]. The cursor never goes back. A record that is parked or set aside again keeps the time
// when it was parked first. A record that becomes a dead letter is no longer parked.
func (db *DB) Ack(ctx context.Context, dest monitor.Destination, ack monitor.Acknowledgement) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	now := db.Now()
	return db.write(ctx, func(w *writer) error {
		id, err := w.moveCursor(dest, ack.Cursor)
		if err != nil {
			return err
		}
		for aside, seqs := range [][]uint64{ack.Park, ack.SetAside} {
			for _, seq := range seqs {
				_, err := w.exec("INSERT INTO parked (dest, seq, since, aside) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "+
					"SET aside = excluded.aside", id, seq, nanoseconds(now), aside)
				if err != nil {
					return err
				}
			}
		}
		for _, seq := range ack.Unpark {
			if err := w.unpark(id, seq); err != nil {
				return err
			}
		}
		for i := range ack.Bury {
			if err := w.bury(id, &ack.Bury[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveCursor moves the cursor of a destination forward and returns the destination's ID. It adds a destination that is
// new.
func (w *writer) moveCursor(dest monitor.Destination, cursor uint64) (id int64, err error) {
	_, err = w.row(`INSERT INTO destinations (name, cursor) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET cursor = max(cursor, excluded.cursor) RETURNING id`,
		[]any{string(dest), cursor}, &id)
	return id, err
}

func (w *writer) unpark(dest int64, seq uint64) error {
	_, err := w.exec("DELETE FROM parked WHERE dest = ? AND seq = ?", dest, seq)
	return err
}

// bury stores a dead letter. A letter without a time gets now.
func (w *writer) bury(dest int64, l *monitor.DeadLetter, now time.Time) error {
	if err := w.unpark(dest, l.Seq); err != nil {
		return err
	}
	at := l.At
	if at.IsZero() {
		at = now
	}
	_, err := w.exec(`INSERT INTO dead_letters (dest, seq, class, status, reason, buried) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (dest, seq) DO UPDATE SET status = excluded.status, reason = excluded.reason, buried = excluded.buried`,
		dest, l.Seq, string(l.Class), l.Status, l.Reason, nanoseconds(at))
	return err
}
