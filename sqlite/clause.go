package sqlite

import "pymon-bridge/monitor"

// clause is a piece of SQL with the values of its question marks. Texts that come from outside are only ever values, and
// lists that come from outside are one value each: SQLite bounds how deep expressions and how many values may be, and
// adding to a clause copies it, so that copies of a clause can be added to each in its way.
type clause struct {
	sql  string
	args []any
}

func newClause(sql string, args ...any) clause { return clause{sql: sql, args: args} }

// add appends SQL.
func (c *clause) add(sql string, args ...any) {
	c.sql += sql
	c.args = append(c.args[:len(c.args):len(c.args)], args...)
}

// join appends a clause.
func (c *clause) join(o clause) { c.add(o.sql, o.args...) }

// and adds a condition to a list of conditions, which is empty or ends in one.
func (c *clause) and(sql string, args ...any) {
	if c.sql != "" {
		c.sql += " AND "
	}
	c.add(sql, args...)
}

// in adds the condition that an expression is one of the values of a subquery.
func (c *clause) in(expression string, sub clause) {
	c.and(expression+" IN ("+sub.sql+")", sub.args...)
}

// where returns the conditions as the end of a query; no conditions are none.
func (c clause) where() clause {
	if c.sql == "" {
		return c
	}
	return clause{sql: " WHERE " + c.sql, args: c.args}
}

// match adds the condition that a column's text compares as asked, by bytes. NULL never does.
func (c *clause) match(column string, how monitor.How, text string) {
	switch how {
	case monitor.Equals:
		c.and(column+" = ?", text)
	case monitor.HasPrefix:
		c.prefix(column, text)
	default:
		// As blobs, because as texts both would end at the first NUL and be compared by characters.
		c.and("instr(CAST("+column+" AS BLOB), CAST(? AS BLOB)) > 0", text)
	}
}

// prefix adds a range of an index, which is a prefix taken literally.
func (c *clause) prefix(column, text string) {
	c.and(column+" >= ?", text)
	if end, ok := afterPrefix(text); ok {
		c.and(column+" < ?", end)
	}
}
