package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// Next implements [monitor.Journal].
func (db *DB) Next(ctx context.Context, _ monitor.Destination, after uint64, max int) ([]monitor.Pending, error) {
	var pending []monitor.Pending
	err := db.read(ctx, func(q querier) error {
		var err error
		pending, err = next(ctx, q, after, max)
		return err
	})
	return pending, err
}

// next merges the three tables, whose numbers are one sequence. Metrics are most of it, and how far they reach
// bounds what can come of the others; one that is not read to its end because of its size bounds the rest.
func next(ctx context.Context, q querier, after uint64, max int) ([]monitor.Pending, error) {
	pending, err := notedMetrics(ctx, q, selection{where: "seq > ?", args: []any{after}, limit: max, bounded: true})
	if err != nil {
		return nil, err
	}
	last := uint64(math.MaxInt64)
	if n := len(pending); n > 0 {
		if last, err = before(ctx, q, pending[n-1].Seq); err != nil {
			return nil, err
		}
	}
	for _, table := range [...]struct {
		query string
		scan  func(scanner) (*monitor.Record, error)
	}{
		{"SELECT " + contextColumns + contextTables +
			"WHERE c.seq > ? AND c.seq <= ? AND c.fetched = 0 ORDER BY c.seq LIMIT ?", scanContext},
		{"SELECT " + sessionColumns + sessionTables +
			"WHERE s.seq > ? AND s.seq <= ? AND s.fetched = 0 ORDER BY s.seq LIMIT ?", scanSession},
	} {
		left := budget(maxRead)
		err := each(ctx, q, table.query, []any{after, last, max}, func(row scanner) error {
			rec, err := table.scan(row)
			if err != nil {
				return err
			}
			pending = append(pending, monitor.Pending{Record: rec})
			if err = left.spend(rec.Size()); err != nil {
				last = rec.Seq
			}
			return err
		})
		if err != nil && err != errEnough {
			return nil, err
		}
	}
	pending = slices.DeleteFunc(pending, func(p monitor.Pending) bool { return p.Seq > last })
	slices.SortFunc(pending, func(a, b monitor.Pending) int { return cmp.Compare(a.Seq, b.Seq) })
	return pending[:min(max, len(pending))], nil
}

// before returns how far contexts and sessions may be read when metrics were read up to a number: as far as there is
// no other metric.
func before(ctx context.Context, q querier, read uint64) (last uint64, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(min(seq) - 1, ?) FROM metrics WHERE seq > ?", int64(math.MaxInt64), read).
		Scan(&last)
	return last, err
}

// Parked implements [monitor.Journal].
func (db *DB) Parked(ctx context.Context, dest monitor.Destination) ([]monitor.Pending, error) {
	var pending []monitor.Pending
	err := db.read(ctx, func(q querier) error {
		parked := selection{where: parkedBy, args: []any{string(dest)}, limit: -1}
		var err error
		if pending, err = notedMetrics(ctx, q, parked); err != nil {
			return err
		}
		i := 0 // both are in the order of seq
		return each(ctx, q, `SELECT p.since FROM parked p JOIN destinations d ON d.id = p.dest WHERE d.name = ?
			ORDER BY p.seq`, parked.args, func(row scanner) error {
			i++
			return row.Scan(instant{&pending[i-1].Since})
		})
	})
	return pending, err
}

const parkedBy = "seq IN (SELECT p.seq FROM parked p JOIN destinations d ON d.id = p.dest WHERE d.name = ?)"
