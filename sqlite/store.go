package sqlite

import "context"

// scale has the sizes from which on another way of reading is better.
type scale struct {
	// part is how many positions one part of a list has. It holds two pages. Larger parts read whole lists a tenth
	// faster, but hundreds of slow clients, each with the rest of a part, would fill the memory.
	part int64
	// bytes is about how many bytes of a list are in memory, plus one item. They stay there until the consumer wants
	// the next part.
	bytes budget
	// Up to few metrics, a list finds the metrics by a dictionary and sorts them. For more metrics it walks through all
	// metrics in the order of time.
	few int64
	// Up to pruned metrics, a list ordered by a measurement uses zone maps. For more metrics it is faster to read all
	// metrics.
	pruned int64
	// zonesAtFirst is how many zones are read together at least. zonesAhead is how many zones are put in order at a
	// time when the first ones do not suffice.
	zonesAtFirst, zonesAhead int
	// samples is how many metrics one transaction of [DB.Samples] reads. It takes about 10 ms, during which the log
	// cannot be emptied.
	samples int
	// names is how many names of tests the rollups of a project have, at most, or five times as many as the run has: no suite of
	// tests that stay has more. Below namesSwept of them, unused ones are not looked for.
	names, namesSwept int
}

func defaultScale() scale {
	return scale{part: 1000, bytes: 1 << 20, few: 20_000, pruned: 5000, zonesAtFirst: 64, zonesAhead: 4096, samples: 8192,
		names: 250_000, namesSwept: 10_000}
}

// readPart calls fn in a transaction that sees one state of the file, on a connection for lists.
func readPart[T any](ctx context.Context, db *DB, fn func(q querier) (T, error)) (result T, err error) {
	err = db.readFrom(ctx, db.listers, func(q querier) error {
		result, err = fn(q)
		return err
	})
	return result, err
}

// count reads the number that a query gives, on a connection for lists.
func (db *DB) count(ctx context.Context, query clause) (int64, error) {
	return readPart(ctx, db, func(q querier) (int64, error) { return countOf(ctx, q, query) })
}

// countOf reads the number that a query gives.
func countOf(ctx context.Context, q querier, query clause) (n int64, err error) {
	err = q.QueryRowContext(ctx, query.sql, query.args...).Scan(&n)
	return n, err
}

// rowsOf reads a part of a list. scan returns an item and its size in bytes. rowsOf returns fewer items when left is
// spent.
func rowsOf[T any](ctx context.Context, q querier, query clause, skip, max int64, left *budget,
	scan func(scanner) (item T, bytes int, err error)) ([]T, error) {
	var items []T
	query.add(" LIMIT ? OFFSET ?", max, skip)
	err := each(ctx, q, query.sql, query.args, func(row scanner) error {
		item, bytes, err := scan(row)
		if err != nil {
			return err
		}
		items = append(items, item)
		return left.spend(bytes)
	})
	if err == errEnough {
		err = nil
	}
	return items, err
}
