package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/sqlite/pages"
)

// eachRow calls visit with the rows of a table that have wanted rowids, as [pages.EachRow] does. It reads whole pages of the table:
// SQLite gives them as the transaction sees them, and the driver takes as long for a page as for a column of a row. ok is false where
// a page cannot be read. Then SQLite says what is wrong.
func eachRow(ctx context.Context, q querier, table string, wanted pages.Rowids, visit func(rowid int64, c *pages.Columns)) (ok bool, err error) {
	// The driver would check for a cancelled ctx with every row. A part is short enough to be read to its end.
	ctx = context.WithoutCancel(ctx)
	var level, next []pages.Child
	err = each(ctx, q, "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?", []any{table}, func(row scanner) error {
		var root uint32
		err := row.Scan(&root)
		level = append(level, pages.Root(root))
		return err
	})
	ok = true
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
			below, interior := pages.Below(b, level[n], wanted)
			next = append(next, below...)
			ok = interior || pages.EachRow(b, level[n], wanted, visit)
			n++
			return nil
		})
		ok = ok && n == len(level) // of a page beyond the end of the file there is no row
		level = next
	}
	return ok, err
}

// eachText calls visit with the texts of the rows of a table that have the given IDs. The table has these columns behind the ID, in
// this order. visit is called again for a row of a damaged page. A column of several rows may have the same text in memory. It is an error
// when a row is missing: records refer to it.
func eachText(ctx context.Context, q querier, table string, columns []string, ids []int64, visit func(id int64, texts []string) error) error {
	slices.Sort(ids)
	if neighbours(ids) {
		read, err := eachTextOfPages(ctx, q, table, columns, ids, visit)
		if err != nil {
			return err
		}
		ids = without(ids, read)
	}
	if len(ids) == 0 {
		return nil
	}
	return eachTextOfRows(ctx, q, table, columns, ids, visit)
}

const (
	// fewRows are read in less time by SQLite than from whole pages.
	fewRows = 32
	// farID is how far an ID is from the one before when it is probably in another page.
	farID = 16
)

// neighbours says that a page has several of the given IDs, which are in order. SQLite takes twice as long for a page as for a row.
func neighbours(ids []int64) bool {
	far := 0
	for i := 1; i < len(ids); i++ {
		if ids[i]-ids[i-1] > farID {
			far++
		}
	}
	return len(ids) >= fewRows && 2*far < len(ids)
}

// eachTextOfPages reads whole pages of the table. It returns the IDs of the rows that it has read, in order; none where a page is damaged.
func eachTextOfPages(ctx context.Context, q querier, table string, columns []string, ids []int64, visit func(id int64, texts []string) error) ([]int64, error) {
	var read []int64
	var failed error
	texts := make([]string, len(columns))
	ok, err := eachRow(ctx, q, table, pages.RowidsOf(ids), func(id int64, c *pages.Columns) {
		if c == nil || failed != nil {
			return
		}
		c.Skip(1) // the ID
		for i := range texts {
			texts[i] = c.Text(texts[i])
		}
		if !c.Bad() {
			read, failed = append(read, id), visit(id, texts)
		}
	})
	if !ok {
		read = nil
	}
	return read, cmp.Or(failed, err)
}

// eachTextOfRows asks SQLite for each row.
func eachTextOfRows(ctx context.Context, q querier, table string, columns []string, ids []int64, visit func(id int64, texts []string) error) error {
	var id int64
	texts := make([]string, len(columns))
	into := []any{&id}
	for i := range texts {
		into = append(into, &texts[i])
	}
	missing := len(ids)
	err := each(ctx, q, "SELECT id, "+strings.Join(columns, ", ")+" FROM "+table+" WHERE id IN (SELECT value FROM json_each(?))",
		[]any{jsonList(ids)}, func(row scanner) error {
			if err := row.Scan(into...); err != nil {
				return err
			}
			missing--
			return visit(id, texts)
		})
	if err == nil && missing > 0 {
		err = fmt.Errorf("records refer to %d rows of %s that are not in the file", missing, table)
	}
	return err
}
