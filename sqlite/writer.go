package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// writer is the connection that writes. It has prepared statements, caches of the dictionaries and the counter of the
// sequence. When a transaction fails, the writer drops what the transaction added to the caches and the counter.
type writer struct {
	pool       *sql.DB
	conn       *sql.Conn
	schemas    []string                          // see [schemas]
	statements map[string]*sql.Stmt              // that return rows
	driver     driver.ConnPrepareContext         // of conn
	executed   map[string]driver.StmtExecContext // that change rows: see exec
	values     []driver.NamedValue               // for exec

	last uint64 // the last sequence number that was given out
	next uint64 // the sequence number that the transaction gives out next

	zone zoneMap // of the zone that has the last metric
	open zoneMap // zone, with what the open transaction adds

	hides    bool // the open transaction hides a project or a run
	crowds   map[crowd]*room
	compared int // metrics that were compared to find equal ones

	series     *cache[int64]     // IDs by project, item_path, item, item_variant, kind and component
	locations  *cache[int64]     // IDs by item_fs_loc
	components *cache[int64]     // IDs by component and project
	hashes     *cache[hashEntry] // by project and hash
	caches     []interface {     // all of them
		keep()
		forget()
		drop()
	}
}

// The sizes of the caches, in entries of about 150 bytes.
const (
	cachedSeries     = 32768
	cachedLocations  = 8192
	cachedComponents = 1024
	cachedHashes     = 8192
)

// lastSeq returns the last sequence number that was given out, 0 before the first.
func lastSeq(ctx context.Context, q querier) (last uint64, err error) {
	err = q.QueryRowContext(ctx, "SELECT last FROM sequence").Scan(&last)
	return last, err
}

// transaction runs fn in a transaction and commits it with the given function.
func (w *writer) transaction(fn func() error, commit func(w *writer) error) error {
	if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	w.next, w.open = w.last+1, w.zone
	err := fn()
	if err == nil && w.next > w.last+1 {
		_, err = w.exec("UPDATE sequence SET last = ?", w.next-1)
	}
	if err == nil {
		err = commit(w)
	}
	if err != nil {
		// ROLLBACK fails where SQLite has rolled back by itself, which is no fault. After any other failure the next
		// BEGIN fails too.
		_, _ = w.exec("ROLLBACK")
		w.forget()
		return err
	}
	w.keep()
	return nil
}

func (w *writer) commit() error {
	_, err := w.exec("COMMIT")
	return err
}

func (w *writer) keep() {
	w.last, w.zone = w.next-1, w.open
	for _, c := range w.caches {
		c.keep()
	}
}

func (w *writer) forget() {
	for _, c := range w.caches {
		c.forget()
	}
}

// take gives out the next sequence number.
func (w *writer) take() uint64 {
	seq := w.next
	w.next++
	return seq
}

// statement returns the prepared statement of a query. It keeps all: there are only as many as this package has
// queries.
func (w *writer) statement(query string) (*sql.Stmt, error) {
	if s, ok := w.statements[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", query, err)
	}
	w.statements[query] = s
	return s, nil
}

// QueryContext and QueryRowContext make the writer a querier of its transaction, with prepared statements. So its queries have to be fixed.
func (w *writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := w.statement(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext is like QueryContext.
func (w *writer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := w.statement(query)
	if err != nil {
		return w.conn.QueryRowContext(ctx, query, args...) // has the error
	}
	return s.QueryRowContext(ctx, args...)
}

// exec runs a statement to its end. A caller that has gone does not interrupt a transaction. The driver gets the arguments
// without database/sql, whose checks would be a tenth of the time of a transaction.
func (w *writer) exec(query string, args ...any) (driver.Result, error) {
	s, ok := w.executed[query]
	if !ok {
		prepared, err := w.driver.PrepareContext(context.Background(), query)
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", query, err)
		}
		s = prepared.(driver.StmtExecContext)
		w.executed[query] = s
	}
	w.values = w.values[:0]
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d of %s: %w", i+1, query, err)
		}
		w.values = append(w.values, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return s.ExecContext(context.Background(), w.values)
}

// row scans the first row of a result. found is false when there is no row.
func (w *writer) row(query string, args []any, dest ...any) (found bool, err error) {
	s, err := w.statement(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (w *writer) close() error {
	for _, s := range w.statements {
		s.Close()
	}
	for _, s := range w.executed {
		s.(driver.Stmt).Close()
	}
	if w.conn != nil {
		w.conn.Close()
	}
	return w.pool.Close()
}
