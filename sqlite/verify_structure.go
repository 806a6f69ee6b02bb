package sqlite

import (
	"context"
	"fmt"
	"strings"
)

// largeTable is how many rows a table has at most whose check is one transaction beside a bridge.
const largeTable = 50_000

// structure verifies pages and indexes. SQLite's own check is one transaction, and the log of a bridge grows meanwhile. So
// beside a bridge each table is checked by itself, and large tables in parts.
func (v *verification) structure(ctx context.Context) error {
	if !v.result.Served {
		return v.read(ctx, "file", func(q querier) error { return v.integrity(ctx, q, "file", "PRAGMA integrity_check(100)") })
	}
	var tables []string
	err := v.read(ctx, "file", func(q querier) (err error) {
		tables, err = columnOf[string](ctx, q, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%'")
		return err
	})
	for _, table := range tables {
		if err != nil {
			break
		}
		large := false
		if table == "metrics" || table == "outcomes" || table == "texts" {
			err = v.read(ctx, table, func(q querier) error {
				last, err := greatest(ctx, q, table)
				large = last > largeTable
				return err
			})
		}
		if err == nil && large {
			err = v.indexes(ctx, table)
		} else if err == nil {
			err = v.read(ctx, table, func(q querier) error {
				return v.integrity(ctx, q, table, "PRAGMA integrity_check("+table+")")
			})
		}
	}
	return err
}

// integrity runs one of SQLite's checks.
func (v *verification) integrity(ctx context.Context, q querier, where, pragma string) error {
	return each(ctx, q, pragma, nil, func(row scanner) error {
		var finding string
		if err := row.Scan(&finding); err != nil || finding == "ok" {
			return err
		}
		for line := range strings.SplitSeq(finding, "\n") {
			if line != "" && !strings.HasPrefix(line, "*** in database") {
				v.found(where, "%s", line)
			}
		}
		return nil
	})
}

// indexes verifies the indexes of a large table with the column seq: each has each row, and no other. The rows are read
// later. It does not verify indexes that have a part of the rows.
func (v *verification) indexes(ctx context.Context, table string) error {
	type index struct{ name, same string }
	var all []index
	err := v.read(ctx, table, func(q querier) error {
		return each(ctx, q, `SELECT l.name, group_concat('i.' || c.name || ' = t.' || c.name, ' AND ')
			FROM pragma_index_list(?) l, pragma_index_info(l.name) c WHERE NOT l.partial GROUP BY l.name`, []any{table},
			func(row scanner) error {
				var i index
				err := row.Scan(&i.name, &i.same)
				all = append(all, i)
				return err
			})
	})
	for _, i := range all {
		var last uint64
		if err == nil {
			err = v.read(ctx, i.name, func(q querier) error {
				var rows, entries int64
				err := q.QueryRowContext(ctx, fmt.Sprintf("SELECT (SELECT count(*) FROM %[1]s NOT INDEXED), (SELECT count(*) FROM %[1]s INDEXED BY %[2]s)",
					table, i.name)).Scan(&rows, &entries)
				if err == nil && rows != entries {
					v.found(i.name, "the table %s has %d rows, and the index %d entries", table, rows, entries)
				}
				last, err = greatest(ctx, q, table)
				return err
			})
		}
		query := fmt.Sprintf(`SELECT seq FROM %[1]s t WHERE seq BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM %[1]s i INDEXED BY %[2]s
			WHERE %[3]s AND i.seq = t.seq) LIMIT 100`, table, i.name, i.same)
		for from := uint64(0); from <= last && err == nil && !v.full(); from += 10 * censusPart {
			err = v.read(ctx, i.name, func(q querier) error {
				return each(ctx, q, query, []any{from, from + 10*censusPart - 1}, func(row scanner) error {
					var seq uint64
					err := row.Scan(&seq)
					v.found(i.name, "the index lacks record %d of the table %s", seq, table)
					return err
				})
			})
		}
	}
	return err
}
