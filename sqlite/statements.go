package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
)

// maxTexts is the size in bytes of the questions whose compiled statements a connection for reading keeps, of all together. A
// statement takes about 18 kB, and its text half a kilobyte. A question about many runs is longer, and its statement larger.
const maxTexts = 32 << 10

// keeping makes connections that keep their compiled statements. SQLite takes longer to compile most questions of pages than to
// answer them. The statements of [sql.DB] do not help: they are compiled on a second connection first, for which all that hold
// the other connections would wait.
type keeping struct{ driver.Connector }

// Connect implements [driver.Connector].
func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := c.(connection)
	if !ok {
		return nil, fmt.Errorf("a connection of type %T cannot keep statements", c)
	}
	return &keepingConn{connection: inner}, nil
}

// connection has the methods of a connection that [sql.DB] uses.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.SessionResetter
	driver.Validator
}

// keepingConn is a connection with its statements. [sql.DB] uses it for one thing at a time.
type keepingConn struct {
	connection
	idle  []*keptStatement // those that nobody uses; the one used last is the last
	texts int              // bytes of their questions
}

type keptStatement struct {
	driver.Stmt
	query string
}

// QueryContext implements [driver.QueryerContext].
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		_ = s.Close() // the failure of the question says more
		return nil, err
	}
	return &keptRows{rows, c, s}, nil
}

// take returns a statement that nobody uses: a question may be asked again while its rows are read.
func (c *keepingConn) take(ctx context.Context, query string) (*keptStatement, error) {
	for i, s := range slices.Backward(c.idle) {
		if s.query == query {
			c.idle = slices.Delete(c.idle, i, i+1)
			c.texts -= len(query)
			return s, nil
		}
	}
	s, err := c.PrepareContext(ctx, query)
	return &keptStatement{s, query}, err
}

// Close implements [driver.Conn].
func (c *keepingConn) Close() error {
	for _, s := range c.idle {
		_ = s.Close() // closing the connection fails too then
	}
	c.idle = nil
	return c.connection.Close()
}

// keptRows gives the statement back at its end.
type keptRows struct {
	driver.Rows
	conn *keepingConn
	of   *keptStatement
}

// Close implements [driver.Rows].
func (r *keptRows) Close() error {
	if err := r.Rows.Close(); err != nil {
		_ = r.of.Close() // the failure of the question says more
		return err
	}
	return r.conn.keep(r.of)
}

// keep keeps a statement, and closes those that were used least recently when there are too many. One that would take much of the room
// is not kept.
func (c *keepingConn) keep(s *keptStatement) (err error) {
	if len(s.query) > maxTexts/4 {
		return s.Close()
	}
	c.idle = append(c.idle, s)
	c.texts += len(s.query)
	for c.texts > maxTexts {
		oldest := c.idle[0]
		c.idle = slices.Delete(c.idle, 0, 1)
		c.texts -= len(oldest.query)
		err = errors.Join(err, oldest.Close())
	}
	return err
}
