package sqlite

import (
	"context"
	"database/sql"

	"pymon-bridge/sqlite/pages"
)

// eachNumbered calls visit with the metrics that have numbers from first to last, and with the IDs of their sessions. It reads
// whole pages of the table: SQLite gives them as the transaction sees them, and the driver takes as long for a page as for a
// column of a row. ok is false where a page cannot be read.
func (s *sampling) eachNumbered(q querier, first, last int64, visit func(r *sampleRow, session int64)) (ok bool, err error) {
	// The driver would check for a cancelled ctx with every row. A part is short enough to be read to its end.
	ctx := context.WithoutCancel(s.ctx)
	var level, next []pages.Child
	err = each(ctx, q, "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'metrics'", nil, func(row scanner) error {
		var root uint32
		err := row.Scan(&root)
		level = append(level, pages.Root(root))
		return err
	})
	ok = true
	var r sampleRow
	metric := func(seq int64, c *pages.Columns) {
		c.Skip(1) // its number
		r.seq, r.series = seq, c.Int()
		session := c.Int()
		r.context, r.location, r.utc = c.Int(), c.Int(), c.Int()
		c.Skip(2) // the offset, and when it was received
		r.total = c.Float()
		r.cpu = c.Float() + c.Float()
		c.Skip(1) // cpu_usage
		r.mem = c.Float()
		visit(&r, session)
	}
	seen := map[uint32]bool{}
	for len(level) > 0 && ok && err == nil {
		next = nil
		numbers := make([]uint32, len(level))
		for i, child := range level {
			ok = ok && !seen[child.Page] // damaged pages may lead in circles
			seen[child.Page], numbers[i] = true, child.Page
		}
		n := 0
		err = each(ctx, q, "SELECT p.data FROM json_each(?) n CROSS JOIN sqlite_dbpage p ON p.pgno = n.value", []any{jsonList(numbers)}, func(row scanner) error {
			var b sql.RawBytes
			if err := row.Scan(&b); err != nil || !ok {
				return err
			}
			below, interior := pages.Below(b, level[n], first, last)
			next = append(next, below...)
			ok = interior || pages.Numbers(b, level[n], first, last, metric)
			n++
			return nil
		})
		ok = ok && n == len(level) // of a page beyond the end of the file there is no row
		level = next
	}
	return ok, err
}
