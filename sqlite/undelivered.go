package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"pymon-bridge/monitor"
)

// LastSeq returns the number of the last record that is kept, 0 where there is none.
func (db *DB) LastSeq(ctx context.Context) (last uint64, err error) {
	err = db.read(ctx, func(q querier) (err error) {
		last, err = lastSeq(ctx, q)
		return err
	})
	return last, err
}

// Undelivered counts the records up to a number that dest is not told yet. Parked metrics count where they are of the
// given project: a client that never says what they belong to would else keep every project waiting. What is behind
// the cursor counts whatever it is, since it is delivered in order.
func (db *DB) Undelivered(ctx context.Context, dest monitor.Destination, project string, upTo uint64) (n int64, err error) {
	err = db.read(ctx, func(q querier) error {
		var id, cursor int64
		err := q.QueryRowContext(ctx, "SELECT id, cursor FROM destinations WHERE name = ?", string(dest)).Scan(&id, &cursor)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return q.QueryRowContext(ctx, `SELECT max(0, ?3 - ?2)
			- (SELECT count(*) FROM contexts WHERE fetched = 1 AND seq > ?2 AND seq <= ?3)
			- (SELECT count(*) FROM sessions WHERE fetched = 1 AND seq > ?2 AND seq <= ?3)
			+ (SELECT count(*) FROM parked p JOIN metrics m ON m.seq = p.seq JOIN series s ON s.id = m.series
				WHERE p.dest = ?1 AND p.seq <= ?3 AND s.project = ?4)`, id, cursor, int64(upTo), project).Scan(&n)
	})
	return n, err
}
