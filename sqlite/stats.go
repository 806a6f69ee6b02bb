package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"pymon-bridge/monitor"
)

// Stats implements [monitor.Journal]. It is exact and costs no more than there are parked metrics and fetched
// contexts and sessions: the sequence has no gaps, so what is behind the cursor follows from two numbers. Oldest is
// the arrival of the undelivered record with the lowest number.
func (db *DB) Stats(ctx context.Context, dest monitor.Destination) (monitor.JournalStats, error) {
	var s monitor.JournalStats
	s.Bytes, s.Free = usage(db.path)
	err := db.read(ctx, func(q querier) error {
		last, err := lastSeq(ctx, q)
		if err != nil {
			return err
		}
		var id, cursor int64
		err = q.QueryRowContext(ctx, "SELECT id, cursor, dead FROM destinations WHERE name = ?", string(dest)).
			Scan(&id, &cursor, &s.DeadLetters)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var fetched int64
		err = q.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM parked WHERE dest = ?1),
			(SELECT count(*) FROM contexts WHERE fetched = 1 AND seq > ?2) +
			(SELECT count(*) FROM sessions WHERE fetched = 1 AND seq > ?2)`, id, cursor).Scan(&s.Parked, &fetched)
		if err != nil {
			return err
		}
		s.Depth = max(0, int64(last)-cursor) - fetched + s.Parked
		return oldest(ctx, q, id, cursor, &s)
	})
	return s, err
}

func oldest(ctx context.Context, q querier, dest, cursor int64, s *monitor.JournalStats) error {
	var seq int64 = math.MaxInt64
	return each(ctx, q, `
		SELECT * FROM (SELECT seq, received FROM metrics WHERE seq =
			(SELECT min(seq) FROM parked WHERE dest = ?1))
		UNION ALL SELECT * FROM (SELECT seq, received FROM metrics WHERE seq > ?2 ORDER BY seq LIMIT 1)
		UNION ALL SELECT * FROM (SELECT seq, received FROM contexts WHERE seq > ?2 AND fetched = 0 ORDER BY seq LIMIT 1)
		UNION ALL SELECT * FROM (SELECT seq, received FROM sessions WHERE seq > ?2 AND fetched = 0 ORDER BY seq LIMIT 1)`,
		[]any{dest, cursor}, func(row scanner) error {
			var n int64
			var received instant
			at := s.Oldest
			received.into = &at
			if err := row.Scan(&n, received); err != nil {
				return err
			}
			if n < seq {
				seq, s.Oldest = n, at
			}
			return nil
		})
}
