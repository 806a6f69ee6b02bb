package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// shape is what the rows of a table look like in its pages.
type shape struct {
	name    string
	columns []shapeColumn // in the order in which rows have them
	rowids  bool          // false for a table WITHOUT ROWID
	alias   int           // the column that is the rowid, and NULL in a row; -1 for none
	least   int           // columns that every row has; later versions added the others
	twin    twin
}

type shapeColumn struct {
	name, kind string // the kind is INTEGER, TEXT, BLOB, or empty for a float
	null       bool
}

// twin is an index that has all columns of its table. It is a second copy of the rows.
type twin struct {
	index   string
	columns []int // of the table, in the order of the index; the rowid comes last
}

// readShapes returns the shapes of all tables of a file.
func readShapes(ctx context.Context, q querier) (map[string]*shape, error) {
	shapes := make(map[string]*shape)
	err := each(ctx, q, "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'", nil,
		func(row scanner) error {
			s := &shape{alias: -1}
			without := false
			err := row.Scan(&s.name, &without)
			s.rowids = !without
			if s.name != "sqlite_schema" {
				shapes[s.name] = s
			}
			return err
		})
	for _, s := range shapes {
		if err == nil {
			err = s.readColumns(ctx, q)
		}
		if err == nil && s.rowids && s.alias >= 0 {
			err = s.readTwin(ctx, q)
		}
	}
	return shapes, err
}

// allowOlder lets rows lack the columns that versions after the first one added.
func allowOlder(ctx context.Context, shapes map[string]*shape) error {
	oldest, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer oldest.Close()
	oldest.SetMaxOpenConns(1)
	if _, err := oldest.ExecContext(ctx, schemas()[0]); err != nil {
		return err
	}
	old, err := readShapes(ctx, oldest)
	for name, s := range old {
		if now := shapes[name]; now != nil {
			now.least = min(now.least, len(s.columns))
		}
	}
	return err
}

func (s *shape) readColumns(ctx context.Context, q querier) error {
	type column struct {
		shapeColumn
		key int
	}
	var all []column
	err := each(ctx, q, `SELECT name, type, "notnull" = 0 AND pk = 0, pk FROM pragma_table_info(?)`,
		[]any{s.name}, func(row scanner) error {
			var c column
			err := row.Scan(&c.name, &c.kind, &c.null, &c.key)
			all = append(all, c)
			return err
		})
	if !s.rowids {
		slices.SortStableFunc(all, func(a, b column) int { return keyOrder(a.key) - keyOrder(b.key) })
	}
	keys := 0
	for i, c := range all {
		s.columns = append(s.columns, c.shapeColumn)
		if c.key > 0 {
			keys++
		}
		if s.rowids && c.key == 1 && c.kind == "INTEGER" {
			s.alias = i
		}
	}
	if keys != 1 {
		s.alias = -1
	}
	s.least = len(s.columns)
	if s.name == "sqlite_sequence" { // its columns have no types
		s.columns = []shapeColumn{{"name", "TEXT", false}, {"seq", "INTEGER", false}}
	}
	return err
}

// keyOrder puts the columns of a key in front of the others.
func keyOrder(key int) int {
	if key == 0 {
		return 1 << 16
	}
	return key
}

func (s *shape) readTwin(ctx context.Context, q querier) error {
	return each(ctx, q, `SELECT l.name, group_concat(i.name, ' ' ORDER BY i.seqno) FROM pragma_index_list(?1) l, pragma_index_info(l.name) i
		WHERE l."unique" AND NOT l.partial GROUP BY l.name`, []any{s.name}, func(row scanner) error {
		var index, names string
		if err := row.Scan(&index, &names); err != nil {
			return err
		}
		t := twin{index: index}
		for name := range strings.FieldsSeq(names) {
			t.columns = append(t.columns, slices.IndexFunc(s.columns, func(c shapeColumn) bool { return c.name == name }))
		}
		if len(t.columns) == len(s.columns)-1 {
			s.twin = t
		}
		return nil
	})
}

// fits says whether a row of a page may be one of the table.
func (s *shape) fits(row []any) bool {
	if len(row) < s.least || len(row) > len(s.columns) {
		return false
	}
	for i, v := range row {
		if i == s.alias {
			if v != nil {
				return false
			}
		} else if !s.columns[i].holds(v) {
			return false
		}
	}
	if start, ok := row[min(1, len(row)-1)].(string); ok && s.name == "texts" {
		return isTime(start) // else it may be a row of series
	}
	return true
}

func (c shapeColumn) holds(v any) bool {
	switch v.(type) {
	case nil:
		return c.null
	case int64:
		return c.kind == "INTEGER"
	case float64:
		return c.kind == ""
	case string:
		return c.kind == "TEXT"
	}
	return c.kind == "BLOB"
}

// fromTwin returns the row of an entry of the twin, with its rowid. ok is false when the entry cannot be one.
func (s *shape) fromTwin(entry []any) (rowid int64, row []any, ok bool) {
	if len(entry) != len(s.twin.columns)+1 {
		return 0, nil, false
	}
	rowid, ok = entry[len(entry)-1].(int64)
	row = make([]any, len(s.columns))
	for i, column := range s.twin.columns {
		row[column] = entry[i]
	}
	return rowid, row, ok && s.fits(row)
}

// insert returns the statement that stores a row with the first n columns. A table with rowids that no column has gets the
// rowid too, as the first value.
func (s *shape) insert(n int) string {
	var names []string
	if s.rowids && s.alias < 0 {
		names = append(names, "rowid")
	}
	for _, c := range s.columns[:n] {
		names = append(names, c.name)
	}
	return strings.Replace(insertInto(s.name, strings.Join(names, ", ")), "INSERT", "INSERT OR IGNORE", 1)
}

// values returns the values for insert.
func (s *shape) values(rowid int64, row []any) []any {
	row = slices.Clone(row)
	switch {
	case s.rowids && s.alias < 0:
		return append([]any{rowid}, row...)
	case s.alias >= 0 && s.alias < len(row):
		row[s.alias] = rowid
	}
	return row
}

// find returns the query that finds a row by all its values.
func (s *shape) find(n int) string {
	query := "SELECT 1 FROM " + s.name + " WHERE "
	if s.rowids && s.alias < 0 {
		query += "rowid IS ? AND "
	}
	for i, c := range s.columns[:n] {
		if i > 0 {
			query += " AND "
		}
		query += c.name + " IS ?"
	}
	return query
}
