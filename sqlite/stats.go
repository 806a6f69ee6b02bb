package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// Stats implements [monitor.Journal]. Its numbers are exact. It reads only one record: where the sequence has gaps above
// the cursor, not_owed has them, so the number of undelivered records follows from the cursor. Oldest is the arrival of the
// undelivered record with the lowest sequence number. It is zero when this record was imported, since that arrived
// elsewhere, perhaps years ago.
func (db *DB) Stats(ctx context.Context, dest monitor.Destination) (monitor.JournalStats, error) {
	var s monitor.JournalStats
	s.Bytes, s.Free = usage(db.path)
	err := db.read(ctx, func(q querier) error {
		last, err := lastSeq(ctx, q)
		if err != nil {
			return err
		}
		var id int64
		var cursor uint64
		var delivered int64 // the version of the last report that is
		err = each(ctx, q, "SELECT id, cursor, reports, dead, lost FROM destinations WHERE name = ?", []any{string(dest)},
			func(row scanner) (err error) {
				var lost string
				if err = row.Scan(&id, &cursor, &delivered, &s.DeadLetters, &lost); err == nil {
					s.Lost, err = lossesIn(lost)
				}
				return err
			})
		if err != nil {
			return err
		}
		var oldest uint64
		err = q.QueryRowContext(ctx, "SELECT count(*), coalesce(min(seq), 0) FROM parked WHERE dest = ?", id).
			Scan(&s.Parked, &oldest)
		if err != nil {
			return err
		}
		s.Aside, err = countOf(ctx, q,
			newClause("SELECT count(*) FROM parked INDEXED BY parked_aside WHERE dest = ? AND aside = 1", id))
		if err != nil {
			return err
		}
		if dest != "" { // else it would read the table of all reports for nobody
			s.Reports, err = countOf(ctx, q, newClause("SELECT count(*) FROM reports WHERE version > ?", delivered))
			if err != nil {
				return err
			}
		}
		s.Depth, err = owedAfter(ctx, q, id, cursor, last)
		s.Depth += s.Parked
		if err == nil && oldest == 0 {
			oldest, _, err = owed(ctx, q, dest, cursor)
		}
		if err != nil {
			return err
		}
		const live = " AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.hash = r.session AND s.imported = 1)"
		return each(ctx, q, `SELECT received FROM metrics r WHERE seq = ?1`+live+`
			UNION ALL SELECT received FROM outcomes r WHERE seq = ?1`+live+`
			UNION ALL SELECT received FROM contexts WHERE seq = ?1
			UNION ALL SELECT received FROM sessions WHERE seq = ?1 AND imported = 0
			UNION ALL SELECT s.ended FROM ends e JOIN sessions s ON s.hash = e.session WHERE e.seq = ?1`,
			[]any{oldest}, func(row scanner) error { return row.Scan(instant{&s.Oldest}) })
	})
	return s, err
}
