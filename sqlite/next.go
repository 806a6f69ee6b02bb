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
// bounds what can come of the others.
func next(ctx context.Context, q querier, after uint64, max int) ([]monitor.Pending, error) {
	pending, err := metrics(ctx, q, selection{where: "seq > ?", args: []any{after}, limit: max})
	if err != nil {
		return nil, err
	}
	last := uint64(math.MaxInt64)
	if len(pending) == max && max > 0 {
		last = pending[max-1].Seq
	}
	add := func(scan func(scanner) (*monitor.Record, error)) func(scanner) error {
		return func(row scanner) error {
			rec, err := scan(row)
			pending = append(pending, monitor.Pending{Record: rec})
			return err
		}
	}
	args := []any{after, last, max}
	err = each(ctx, q, "SELECT "+contextColumns+contextTables+
		"WHERE c.seq > ? AND c.seq <= ? AND c.fetched = 0 ORDER BY c.seq LIMIT ?", args, add(scanContext))
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, "SELECT "+sessionColumns+sessionTables+
		"WHERE s.seq > ? AND s.seq <= ? AND s.fetched = 0 ORDER BY s.seq LIMIT ?", args, add(scanSession))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pending, func(a, b monitor.Pending) int { return cmp.Compare(a.Seq, b.Seq) })
	return pending[:min(max, len(pending))], nil
}

// Parked implements [monitor.Journal].
func (db *DB) Parked(ctx context.Context, dest monitor.Destination) ([]monitor.Pending, error) {
	var pending []monitor.Pending
	err := db.read(ctx, func(q querier) error {
		parked := selection{where: parkedBy, args: []any{string(dest)}, limit: -1}
		var err error
		if pending, err = metrics(ctx, q, parked); err != nil {
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
