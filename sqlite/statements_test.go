package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	modernc "modernc.org/sqlite"

	"pymon-bridge/sqlite"
)

// countedOf counts the statements of the connections that it makes.
type countedOf struct {
	driver.Connector
	compiled, closed int
}

func (c *countedOf) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return countedConn{conn.(wholeConn), c}, nil
}

type wholeConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.SessionResetter
	driver.Validator
}

type countedConn struct {
	wholeConn
	of *countedOf
}

func (c countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.wholeConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.of.compiled++
	return countedStmt{s, c.of}, nil
}

type countedStmt struct {
	driver.Stmt
	of *countedOf
}

func (s countedStmt) Close() error {
	s.of.closed++
	return s.Stmt.Close()
}

func (s countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func TestAConnectionKeepsItsStatements(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	connector, err := modernc.NewConnector("file:" + path)
	require.NoError(t, err)
	n := &countedOf{Connector: connector}
	db := sql.OpenDB(sqlite.KeepStatements(n))
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
	require.NoError(t, err)
	const query = "SELECT a FROM t WHERE a >= ? ORDER BY a"
	ask := func(q interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}, query string, args ...any) (found []string) {
		rows, err := q.QueryContext(t.Context(), query, args...)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		for rows.Next() {
			var a string
			require.NoError(t, rows.Scan(&a))
			found = append(found, a)
		}
		require.NoError(t, rows.Err())
		return found
	}

	assert.Equal(t, []string{"1", "2"}, ask(db, query, 1))
	assert.Equal(t, []string{"2"}, ask(db, query, 2), "the values are those of this time")
	assert.Equal(t, 1, n.compiled)

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	rows, err := tx.QueryContext(t.Context(), query, 1)
	require.NoError(t, err)
	require.True(t, rows.Next())
	assert.Equal(t, []string{"2"}, ask(tx, query, 2), "while the rows of the same question are read")
	require.True(t, rows.Next())
	require.False(t, rows.Next())
	require.NoError(t, rows.Close())
	require.NoError(t, tx.Rollback())
	assert.Equal(t, 2, n.compiled)

	other := sql.OpenDB(connector) // a kept statement holds no lock, and sees what others change
	_, err = other.Exec("DELETE FROM t WHERE a = 1; ALTER TABLE t ADD COLUMN b")
	require.NoError(t, err)
	require.NoError(t, other.Close())
	assert.Equal(t, []string{"2"}, ask(db, query, 1))
	assert.Equal(t, 2, n.compiled)

	_, err = db.Query("SELECT abs(?) FROM t", int64(-1<<63))
	require.Error(t, err, "a question that fails")
	assert.Equal(t, 3, n.compiled)
	assert.Equal(t, 1, n.closed, "is not kept")

	for i := range 10 {
		ask(db, fmt.Sprintf("SELECT %d%*s", i, sqlite.MaxTexts/8, ""))
	}
	assert.Equal(t, n.compiled-7, n.closed, "the oldest ones go")
	before := n.compiled
	ask(db, fmt.Sprintf("SELECT 9%*s", sqlite.MaxTexts/8, ""))
	assert.Equal(t, before, n.compiled, "the last one is kept")
	before = n.closed
	for range 3 {
		ask(db, fmt.Sprintf("SELECT 1%*s", sqlite.MaxTexts/4, ""))
	}
	assert.Equal(t, before+3, n.closed, "a large one is not, so that the others stay")
	require.NoError(t, db.Close())
	assert.Equal(t, n.compiled, n.closed)
}

// Lists and pages ask with kept statements.
func TestReadersKeepTheirStatements(t *testing.T) {
	t.Parallel()
	db, _ := openNew(t)
	_, err := db.Projects(t.Context())
	require.NoError(t, err)
	conn, err := db.Listers().Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.Raw(func(c any) error {
		assert.Positive(t, sqlite.Kept(c))
		return nil
	}))
}
