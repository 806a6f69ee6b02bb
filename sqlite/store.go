package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

var _ monitor.Store = (*DB)(nil)

// scale is where one way of reading becomes better than another one.
type scale struct {
	// A list is read in parts, each in a short transaction of its own, so that a slow consumer keeps neither a
	// connection nor an old state of the file, which would make the log grow. The first part is small, since most
	// consumers want a page.
	firstPart, laterPart int64
	// bytes is about how much of a list is in memory, and one item more: what was read is held until its consumer wants
	// the next part.
	bytes budget
	// few is how many metrics are rather found by a dictionary and sorted than met on a walk through time, which
	// passes all others.
	few int64
	// pruned is how many metrics are looked for by what zones hold; for more it is quicker to read all.
	pruned int64
	// zonesAtFirst is how many zones are read together at least. zonesAhead is how many are put in order together
	// where the first do not suffice.
	zonesAtFirst, zonesAhead int
}

func usual() scale {
	return scale{firstPart: 1000, laterPart: 4000, bytes: 4 << 20, few: 20_000, pruned: 5000, zonesAtFirst: 64, zonesAhead: 4096}
}

// part reads from one state of the file, on one of the connections that are kept for lists.
func part[T any](ctx context.Context, db *DB, fn func(q querier) (T, error)) (result T, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		result, err = fn(q)
		return err
	})
	return result, err
}

// tail is the end of a query for a part of a list.
const tail = " LIMIT ? OFFSET ?"

// rowsOf reads a part of a list with a query that ends in tail, or less of it where scan returns errEnough with an item.
func rowsOf[T any](ctx context.Context, q querier, query clause, skip, max int64, scan func(scanner) (T, error)) ([]T, error) {
	var items []T
	query.add(tail, max, skip)
	err := each(ctx, q, query.sql, query.args, func(row scanner) error {
		item, err := scan(row)
		items = append(items, item)
		return err
	})
	if err == errEnough {
		err = nil
	}
	return items, err
}

// countOf reads the one number that a query gives.
func countOf(ctx context.Context, q querier, query clause) (n int64, err error) {
	err = q.QueryRowContext(ctx, query.sql, query.args...).Scan(&n)
	return n, err
}
