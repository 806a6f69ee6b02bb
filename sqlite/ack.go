package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"pymon-bridge/monitor"
)

// Cursor implements [monitor.Journal].
func (db *DB) Cursor(ctx context.Context, dest monitor.Destination) (uint64, error) {
	var cursor uint64
	err := db.read(ctx, func(q querier) error {
		err := q.QueryRowContext(ctx, "SELECT cursor FROM destinations WHERE name = ?", string(dest)).Scan(&cursor)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return cursor, err
}

// Ack implements [monitor.Journal]. The cursor never goes back, parking again keeps the time of the first, and what
// is buried is no longer parked.
func (db *DB) Ack(ctx context.Context, dest monitor.Destination, s monitor.Acknowledgement) error {
	if err := db.owned(); err != nil {
		return err
	}
	now := db.Now()
	return db.write(ctx, func(w *writer) error {
		id, err := w.moveCursor(dest, s.Cursor)
		if err != nil {
			return err
		}
		for _, seq := range s.Park {
			_, err := w.exec("INSERT INTO parked (dest, seq, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
				id, seq, nanoseconds(now))
			if err != nil {
				return err
			}
		}
		for _, seq := range s.Unpark {
			if err := w.unpark(id, seq); err != nil {
				return err
			}
		}
		for i := range s.Bury {
			if err := w.bury(id, &s.Bury[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveCursor returns the ID of the destination.
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

// DeadLetters returns up to max records that were buried for dest, or for any destination when dest is empty, in the
// order of acceptance.
func (db *DB) DeadLetters(ctx context.Context, dest monitor.Destination, max int) ([]monitor.DeadLetter, error) {
	var letters []monitor.DeadLetter
	err := db.read(ctx, func(q querier) error {
		return each(ctx, q, `SELECT d.name, l.seq, l.class, l.status, l.reason, l.buried
			FROM destinations d JOIN dead_letters l ON l.dest = d.id WHERE ?1 = '' OR d.name = ?1
			ORDER BY l.seq, l.dest LIMIT ?2`, []any{string(dest), max}, func(row scanner) error {
			var l monitor.DeadLetter
			err := row.Scan(&l.Dest, &l.Seq, &l.Class, &l.Status, &l.Reason, instant{&l.At})
			letters = append(letters, l)
			return err
		})
	})
	return letters, err
}
