package sqlite

import (
	"context"
	"errors"
)

// maxRead is how many bytes of records of one class are read at a time, and one record more: a number of records
// alone does not bound memory, since one can be as large as a request body.
const maxRead = 8 << 20

// errEnough ends a reading whose budget is spent.
var errEnough = errors.New("enough was read")

// budget is how many bytes may still be read.
type budget int

// spend takes the bytes of what was just read, and returns errEnough when that is all that should be. nil has no end.
func (b *budget) spend(bytes int) error {
	if b == nil {
		return nil
	}
	if *b -= budget(bytes); *b <= 0 {
		return errEnough
	}
	return nil
}

// affordable returns the first rows, as many as have texts of about maxRead bytes, and at least one. It reads the
// lengths of the texts only.
func affordable(ctx context.Context, q querier, s selection, rows []metricRow) ([]metricRow, error) {
	ids := collect(rows)
	var sizes [4]map[int64]int
	for i, of := range [...]struct {
		query string
		args  []any
	}{
		{`SELECT id, octet_length(component) + octet_length(item_path) + octet_length(item) +
			octet_length(item_variant) + octet_length(kind) FROM series` + byIDs, list(ids.series)},
		{"SELECT id, octet_length(h) FROM hashes" + byIDs, list(ids.hashes)},
		{"SELECT id, octet_length(item_fs_loc) FROM locations" + byIDs, list(ids.locations)},
		{`SELECT seq, coalesce(octet_length(component), 0) + coalesce(octet_length(item_path), 0) +
			coalesce(octet_length(item), 0) + coalesce(octet_length(item_variant), 0) + coalesce(octet_length(kind), 0)
			FROM texts WHERE ` + s.where, s.args},
	} {
		var err error
		if sizes[i], err = readSizes(ctx, q, of.query, of.args); err != nil {
			return nil, err
		}
	}
	left := maxRead
	for i, row := range rows {
		left -= sizes[0][row.series] + sizes[1][row.session] + sizes[1][row.context] + sizes[2][row.location] +
			sizes[3][int64(row.rec.Seq)]
		if left <= 0 {
			return rows[:i+1], nil
		}
	}
	return rows, nil
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
