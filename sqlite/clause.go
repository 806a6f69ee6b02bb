package sqlite

import "pymon-bridge/monitor"

// clause is a piece of SQL with the values of its question marks. Texts from outside are always values. A list from
// outside is one value, because SQLite bounds the depth of expressions and the number of values. Adding to a clause
// copies its values. So two copies of a clause can grow in different ways.
type clause struct {
	sql  string
	args []any
}

func newClause(sql string, args ...any) clause { return clause{sql: sql, args: args} }

func (c *clause) add(sql string, args ...any) {
	c.sql += sql
	c.args = append(c.args[:len(c.args):len(c.args)], args...)
}

func (c *clause) join(o clause) { c.add(o.sql, o.args...) }

// and adds a condition to a list of conditions.
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

// where returns a WHERE with the conditions. It returns an empty clause when there are no conditions.
func (c clause) where() clause {
	if c.sql == "" {
		return c
	}
	return clause{sql: " WHERE " + c.sql, args: c.args}
}

// match adds a condition on the bytes of a column's text. NULL never matches.
func (c *clause) match(column string, how monitor.How, text string) {
	switch how {
	case monitor.Equals:
		c.and(column+" = ?", text)
	case monitor.HasPrefix:
		c.prefix(column, text)
	default:
		// Blobs, because texts would end at the first NUL and be compared by characters.
		c.and("instr(CAST("+column+" AS BLOB), CAST(? AS BLOB)) > 0", text)
	}
}

// prefix adds the condition that a column's text begins with the given text, as a range that an index finds.
func (c *clause) prefix(column, text string) {
	c.and(column+" >= ?", text)
	if end, ok := afterPrefix(text); ok {
		c.and(column+" < ?", end)
	}
}

// afterPrefix returns the first text after all texts that begin with prefix. ok is false when no text comes after them.
func afterPrefix(prefix string) (end string, ok bool) {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1]), true
		}
	}
	return "", false
}
