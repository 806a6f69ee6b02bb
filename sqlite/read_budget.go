package sqlite

import (
	"context"
	"errors"
)

// maxRead is how many bytes of records of one class are read at a time. One record more is read, so that a large record
// is read at all. A limit on the number of records does not bound memory, since a record can be as large as a request
// body.
const maxRead = 8 << 20

// errEnough ends a reading when its budget is spent.
var errEnough = errors.New("enough was read")

// budget is how many bytes may still be read. A nil budget has no limit.
type budget int

// spend subtracts bytes that were read. It returns errEnough when nothing is left.
func (b *budget) spend(bytes int) error {
	if b == nil {
		return nil
	}
	if *b -= budget(bytes); *b <= 0 {
		return errEnough
	}
	return nil
}

// withinBudget returns as many of the first rows as have about maxRead bytes, and at least one row. For that it reads
// only the lengths of the texts that the rows refer to.
func withinBudget(ctx context.Context, q querier, s selection, rows []metricRow) ([]metricRow, error) {
	ids := referencesOf(rows)
	var sizes [4]map[int64]int
	for i, of := range [...]struct {
		query string
		args  []any
	}{
		{`SELECT id, octet_length(component) + octet_length(item_path) + octet_length(item) +
			octet_length(item_variant) + octet_length(kind) FROM series` + byIDs, keys(ids.series)},
		{"SELECT id, octet_length(h) FROM hashes" + byIDs, keys(ids.hashes)},
		{"SELECT id, octet_length(item_fs_loc) FROM locations" + byIDs, keys(ids.locations)},
		{`SELECT seq, coalesce(octet_length(component), 0) + coalesce(octet_length(item_path), 0) +
			coalesce(octet_length(item), 0) + coalesce(octet_length(item_variant), 0) + coalesce(octet_length(kind), 0)
			FROM texts WHERE ` + s.where, s.args},
	} {
		var err error
		if sizes[i], err = readSizes(ctx, q, of.query, of.args); err != nil {
			return nil, err
		}
	}
	left := budget(maxRead)
	for i, row := range rows {
		referred := sizes[0][row.series] + sizes[1][row.session] + sizes[1][row.context] + sizes[2][row.location] +
			sizes[3][int64(row.rec.Seq)]
		if left.spend(row.rec.Size()+referred) != nil {
			return rows[:i+1], nil
		}
	}
	return rows, nil
}

// firstWithinBudget returns as many of the first rows as have about maxRead bytes, and at least one row. Rows that share a
// text count it each, since a delivery has it as often.
func firstWithinBudget(rows []metricRow) []metricRow {
	left := budget(maxRead)
	for i, row := range rows {
		if left.spend(row.rec.Size()) != nil {
			return rows[:i+1]
		}
	}
	return rows
}

// readSizes reads pairs of an ID and a number of bytes.
func readSizes(ctx context.Context, q querier, query string, args []any) (map[int64]int, error) {
	sizes := make(map[int64]int)
	err := each(ctx, q, query, args, func(row scanner) error {
		var id int64
		var size int
		err := row.Scan(&id, &size)
		sizes[id] = size
		return err
	})
	return sizes, err
}
