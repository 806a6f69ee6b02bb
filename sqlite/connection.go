package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite" // and "sqlite" for [sql.Open]
)

// A negative cache_size is in KiB. Every connection has its own cache. So the sizes bound the memory that SQLite takes.
//
// Commits do not copy the log into the file: SQLite would not say when that fails. copyLogInBackground copies it, on connections that
// read. When readers keep SQLite from beginning the log anew, trimLog empties it.
//
// A file may come from somebody else, as one that is imported. Its schema is not trusted, so that no expression in it calls a function
// with effects. Whoever checks a file checks the cells of its pages too before they are read.
const (
	untrusted     = "trusted_schema(0);"
	writerPragmas = untrusted + "busy_timeout(5000);synchronous(full);cache_size(-16384);" +
		"temp_store(memory);journal_size_limit(67108864);wal_autocheckpoint(0)"
	readerPragmas  = untrusted + "busy_timeout(5000);synchronous(full);query_only(1);cache_size(-4096);temp_store(memory)"
	checkerPragmas = untrusted + "cell_size_check(1);busy_timeout(5000);query_only(1);cache_size(-2048);temp_store(memory)"
)

// othersWait is the busy_timeout of the pragmas above in milliseconds: how long a call waits for another process's
// lock.
const othersWait = 5000

// openPool returns connections to an existing file. SQLite opens the file with the first statement.
func openPool(path, pragmas string, size int) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	return openURL(abs, pragmas, size, url.Values{"mode": {"rw"}})
}

// openBeside returns a connection that reads a file which a bridge serves.
func openBeside(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	return openURL(abs, checkerPragmas, 1, url.Values{"mode": {"ro"}})
}

// openURL returns connections to the file with a path, and with parameters of SQLite's.
func openURL(path, pragmas string, size int, query url.Values) (*sql.DB, error) {
	query.Set("_error_rc", "1")
	query.Set("_dqs", "0")
	for pragma := range strings.SplitSeq(pragmas, ";") {
		query.Add("_pragma", pragma)
	}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	connector, err := driver.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if pragmas == readerPragmas {
		connector = keeping{connector}
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}

// querier reads on a connection or in a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read calls fn in a transaction that sees one state of the file.
func (db *DB) read(ctx context.Context, fn func(q querier) error) error {
	return db.readFrom(ctx, db.readers, fn)
}

// readFrom does the same as read on a connection of the given pool.
func (db *DB) readFrom(ctx context.Context, pool *sql.DB, fn func(q querier) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return db.readError(err)
	}
	defer tx.Rollback() // nothing was written
	err = fn(tx)
	if ctx.Err() != nil && err != nil {
		return ctx.Err() // SQLite reports an interruption
	}
	return db.readError(err)
}

// row reads the only row of a query in a transaction. found is false when there is none.
func (db *DB) row(ctx context.Context, query string, args []any, dest ...any) (found bool, err error) {
	err = db.read(ctx, func(q querier) error {
		return each(ctx, q, query, args, func(row scanner) error {
			found = true
			return row.Scan(dest...)
		})
	})
	return found, err
}

// each calls scan for every row of a query.
func each(ctx context.Context, q querier, query string, args []any, scan func(row scanner) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// columnOf returns the values of a query for one column.
func columnOf[T any](ctx context.Context, q querier, query string, args ...any) (all []T, err error) {
	err = each(ctx, q, query, args, func(row scanner) error {
		var value T
		err := row.Scan(&value)
		all = append(all, value)
		return err
	})
	return all, err
}

// scanner is a row of a result.
type scanner interface {
	Scan(dest ...any) error
}
